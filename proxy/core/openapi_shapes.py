"""What is posted to the local analytics server and what it answers, as JSON Schema for `openapi.json` (OpenAPI 3.1).

What is posted is described as it should be; more is taken than that (`wire` says what). What is answered is described as
it always is: each key that is required here is there, whatever was logged.
"""

from __future__ import annotations

from typing import Any

from .query import AGGREGATIONS, ENTRIES_LIMIT, NOTES_LIMIT, PAGE_LIMIT, TIME_UNITS
from .query_fields import TIME, VIEWS, View
from .query_properties import NAMES_LIMIT, VALUES_DEFAULT
from .query_where import OPERATORS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "minLength": 1}
MOMENT: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
_CONVERSATION_TYPES = ("openai", "support_ticket", "support_copilot")


def one_of(*values: Any) -> Schema:
    """One of a few strings."""
    return {"type": "string", "enum": list(values)}


def or_null(schema: Schema) -> Schema:
    """A schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(of: Schema, least: int = 0) -> Schema:
    """An array."""
    return {"type": "array", "items": of} | ({"minItems": least} if least else {})


def record(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these keys; others are passed over."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def ref(name: str) -> Schema:
    """A schema of `SCHEMAS` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(*names: str, of: Schema = TEXT) -> dict[str, Schema]:
    return {name: or_null(of) for name in names}


_USER_PROPERTIES = {
    "type": "object",
    "properties": _maybe("id", "userId", of={"type": ["string", "number"]})
    | _maybe("identificationType", "supportAgentName", "supportAgentEmail", "userType"),
    "additionalProperties": True,
}
_BAGS = {"properties": or_null(ANY_OBJECT), "userProperties": or_null(ref("UserProperties"))}
_LINK = record({"url": TEXT}, _maybe("label", "title", "description", "type") | _maybe("breadcrumbs", of=array(TEXT)))
_TOOL_CALL = record({"id": TEXT, "type": one_of("function"), "function": record({"name": TEXT, "arguments": TEXT})})
_IMAGE = record({"url": TEXT}, {"detail": one_of("auto", "low", "high")})
_CONTENT = {
    "anyOf": [
        TEXT,
        array(record({"type": one_of("text", "image_url")}, _maybe("text") | {"image_url": or_null(_IMAGE)})),
    ]
}
_REASON = record({"label": TEXT, "details": TEXT})
_SOURCE = record({"type": or_null(one_of("positive", "negative", "new"))}, _maybe("title", "url"))
_CALLS = {"tool_calls": or_null(array(ref("ToolCall")))}
_OPENAI_ROLES = one_of("system", "user", "assistant")

# ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────────

_POSTED_MESSAGE = (
    {"id": NAME, "links": or_null(array(ref("Link")))} | _maybe("externalId", "externalUrl", "name") | _BAGS
) | _maybe("createdAt", "updatedAt", of=MOMENT)
_POSTED_CONVERSATION = (
    {"id": NAME, "tags": or_null(array(TEXT)), "visibility": or_null(one_of("private", "public"))}
    | _maybe("externalId", "externalUrl", "supportTicketConversationId", "projectId", "integrationId")
    | _maybe("createdAt", "updatedAt", of=MOMENT)
    | _BAGS
)


def _posted_conversation(kind: str) -> Schema:
    said = {"role": _OPENAI_ROLES, "content": ref("Content")} if kind == "openai" else {"role": NAME}
    more = _CALLS if kind == "openai" else _maybe("content")
    messages = array(record(said, _POSTED_MESSAGE | more), least=1)
    return record({"type": {"const": kind}, "messages": messages}, _POSTED_CONVERSATION)


def _message(kind: str) -> Schema:
    required = {"id": NAME, "type": {"const": kind}, "conversationId": NAME, "createdAt": MOMENT, "updatedAt": MOMENT}
    required |= _maybe("externalId", "externalUrl")
    said = (
        {"role": _OPENAI_ROLES, "content": ref("Content")} if kind == "openai" else {"role": TEXT} | _maybe("content")
    )
    optional = _maybe("name") | {"links": or_null(array(ref("Link")))} | _BAGS
    return record(required | said, optional | (_CALLS if kind == "openai" else {}))


def _conversation(kind: str) -> Schema:
    required = {"id": NAME, "type": {"const": kind}, "createdAt": MOMENT, "updatedAt": MOMENT}
    required |= _maybe("externalId", "externalUrl", "supportTicketConversationId", "projectId", "integrationId")
    required |= {"visibility": one_of("private", "public"), "messages": array(_message(kind))}
    if kind == "openai":
        told = record(
            {"role": _OPENAI_ROLES, "content": ref("Content")}, {"name": TEXT, "tool_calls": array(_TOOL_CALL)}
        )
        required |= {"messagesOpenAIFormat": array(told)}
    return record(required, _BAGS | {"tags": or_null(array(TEXT))})


# ── feedback and events ─────────────────────────────────────────────────────────────────────────────────────────────

_RATED = {"type": one_of("positive", "negative"), "messageId": NAME}
_RATING = _BAGS | {"reasons": or_null(array(_REASON)), "sources": or_null(array(_SOURCE))}
_FEEDBACK = {"id": NAME, "createdAt": MOMENT, "updatedAt": MOMENT, "details": TEXT} | _RATED
#: What an event is about, by the key that says it; somebody may search for nothing.
_ENTITIES = {"message": ("messageId", NAME), "conversation": ("conversationId", NAME), "search": ("searchQuery", TEXT)}


def _posted_event(entity: str, key: str, kind: Schema) -> Schema:
    optional = {"id": NAME} | _maybe("createdAt", of=MOMENT) | _maybe("projectId", "integrationId") | _BAGS
    return record({"type": NAME, "entityType": {"const": entity}, key: kind}, optional)


def _event(entity: str, key: str, kind: Schema) -> Schema:
    required = {"id": NAME, "type": NAME, "createdAt": MOMENT, "entityType": {"const": entity}, key: kind}
    return record(required | _maybe("projectId", "integrationId"), _BAGS)


# ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────────

_PATH = array(TEXT)


def _filter(name: str, fields: list[str]) -> Schema:
    """A filter; what values suit which operator and field, `query_where` says."""
    condition = record({"field": one_of(*fields), "operator": one_of(*sorted(OPERATORS))}, {"value": {}})
    parts = array(ref(name))
    return {"oneOf": [record({"condition": condition}), record({"and": parts}), record({"or": parts})]}


def _query(view: View) -> Schema:
    fields, times = list(view.fields), [name for name, kind in view.fields.items() if kind == TIME]
    selections = [
        record(
            {"type": {"const": "field"}, "field": one_of(*fields)}, {"path": _PATH, "mode": one_of("json", "unpack")}
        ),
        record(
            {"type": {"const": "aggregation"}, "aggregation": one_of(*sorted(AGGREGATIONS))},
            {"field": one_of(*fields), "path": _PATH},
        ),
        record({"type": {"const": "time"}, "timeUnit": one_of(*sorted(TIME_UNITS))}, {"field": one_of(*times)}),
    ]
    group = record({"field": one_of(*fields)}, {"path": _PATH, "includeInSelect": {"type": "boolean"}})
    order = record({"field": NAME, "direction": one_of("asc", "desc")})
    return {
        "type": "object",
        "properties": {
            "select": array({"oneOf": selections}) | {"maxItems": ENTRIES_LIMIT},
            "groupBy": array(group) | {"maxItems": ENTRIES_LIMIT},
            "where": ref(f"{title_of(view.name)}Filter"),
            "orderBy": array(order) | {"maxItems": ENTRIES_LIMIT},
            "notes": {"type": "string", "maxLength": NOTES_LIMIT},
            "limit": {"type": "integer", "minimum": 0, "maximum": PAGE_LIMIT},
            "offset": COUNT,
        },
    }


def title_of(view: str) -> str:
    """A view's name as that of a schema."""
    return "".join(word.capitalize() for word in view.split("-"))


_VIEWS = [f"{name.replace('-', '_')}_view" for name in VIEWS]
_ANY_FIELD = sorted({name for view in VIEWS.values() for name in view.fields})
_PROPERTIES = {"views": array(one_of(*_VIEWS)), "where": ref("AnyFilter")}
_NAMES_ASKED = {"field": one_of("properties", "userProperties")}
_VALUES_LIMIT = {"type": "integer", "minimum": 0, "maximum": NAMES_LIMIT, "default": VALUES_DEFAULT}
_PAGE = {"total": COUNT, "pageSize": COUNT, "count": COUNT}


def _counted(**columns: Schema) -> Schema:
    return record({"data": record({"result": array(record(columns)), "total": COUNT})})


#: The part of a problem that the older format has, and the newer one as well.
_FAULT = record({"detail": TEXT, "pointer": TEXT, "name": TEXT, "reason": TEXT})

SCHEMAS: dict[str, Schema] = {
    "UserProperties": _USER_PROPERTIES,
    "Link": _LINK,
    "ToolCall": _TOOL_CALL,
    "Content": _CONTENT,
    "ConversationPosted": {"oneOf": [_posted_conversation(kind) for kind in _CONVERSATION_TYPES]},
    "Conversation": {"oneOf": [_conversation(kind) for kind in _CONVERSATION_TYPES]},
    "Message": {"oneOf": [_message(kind) for kind in _CONVERSATION_TYPES]},
    "ConversationList": record(
        {"conversations": array(ref("Conversation"))} | _PAGE,
        {"nextCursor": {"type": "string", "description": "The `cursor` of the next page; absent on the last."}},
    ),
    "FeedbackPosted": record(
        _RATED, {"id": NAME} | _maybe("createdAt", "updatedAt", of=MOMENT) | _maybe("details") | _RATING
    ),
    "Feedback": record(_FEEDBACK, _RATING),
    "FeedbackWithMessage": record(
        _FEEDBACK | {"conversation": ref("Conversation"), "message": ref("Message")}, _RATING
    ),
    "FeedbackList": record(
        dict.fromkeys(("positiveFeedbackCount", "negativeFeedbackCount"), COUNT)
        | dict.fromkeys(("positiveFeedback", "negativeFeedback"), array(ref("FeedbackWithMessage")))
    ),
    "EventPosted": {"oneOf": [_posted_event(entity, *key) for entity, key in _ENTITIES.items()]},
    "Event": {"oneOf": [_event(entity, *key) for entity, key in _ENTITIES.items()]},
    "Deleted": record({"success": {"type": "boolean"}, "message": TEXT}),
    **{
        f"{title_of(name)}Filter": _filter(f"{title_of(name)}Filter", list(view.fields)) for name, view in VIEWS.items()
    },
    **{f"{title_of(name)}Query": _query(view) for name, view in VIEWS.items()},
    "AnyFilter": _filter("AnyFilter", _ANY_FIELD),
    "Rows": record({"status": {"const": "ok"}, "data": record({"result": array(ANY_OBJECT)} | _PAGE)}),
    "PropertyKeysAsked": record(_NAMES_ASKED, _PROPERTIES),
    "PropertyValuesAsked": record(_NAMES_ASKED | {"key": TEXT}, _PROPERTIES | {"limit": _VALUES_LIMIT}),
    "Texts": record({"results": array(TEXT)}),
    "TopSearches": _counted(search_query=TEXT, count=TEXT),
    "WeeklySearchers": _counted(week=MOMENT, unique_users=TEXT),
    "Problem": record(
        {
            "title": TEXT,
            "status": COUNT,
            "detail": TEXT,
            "code": NAME,
            "error": record({"code": NAME, "message": TEXT}),
        },
        {"instance": TEXT, "requestId": TEXT, "errors": array(_FAULT)},
    ),
}

"""`GET /openapi.json`: every operation that is served, who may use it, what it takes and what it answers.

One table (`_OPERATIONS`), beside the routes of `api` and `asking`; a test holds both together. Sizes, names and choices
come from where they are checked. What Inkeep's API does not have is marked `x-teelog-extra`. The pages are for people,
and not described.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from .. import __version__
from ..core.openapi_shapes import MOMENT, NAME, SCHEMAS, TEXT, Schema, one_of, ref, title_of
from ..core.query_fields import VIEWS
from ..core.session_filter import ENTRIES_LIMIT, FEEDBACK, LIST_LIMIT, OFFSET_LIMIT, VALUE_LIMIT
from .auth import API, WEB

_TITLES = {
    400: "Something in it is wrong; `errors` names what, with a JSON pointer or the parameter's name.",
    401: "No key, or one that is not known here.",
    403: "The key is of the wrong kind, or the host or origin is not one of ours.",
    404: "There is no such thing.",
    422: "It cannot be done as things are.",
    429: "Too much is asked at once.",
    500: "Something failed here; the log says more.",
}
_VALUE = {"type": "string", "maxLength": VALUE_LIMIT}
_VALUES = {"type": "array", "items": _VALUE, "maxItems": ENTRIES_LIMIT}
#: What narrows `GET /conversations`: all of it is ours.
_FILTERS: dict[str, tuple[Schema, str]] = {
    "q": (_VALUE, 'Words, "phrases in quotes" and beginn*, all of them in one message.'),
    "from": (MOMENT, "Last changed at or after; unix milliseconds, too."),
    "to": (MOMENT, "Last changed before; unix milliseconds, too."),
    "user": (_VALUE, "`userId` of the user properties, else their `id`."),
    "tag": (_VALUES, "One of its tags; given again: all of them."),
    "property": (_VALUES, "name=value of its properties; given again: all of them."),
    "model": (_VALUE, "The `model` of its properties."),
    "feedback": (one_of(*FEEDBACK), "What it was given, or any of it."),
    "interrupted": (one_of("true", "false"), "Whether an answer of it was cut off."),
    "cursor": (_VALUE, "The `nextCursor` of the page before; without an offset."),
}


@dataclass(frozen=True, slots=True)
class _Operation:
    """
    One of them.

    Args:
        name: As the official SDK calls it, or would.
        says: What it does.
        answer: The schema of its 200; None: CSV.
        kinds: Of the keys that may.
        body: The schema of what is posted.
        query: Its parameters: name -> schema and words.
        errors: Statuses besides those that every operation has.
        is_extra: Whether Inkeep's has none.

    """

    name: str
    says: str
    answer: Schema | None
    kinds: tuple[str, ...] = (API,)
    body: Schema | None = None
    query: dict[str, tuple[Schema, str]] | None = None
    errors: tuple[int, ...] = ()
    is_extra: bool = False


def _paging(default: int) -> dict[str, tuple[Schema, str]]:
    limit = {"type": "integer", "minimum": 0, "maximum": LIST_LIMIT, "default": default}
    offset = {"type": "integer", "minimum": 0, "maximum": OFFSET_LIMIT, "default": 0}
    return {"limit": (limit, "Objects of a page."), "offset": (offset, "Objects before it.")}


_SEARCHES = {"after": (TEXT, "An ISO-8601 time or day."), "project_id": (TEXT, "One project; absent: all.")}


def _operations(*, web_delete: bool) -> dict[tuple[str, str], _Operation]:
    both = (API, WEB)
    deleting = both if web_delete else (API,)
    conversation, feedback = ref("Conversation"), ref("FeedbackWithMessage")
    found = {
        ("post", "/conversations"): _Operation(
            "logConversation", "Logs a conversation, or brings the one of its id up to date.", conversation, both,
            body=ref("ConversationPosted"), errors=(422,),
        ),
        ("get", "/conversations"): _Operation(
            "listConversations", "Conversations, last changed first.", ref("ConversationList"),
            query=_paging(20) | _FILTERS, errors=(422,),
        ),
        ("get", "/conversations/{id}"): _Operation("getConversation", "One of them.", conversation, both, errors=(404,)),
        ("delete", "/conversations/{id}"): _Operation(
            "deleteConversation", "Deletes it for good, with its feedback and events.", ref("Deleted"), deleting,
            errors=(404,),
        ),
        ("get", "/conversations/external/{externalId}"): _Operation(
            "getConversationByExternalId", "The newest of an external id.", conversation, errors=(404,)
        ),
        ("post", "/feedback"): _Operation(
            "submitFeedback", "Logs feedback on a message, or changes the one of its id.", ref("Feedback"), both,
            body=ref("FeedbackPosted"),
        ),
        ("get", "/feedback"): _Operation(
            "listFeedback", "Feedback, newest first.", ref("FeedbackList"), query=_paging(10), errors=(422,)
        ),
        ("get", "/feedback/{id}"): _Operation(
            "getFeedbackById", "One of it, with its message and conversation.", feedback, errors=(404,)
        ),
        ("delete", "/feedback/{id}"): _Operation(
            "deleteFeedbackById", "Deletes it for good.", ref("Deleted"), errors=(404,)
        ),
        ("post", "/events"): _Operation(
            "logEvent", "Logs an event.", ref("Event"), both, body=ref("EventPosted")
        ),
        ("post", "/query/property-keys"): _Operation(
            "queryPropertyKeys", "The keys that properties have.", ref("Texts"), body=ref("PropertyKeysAsked"),
            errors=(422, 429),
        ),
        ("post", "/query/property-values"): _Operation(
            "queryPropertyValues", "The values of one.", ref("Texts"), body=ref("PropertyValuesAsked"), errors=(422, 429)
        ),
        ("get", "/query/top-search-queries"): _Operation(
            "topSearchQueries", "What was searched for most.", ref("TopSearches"), query=_SEARCHES, errors=(422, 429)
        ),
        ("get", "/query/weekly-search-users"): _Operation(
            "weeklySearchUsers", "How many users searched, by week.", ref("WeeklySearchers"), query=_SEARCHES,
            errors=(422, 429),
        ),
        ("get", "/livez"): _Operation("live", "Whether it runs.", None, (), is_extra=True),
        ("get", "/openapi.json"): _Operation("describe", "This description.", {"type": "object"}, ()),
    }  # fmt: skip
    for view in VIEWS:
        body, title = ref(f"{title_of(view)}Query"), title_of(view)
        found["post", f"/query/{view}"] = _Operation(
            f"query{title}", f"Rows of {view}, or figures about them.", ref("Rows"), body=body, errors=(422, 429)
        )
        found["post", f"/query/{view}/export"] = _Operation(
            f"export{title}QueryResults", "The same rows as CSV, all of them.", None, body=body, errors=(422, 429)
        )
    return found


def describe(*, web_delete: bool = False) -> bytes:
    """The document, as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in _operations(web_delete=web_delete).items():
        paths.setdefault(path, {})[method] = _described(path, operation)
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "teelog's analytics API",
                "version": __version__,
                "description": "Inkeep's Analytics API, with extras of ours; every body may be 2 MB.",
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": SCHEMAS,
                "securitySchemes": {
                    API: {"type": "http", "scheme": "bearer", "description": "Reads and writes everything."},
                    WEB: {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "Published in browsers: logs, and reads one.",
                    },
                },
            },
        }
    )


def _described(path: str, operation: _Operation) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": NAME} for name in names]
    for name, (schema, words) in (operation.query or {}).items():
        extra = {"x-teelog-extra": True} if name in _FILTERS else {}
        parameters.append({"name": name, "in": "query", "schema": schema, "description": words, **extra})
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "security": [{kind: []} for kind in operation.kinds],
        "responses": _responses(operation),
    }
    if parameters:
        told["parameters"] = parameters
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    return told | ({"x-teelog-extra": True} if operation.is_extra else {})


def _responses(operation: _Operation) -> dict[str, Any]:
    kind = "application/json" if operation.answer is not None else "text/csv" if operation.body else "text/plain"
    responses = {"200": {"description": "Done.", "content": {kind: {"schema": operation.answer or TEXT}}}}
    statuses = {*operation.errors, 400, 401, 403, 500} if operation.kinds else {403, 500}
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    for status in sorted(statuses):
        responses[str(status)] = {"description": _TITLES[status], "content": problem}
    responses["4XX"] = {"description": "What HTTP itself says: too large, too slow, not JSON.", "content": problem}
    return responses

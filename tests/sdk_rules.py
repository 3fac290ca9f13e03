"""What the official SDK (`@inkeep/inkeep-analytics`) demands of an answer, stated again in Python.

`faults_of` returns every breach as a sentence with its place; an empty list means that the SDK parses the answer. The
rules are those of its response schemas: a required key must be present (even as null), unknown keys are dropped, and
one bad message makes a whole list unreadable. What is asked and exported has its rules in `sdk_query_rules`.
"""

from collections.abc import Callable, Iterator
from typing import Any

Check = Callable[[Any, str], Iterator[str]]

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    422: "unprocessable_entity",
    500: "internal_server_error",
}


def is_a(*kinds: type) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"{at}: {value!r:.60} is not {' or '.join(kind.__name__ for kind in kinds)}"

    return check


def one_of(*allowed: Any) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if value not in allowed:
            yield f"{at}: {value!r:.60} is not one of {allowed}"

    return check


def nullable(inner: Check) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if value is not None:
            yield from inner(value, at)

    return check


def array(inner: Check) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{at}: not an array"
            return
        for place, item in enumerate(value):
            yield from inner(item, f"{at}[{place}]")

    return check


def either(*inner: Check) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        tried = [list(one(value, at)) for one in inner]
        if all(tried):
            yield from min(tried, key=len)

    return check


def shape(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at}: not an object"
            return
        for name, inner in required.items():
            if name not in value:
                yield f"{at}.{name}: missing"
            else:
                yield from inner(value[name], f"{at}.{name}")
        for name, inner in (optional or {}).items():
            if name in value:
                yield from inner(value[name], f"{at}.{name}")

    return check


def no_fault(value: Any, at: str) -> Iterator[str]:
    yield from ()


TEXT = is_a(str)
NUMBER = is_a(int, float)
PROPERTIES = nullable(is_a(dict))
USER_PROPERTIES = nullable(
    shape(
        {},
        {name: nullable(is_a(str, int, float)) for name in ("id", "userId")}
        | {
            name: nullable(TEXT) for name in ("identificationType", "supportAgentName", "supportAgentEmail", "userType")
        },
    )
)
LINK = shape(
    {"url": TEXT},
    {name: nullable(TEXT) for name in ("label", "title", "description", "type")}
    | {"breadcrumbs": nullable(array(TEXT))},
)
TOOL_CALL = shape({"id": TEXT, "type": one_of("function"), "function": shape({"name": TEXT, "arguments": TEXT})})
IMAGE = shape({"url": TEXT}, {"detail": one_of("auto", "low", "high")})
ITEM = shape({"type": one_of("text", "image_url")}, {"text": nullable(TEXT), "image_url": nullable(IMAGE)})
CONTENT = either(TEXT, array(ITEM))
OPENAI_MESSAGE = shape(
    {"role": one_of("system", "user", "assistant"), "content": CONTENT},
    {"name": nullable(TEXT), "tool_calls": nullable(array(TOOL_CALL))},
)


def message(kind: str) -> Check:
    required = dict.fromkeys(("id", "conversationId", "createdAt", "updatedAt"), TEXT)
    required |= {name: nullable(TEXT) for name in ("externalId", "externalUrl")}
    required |= {"type": one_of(kind)}
    optional = {"name": nullable(TEXT), "links": nullable(array(LINK))}
    optional |= {"properties": PROPERTIES, "userProperties": USER_PROPERTIES}
    if kind == "openai":
        return shape(
            required | {"role": one_of("system", "user", "assistant"), "content": CONTENT},
            optional | {"tool_calls": nullable(array(TOOL_CALL))},
        )
    return shape(required | {"role": TEXT, "content": nullable(TEXT)}, optional)


def _conversation(kind: str) -> Check:
    required = dict.fromkeys(("id", "createdAt", "updatedAt"), TEXT)
    required |= {
        name: nullable(TEXT)
        for name in ("externalId", "externalUrl", "supportTicketConversationId", "projectId", "integrationId")
    }
    required |= {"type": one_of(kind), "visibility": nullable(one_of("private", "public"))}
    required |= {"messages": array(message(kind))}
    if kind == "openai":
        required |= {"messagesOpenAIFormat": array(OPENAI_MESSAGE)}
    optional = {"properties": PROPERTIES, "userProperties": USER_PROPERTIES, "tags": nullable(array(TEXT))}
    return shape(required, optional)


TYPES = ("openai", "support_ticket", "support_copilot")
CONVERSATION = either(*(_conversation(kind) for kind in TYPES))
MESSAGE = either(*(message(kind) for kind in TYPES))
FEEDBACK_KEYS = {
    "id": TEXT,
    "type": one_of("positive", "negative"),
    "messageId": TEXT,
    "createdAt": TEXT,
    "updatedAt": TEXT,
}
FEEDBACK_OPTIONS = {
    "reasons": nullable(array(shape({"label": TEXT, "details": TEXT}))),
    "details": TEXT,
    "properties": PROPERTIES,
    "userProperties": USER_PROPERTIES,
    "sources": nullable(
        array(
            shape(
                {"type": nullable(one_of("positive", "negative", "new"))},
                {"title": nullable(TEXT), "url": nullable(TEXT)},
            )
        )
    ),
}
FEEDBACK = shape(FEEDBACK_KEYS, FEEDBACK_OPTIONS)
FEEDBACK_WITH_MESSAGE = shape(FEEDBACK_KEYS | {"conversation": CONVERSATION, "message": MESSAGE}, FEEDBACK_OPTIONS)
FEEDBACK_LIST = shape(
    {
        "positiveFeedbackCount": NUMBER,
        "negativeFeedbackCount": NUMBER,
        "positiveFeedback": array(FEEDBACK_WITH_MESSAGE),
        "negativeFeedback": array(FEEDBACK_WITH_MESSAGE),
    }
)
CONVERSATION_LIST = shape(
    {"conversations": array(CONVERSATION), "total": NUMBER, "pageSize": NUMBER, "count": NUMBER},
)
EVENT = either(
    *(
        shape(
            dict.fromkeys(("id", "type", "createdAt", key), TEXT)
            | {"projectId": nullable(TEXT), "integrationId": nullable(TEXT), "entityType": one_of(kind)},
            {"properties": PROPERTIES, "userProperties": USER_PROPERTIES},
        )
        for kind, key in (("message", "messageId"), ("conversation", "conversationId"), ("search", "searchQuery"))
    )
)
DELETED = shape({"success": is_a(bool), "message": TEXT})


def faults_of(check: Check, answer: Any) -> list[str]:
    return list(check(answer, "$"))


def problem_faults(status: int, content_type: str, body: Any) -> list[str]:
    """The breaches of an error answer; statuses that the SDK has no type for may have any code."""
    code = one_of(CODES[status]) if status in CODES else TEXT
    check = shape(
        {
            "title": TEXT,
            "status": one_of(status),
            "detail": TEXT,
            "code": code,
            "error": shape({"code": code, "message": TEXT}),
        },
        {"instance": TEXT, "requestId": TEXT},
    )
    faults = [] if content_type == "application/problem+json" else [f"content type is {content_type}"]
    return faults + faults_of(check, body)

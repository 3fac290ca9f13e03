"""What breaks the official SDK when it comes back as it was logged, by what is wrong with it, and what is merely odd.

`FATAL` are messages of `openai` conversations, `CONVERSATIONS` whole ones, `FEEDBACK` and `EVENTS` the other bodies. All
of them are taken (200), and all answers that hold them must parse. `REFUSED` are answered 400, and leave nothing.
"""

CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
USER = {"role": "user", "content": "hi"}


def asks(**call):
    return {"role": "assistant", "content": "", "tool_calls": [CALL | call]}


def says(*parts):
    return {"role": "user", "content": list(parts)}


FATAL = {
    "a tool's message": {"role": "tool", "content": "found", "tool_call_id": "call_1"},
    "a tool's message with parts": {"role": "tool", "content": [{"type": "text", "text": "x"}], "tool_call_id": "no"},
    "a developer": {"role": "developer", "content": "be brief"},
    "a function's message": {"role": "function", "name": "f", "content": "{}"},
    "a role nobody knows": {"role": "critic", "content": "meh"},
    "content null": {"role": "assistant", "content": None},
    "content null beside calls": asks() | {"content": None},
    "no content": {"role": "assistant"},
    "no parts": says(),
    "sound": says({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    "a file": says({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}),
    "a refusal as a part": says({"type": "refusal", "refusal": "no"}),
    "a refusal": {"role": "assistant", "content": None, "refusal": "I cannot"},
    "thinking": says({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}),
    "a part of no type": says({"text": "x"}),
    "a part of a type that is no text": says({"type": 7, "text": "x"}),
    "text that is no text": says({"type": "text", "text": {"value": "x"}}, {"type": "text", "text": 5}),
    "text null": says({"type": "text", "text": None}),
    "parts that are no objects": says("x", 5, None, [], True),
    "a picture": says({"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}}),
    "a picture of unknown detail": says({"type": "image_url", "image_url": {"url": "u", "detail": "original"}}),
    "a picture that is a text": says({"type": "image_url", "image_url": "https://example.com/a.png"}),
    "a picture without address": says({"type": "image_url", "image_url": {}}, {"type": "image_url"}),
    "a picture of the Responses API": says({"type": "input_image", "image_url": "u", "detail": "auto"}),
    "a custom call": asks(type="custom", custom={"name": "sh", "input": "ls"}),
    "a call of no type": asks(type=None),
    "a call of a type of its own": asks(type="web_search"),
    "a call without id": asks(id=None),
    "a call with a number as id": asks(id=7),
    "a call of nothing": {"role": "assistant", "content": "", "tool_calls": [{}]},
    "arguments that are an object": asks(function={"name": "f", "arguments": {"a": 1}}),
    "arguments null": asks(function={"name": "f", "arguments": None}),
    "no arguments": asks(function={"name": "f"}),
    "a call without a name": asks(function={"arguments": "{}"}),
    "no calls": {"role": "assistant", "content": "x", "tool_calls": []},
    "calls null": {"role": "assistant", "content": "x", "tool_calls": None},
    "the old function call": {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{"}},
    "a link without url": USER | {"links": [{"title": "x"}]},
    "a link whose url is null": USER | {"links": [{"url": None}, {"url": 7}, None, "https://example.com"]},
    "a link whose fields are no texts": USER | {"links": [{"url": "u", "label": 1, "title": [], "breadcrumbs": [1]}]},
    "a message of another type": USER | {"type": "support_ticket"},
    "a user's id that is an object": USER | {"userProperties": {"userId": {"a": 1}, "id": [1], "userType": 5}},
    "a user's id that is true": USER | {"userProperties": {"userId": True, "supportAgentName": False}},
    "properties of a prototype": USER | {"properties": {"__proto__": {"x": 1}, "constructor": 1, "toString": None}},
    "all null": USER
    | dict.fromkeys(("id", "name", "links", "properties", "userProperties", "tool_calls", "externalId", "createdAt")),
    "keys nobody knows": USER | {"metadata": {"a": 1}, "annotations": [], "conversationId": 5, "updated_at": 1},
    "NUL and the ends of Unicode": {"role": "user", "content": "\x00\uffff\U0010ffff\u202e\ufeff"},
    "a lone name": USER | {"name": ""},
}
TICKET = {"role": "agent", "content": "look"}
CONVERSATIONS = {
    **{name: {"type": "openai", "messages": [message]} for name, message in FATAL.items()},
    "a call and its result": {
        "type": "openai",
        "messages": [USER, asks(), {"role": "tool", "tool_call_id": "call_1", "content": "found"}],
    },
    "a ticket": {"type": "support_ticket", "messages": [TICKET, TICKET | {"content": None}, {"role": "customer"}]},
    "a ticket with calls": {"type": "support_ticket", "messages": [TICKET | {"tool_calls": [CALL]}]},
    "a copilot": {"type": "support_copilot", "messages": [TICKET | {"role": "tool", "links": [{"label": "x"}]}]},
    "everything null": {"type": "openai", "messages": [USER]}
    | dict.fromkeys(
        ("id", "externalId", "externalUrl", "supportTicketConversationId", "createdAt", "updatedAt", "projectId",
         "integrationId", "properties", "userProperties", "tags", "visibility")
    ),
    "no tags": {"type": "openai", "messages": [USER], "tags": []},
    "a user of numbers": {"type": "openai", "messages": [USER], "userProperties": {"id": 1.5, "userId": -7, "x": [1]}},
    "a user of objects": {"type": "openai", "messages": [USER], "userProperties": {"userId": {}, "supportAgentName": 1}},
    "large numbers": {"type": "openai", "messages": [USER], "properties": {"n": 2**63, "m": -1e308, "userId": 5}},
    "keys of the answer": {
        "type": "openai", "messages": [USER], "messagesOpenAIFormat": "x", "organizationId": 5, "sources": [{}],
    },
    "times at the ends": {
        "type": "openai", "messages": [USER], "createdAt": "0001-01-01T00:00:00Z", "updatedAt": "9999-12-31T23:59:59Z",
    },
    "properties that look like columns": {
        "type": "openai", "messages": [USER],
        "properties": {"count": "x", "userId_day": 1, "userId": {"a": 1}, "supportAgentName": None, "": "", "a.b": 1},
    },
}  # fmt: skip
FEEDBACK = {
    "reasons without details": {"reasons": [{"label": "wrong"}]},
    "reasons that are labels": {"reasons": ["wrong", "late"]},
    "reasons whose details are null": {"reasons": [{"label": "wrong", "details": None, "weight": 5}]},
    "no reasons": {"reasons": []},
    "details null": {"details": None, "reasons": None, "sources": None, "properties": None, "userProperties": None},
    "sources of unknown type": {"sources": [{"type": "mixed", "title": 7, "url": None}, {}]},
    "a person that is a list": {"userProperties": {"id": [1], "userId": False}},
    "keys nobody knows": {"conversationId": 5, "conversation": "x", "message": None},
}
EVENTS = {
    "nothing but a key": {"type": "x", "searchQuery": "how"},
    "of the widget": {"eventName": "assistant_message_copied", "properties": {"messageId": "m-of-an-event"}},
    "with its whole conversation": {
        "type": "chat_clear_button_clicked",
        "properties": {"conversation": {"id": "c-of-an-event", "messages": [USER]}},
    },
    "properties of all kinds": {
        "type": "x", "conversationId": "c", "properties": {"n": 1, "none": None, "list": [1], "o": {"a": "b"}, "f": True},
        "userProperties": {"userId": 5, "x": {"y": 1}},
    },
    "about two things": {"type": "x", "entityType": "message", "messageId": "m", "conversationId": "c"},
    "all null": {"type": "x", "searchQuery": "q"}
    | dict.fromkeys(("projectId", "integrationId", "properties", "userProperties", "id", "createdAt")),
}  # fmt: skip
REFUSED = {
    "a time in numbers": {"type": "openai", "messages": [USER], "createdAt": 1_763_797_565_000},
    "a message's time in numbers": {"type": "openai", "messages": [USER | {"createdAt": 1_763_797_565}]},
    "no type": {"messages": [USER]},
    "another type": {"type": "email", "messages": [USER]},
    "content that is an object": {"type": "openai", "messages": [{"role": "user", "content": {"a": 1}}]},
    "another visibility": {"type": "openai", "messages": [USER], "visibility": "unlisted"},
    "tags of numbers": {"type": "openai", "messages": [USER], "tags": [1]},
    "properties that are a list": {"type": "openai", "messages": [USER], "properties": []},
}


def logged():
    """Each body that is taken with its path, and with ids, so that feedback has its message."""
    for place, body in enumerate(CONVERSATIONS.values()):
        given = {} if "id" in body else {"id": f"hostile {place}/ü"}
        yield "/conversations", body | given
    yield (
        "/conversations",
        {"type": "openai", "id": "rated", "messages": [USER, FATAL["content null"] | {"id": "rated-a"}]},
    )
    for place, body in enumerate(FEEDBACK.values()):
        yield "/feedback", {"id": f"hostile-f{place}", "type": "negative", "messageId": "rated-a"} | body
    for body in EVENTS.values():
        yield "/events", body

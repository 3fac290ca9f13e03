"""What is posted wrongly to be logged: each with its path, its status and the pointer that names what is wrong."""

USER = {"role": "user", "content": "hi"}
CHAT = {"type": "openai", "messages": [USER]}
TICKET = {"type": "support_ticket", "messages": [{"role": "agent"}]}
THUMB = {"type": "positive", "messageId": "m"}
SEEN = {"type": "seen", "entityType": "search", "searchQuery": "q"}

_NO_TEXTS = {"a number": 7, "true": True, "an array": ["x"], "an object": {"a": 1}}
_NO_NAMES = _NO_TEXTS | {"an empty text": ""}
_NO_OBJECTS = {"a text": "x", "a number": 7, "an array": [], "false": False}
_NO_TIMES = {
    "a word": "today",
    "a number": 1_763_797_565_000,
    "an object": {},
    "a day that is none": "2026-02-30T00:00:00Z",
    "a time past the last year": "9999-12-31T23:59:59-23:00",
    "NUL": "2026-01-01T00:00:00Z\x00",
}
_NO_ARRAYS = {"a text": "x", "an object": {"0": "x"}, "a number": 0, "true": True}


def _fields():
    """Every field of the three bodies with values of the wrong kind."""
    bodies = {"/conversations": CHAT, "/feedback": THUMB, "/events": SEEN}
    wrong = {
        "/conversations": {
            "id": _NO_NAMES,
            "externalId": _NO_TEXTS,
            "projectId": {"a number": 7},
            "createdAt": _NO_TIMES,
            "updatedAt": {"a word": "now"},
            "properties": _NO_OBJECTS,
            "userProperties": _NO_OBJECTS,
            "tags": _NO_ARRAYS | {"numbers": [1], "null": [None]},
            "visibility": {"another": "secret", "true": True, "an array": ["public"]},
            "type": {"another": "chat", "null": None, "an object": {}, "a number": 1},
            "messages": _NO_ARRAYS | {"nothing": [], "null": None},
        },
        "/feedback": {
            "type": {"another": "meh", "null": None, "an array": ["positive"]},
            "messageId": _NO_NAMES | {"null": None},
            "id": _NO_NAMES,
            "createdAt": {"a word": "now"},
            "details": _NO_TEXTS,
            "reasons": _NO_ARRAYS | {"numbers": [1], "nothing in it": [{}], "null": [None]},
            "sources": _NO_ARRAYS | {"texts": ["x"]},
            "properties": {"an array": []},
        },
        "/events": {
            "type": _NO_NAMES | {"null": None},
            "entityType": {"another": "page", "a number": 1},
            "searchQuery": _NO_TEXTS,
            "createdAt": {"a word": "now"},
            "userProperties": {"a text": "u"},
        },
    }
    for path, fields in wrong.items():
        for name, values in fields.items():
            for what, value in values.items():
                yield f"{path} {name} is {what}", (path, bodies[path] | {name: value}, 400, f"/{name}")


def _messages():
    """The second message of a conversation, wrong in each of its fields."""
    wrong = {
        "role": {"a number": 1, "null": None, "an empty text": ""},
        "content": {"a number": 1, "an object": {}, "true": True},
        "id": _NO_NAMES,
        "name": _NO_TEXTS,
        "createdAt": {"a number": 1},
        "properties": {"a text": "x"},
        "userProperties": {"an array": []},
        "links": {"a text": "x", "an object": {}},
        "tool_calls": {"a text": "x", "texts": ["x"]},
        "tool_call_id": {"a number": 1},
    }
    for name, values in wrong.items():
        for what, value in values.items():
            body = CHAT | {"messages": [USER, USER | {name: value}]}
            yield f"a message's {name} is {what}", ("/conversations", body, 400, f"/messages/1/{name}")
    for what, value in {"a text": "x", "null": None, "an array": []}.items():
        yield f"a message is {what}", ("/conversations", CHAT | {"messages": [USER, value]}, 400, "/messages/1")


WRONG = {
    **dict(_fields()),
    **dict(_messages()),
    "a ticket's content is an array": (
        "/conversations", TICKET | {"messages": [{"role": "agent", "content": []}]}, 400, "/messages/0/content"
    ),
    "a ticket's role is missing": ("/conversations", TICKET | {"messages": [{}]}, 400, "/messages/0/role"),
    "one id twice": ("/conversations", CHAT | {"messages": [USER | {"id": "a"}] * 2}, 422, "/messages/1/id"),
    "an event about nothing": ("/events", {"type": "seen"}, 400, "/entityType"),
    "an event without its key": ("/events", {"type": "seen", "entityType": "message"}, 400, "/messageId"),
    **{
        f"{path} with {what}": (path, body, 400, "")
        for path in ("/conversations", "/feedback", "/events")
        for what, body in {"an array": [], "a text": "x", "a number": 1, "true": True}.items()
    },
}  # fmt: skip

#: What is no JSON that could be given back.
BROKEN = {
    "nothing": b"",
    "spaces": b"  \n",
    "half an object": b'{"type":"openai"',
    "two objects": b"{}{}",
    "a comma too many": b'{"type":"openai",}',
    "single quotes": b"{'type':'openai'}",
    "a comment": b'{"type":"openai"/**/}',
    "NaN": b'{"type":NaN}',
    "no UTF-8": b'{"type":"\xff\xfe"}',
    "UTF-16": '{"type":"openai"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"type":"openai"}',
    "a raw NUL": b'{"type":"open\x00ai"}',
    "NULs": b"\x00" * 1000,
    "a raw line break": b'{"type":"open\nai"}',
    "a lone surrogate": b'{"type":"openai","messages":[{"role":"user","content":"\\ud800"}]}',
    "a lone low surrogate": b'{"type":"\\udc00"}',
    "a lone surrogate as a key": b'{"\\ud800":1}',
    "surrogates the wrong way round": b'{"type":"\\udc00\\ud800"}',
    "a surrogate in raw bytes": b'{"type":"\xed\xa0\x80"}',
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep arrays": b'{"properties":' + b"[" * 250 + b"]" * 250 + b"}",
    "arrays without end": b"[" * 1_000_000,
    "a form": b"type=openai&messages=hi",
    "a page": b"<html></html>",
}

KEYS = {
    "none": None,
    "nothing": "",
    "no scheme": "key-api",
    "another scheme": "Basic a2V5LWFwaQ==",
    "no key": "Bearer ",
    "another key": "Bearer key-apis",
    "in capitals": "Bearer KEY-API",
    "half": "Bearer key-",
    "two": "Bearer key-api key-api",
    "quoted": 'Bearer "key-api"',
    "all": "Bearer *",
    "an injection": "Bearer ' OR 1=1 --",
    "long": "Bearer " + "k" * 6000,
    "not ASCII": "Bearer kéy-api",
}

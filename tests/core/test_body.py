"""Bodies told apart and errors found."""

import pytest

from proxy.core.body import ERROR_EXCERPT, answer_object, error_in, is_events, refusal_in

STREAM, JSON, NONE = "text/event-stream; charset=utf-8", "application/json", ""
SNIFFED = {
    "events": (b"data: {}\n\n", STREAM, True),
    "events labelled JSON": (b"data: {}\n\n", JSON, True),
    "events without a label": (b"event: x\ndata: 1\n\n", NONE, True),
    "events after a mark and blanks": (b"\xef\xbb\xbf\r\n\n: hi\n\n", NONE, True),
    "id first": (b"id: 1\n", NONE, True),
    "retry first": (b"retry:1\n", NONE, True),
    "data line without a colon": (b"data\n", JSON, True),
    "JSON": (b'{"a":1}', JSON, False),
    "JSON labelled events": (b'{"a":1}', STREAM, False),
    "JSON after a mark and blanks": (b"\xef\xbb\xbf \n\n[1]", STREAM, False),
    "nothing": (b"", JSON, False),
    "nothing, labelled events": (b"", "Text/Event-Stream", True),
    "a cut field, labelled events": (b"dat", STREAM, True),
    "plain words": (b"database is down", NONE, False),
    "page": (b"<html>", "text/html", False),
}


@pytest.mark.parametrize(("data", "content_type", "expected"), SNIFFED.values(), ids=SNIFFED)
def test_is_events(data, content_type, expected):
    """The first bytes tell events from JSON; the content type only where they do not."""
    assert is_events(data, content_type) is expected


OBJECTS = {
    "object": (b' \n{"a":1}', {"a": 1}),
    "list of one": (b'[{"a":1}]', {"a": 1}),
    "empty list": (b"[]", None),
    "string": (b'"a"', None),
    "no JSON": (b"a", None),
}


@pytest.mark.parametrize(("data", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_answer_object(data, expected):
    """An answer's object, also out of a list."""
    assert answer_object(data) == expected


ERRORS = {
    "object": ({"error": {"code": 1}}, "", {"code": 1}),
    "text": ({"error": "no"}, "", "no"),
    "beside choices": ({"error": "no", "choices": []}, "", "no"),
    "null": ({"error": None, "choices": []}, "", None),
    "none": ({"id": "x"}, "", None),
    "event named error": ({"message": "no"}, "error", {"message": "no"}),
    "event named error, error within": ({"error": "no"}, "error", "no"),
    "event named error, a chunk all the same": ({"choices": []}, "error", None),
    "older vLLM": ({"object": "error", "message": "no"}, "", {"object": "error", "message": "no"}),
    "by type": ({"type": "error", "code": "x"}, "", {"type": "error", "code": "x"}),
}


@pytest.mark.parametrize(("chunk", "event", "expected"), ERRORS.values(), ids=ERRORS)
def test_error_in(chunk, event, expected):
    """An error is found in each form that servers give it."""
    assert error_in(chunk, event) == expected


REFUSALS = {
    "error": (b'{"error":{"code":1}}', {"code": 1}),
    "detail": (b'{"detail":"no"}', {"detail": "no"}),
    "text": (b" no \n", "no"),
    "page": (b"x" * 9999, "x" * ERROR_EXCERPT),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("data", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_in(data, expected):
    """Of a refusal something is kept, whatever its form."""
    assert refusal_in(data) == expected

"""The journal's payload: both ways, and what never gets into it."""

from __future__ import annotations

import pytest

from proxy.core.capture import Capture, CapturedHead, blanked_note, safe_target
from proxy.core.capture_rules import CaptureRules
from proxy.core.exchange import Exchange, Note, decode, encode_note
from proxy.errors import RecordUnreadable
from proxy.relay.keys import KeyRing

SECRET = "sk-planted-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: sid=abcdefghijkl\r\nx-request-id: r1\r\n\r\n"

HEAD_FIELDS = ("method", "target", "upstream", "connection", "raw_headers", "rules")


def capture(**changes) -> Capture:
    values = {
        "id": "01a2024e-dd49-7648-9226-581c25683b04", "method": "POST", "target": "/v1/chat/completions",
        "upstream": "", "connection": "7", "raw_headers": ((b"Content-Type", b"application/json"),),
        "request": b'{"a":1}', "started": 1000, "rules": CaptureRules(secret=b"s" * 32), "pieces": [HEAD, b"data: x\n\n"],
        "head_size": len(HEAD), "status": 200, "framing": "length", "first_byte": 1500, "ended": 2000,
    }  # fmt: skip
    values |= changes
    head = CapturedHead(**{name: values.pop(name) for name in HEAD_FIELDS})
    return Capture(head=head, **values)


def test_an_exchange_comes_back_as_it_went_in():
    """What was captured is what the recorder reads: bodies, times, status, the fields that are copied."""
    read = decode(capture(interrupted="client").encode())

    assert read == Exchange(
        id="01a2024e-dd49-7648-9226-581c25683b04", method="POST", target="/v1/chat/completions", upstream="", tenant="",
        connection="7", headers={"content-type": "application/json"}, request=b'{"a":1}', status=200,
        answer_headers={"content-type": "text/event-stream"}, answer=b"data: x\n\n", started=1000,
        first_byte=1500, ended=2000, interrupted="client",
    )  # fmt: skip


def test_framing_is_undone_for_the_reader():
    """A chunked answer is read without its chunks, as far as it came."""
    pieces = [HEAD, b"3\r\nabc\r\n5\r\nde"]

    assert decode(capture(pieces=pieces, framing="chunked").encode()).answer == b"abcde"


def test_a_request_without_an_answer_is_kept():
    """An exchange whose answer never came has status 0 and an empty answer."""
    read = decode(capture(pieces=[], head_size=0, status=0, first_byte=None, interrupted="client").encode())

    assert (read.status, read.answer, read.answer_headers, read.first_byte) == (0, b"", {}, None)


def test_a_note_comes_back_as_it_went_in():
    """Feedback and events keep their body and their tenant."""
    note = Note(
        id="n1", kind="feedback", tenant="0123456789abcdef", body={"type": "positive", "messageId": "m"}, started=5
    )

    assert decode(encode_note(note)) == note


HIDING = {
    "authorization": ((b"Authorization", f"Bearer {SECRET}".encode()),),
    "lower-case": ((b"authorization", f"bearer {SECRET}".encode()),),
    "api-key": ((b"Api-Key", SECRET.encode()),),
    "x-api-key": ((b"X-API-Key", SECRET.encode()),),
    "google": ((b"x-goog-api-key", SECRET.encode()),),
    "cookie": ((b"Cookie", f"a=b; session={SECRET}".encode()),),
    "basic": ((b"Proxy-Authorization", f"Basic {SECRET}".encode()),),
    "unheard-of": ((b"X-Unheard-Of", SECRET.encode()),),
    "our-key": ((b"x-teelog-key", SECRET.encode()),),
    "twice": ((b"X-Auth-Token", SECRET.encode()), (b"X-Auth-Token", SECRET.encode())),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_credential_in_a_header_is_not_encoded(name):
    """Only known harmless fields are copied; a credential's value is in no payload."""
    assert SECRET.encode() not in capture(raw_headers=HIDING[name]).encode()


@pytest.mark.parametrize("name", [name for name in HIDING if name != "unheard-of"])
def test_a_credential_that_a_body_quotes_is_blanked(name):
    """A key that the request or the answer repeats is blanked there, in the same length."""
    read = decode(
        capture(
            raw_headers=HIDING[name],
            request=f'{{"k":"{SECRET}"}}'.encode(),
            pieces=[HEAD, f"you sent {SECRET}!".encode()],
        ).encode()
    )

    assert read.request == b'{"k":"' + b"*" * len(SECRET) + b'"}'
    assert read.answer == b"you sent " + b"*" * len(SECRET) + b"!"


QUOTED = {
    "by its number": rb'{"k": "a\u002bb\u002Fc\u003d0123"}',
    "with a backslash": rb'{"k": "a+b\/c=0123"}',
    "as it is": b'{"k": "a+b/c=0123"}',
}


@pytest.mark.parametrize("name", QUOTED)
def test_a_credential_is_found_in_other_spellings(name):
    """A key that JSON spells in another way is blanked as well, in the length that it has there."""
    head = ((b"Authorization", b"Bearer a+b/c=0123"),)
    read = decode(capture(raw_headers=head, request=QUOTED[name], pieces=[HEAD, b"data: " + QUOTED[name]]).encode())

    assert read.request == b'{"k": "' + b"*" * (len(QUOTED[name]) - 9) + b'"}'
    assert b"0123" not in read.answer


CHUNKS = {
    "in two": [f'{{"k":"{SECRET[:7]}', f'{SECRET[7:]}"}}'],
    "after one letter": [f'{{"k":"{SECRET[:1]}', f'{SECRET[1:]}"}}'],
    "in three": [f'{{"k":"{SECRET[:3]}', SECRET[3:5], f'{SECRET[5:]}"}}'],
    "in letters": [*f'{{"k":"{SECRET}"}}'],
    "behind others": ["x" * 5000, f'{{"k":"{SECRET[:7]}', f'{SECRET[7:]}"}}'],
    "not at all": ['{"k":"', f'{SECRET}"', "}"],
}


@pytest.mark.parametrize("name", CHUNKS)
def test_a_credential_that_a_chunk_cuts_is_blanked(name):
    """A key that begins in one chunk and ends in another is found all the same, and all else is as it was."""
    head = HEAD.replace(b"text/event-stream", b"application/json")
    framed = b"".join(b"%x\r\n%b\r\n" % (len(one), one.encode()) for one in CHUNKS[name]) + b"0\r\n\r\n"
    values = {"pieces": [head, framed], "head_size": len(head), "framing": "chunked"}
    read = decode(capture(raw_headers=HIDING["authorization"], **values).encode())

    assert read.answer.decode() == "".join(CHUNKS[name]).replace(SECRET, "*" * len(SECRET))


def test_a_credential_in_an_answers_fields_is_blanked():
    """An upstream that gives a key back beside the type of its answer is recorded without it."""
    head = HEAD.replace(b"/event-stream", f"/event-stream; for={SECRET}".encode())
    read = decode(capture(raw_headers=HIDING["api-key"], pieces=[head, b"x"], head_size=len(head)).encode())

    assert read.answer_headers == {"content-type": "text/event-stream; for=***"}


def test_a_note_is_blanked():
    """Feedback that quotes a key of its own request is kept without it."""
    note = Note(id="n1", kind="feedback", tenant="", body={"details": f"my key is {SECRET}"}, started=5)
    payload = blanked_note(encode_note(note), HIDING["cookie"], f"/feedback?key={SECRET}x")

    assert decode(payload).body == {"details": "my key is " + "*" * len(SECRET)}


def test_our_own_key_is_blanked_too():
    """The upstream's key, which we add, is blanked where the upstream quotes it."""
    rules = CaptureRules(secret=b"s" * 32, secrets=(SECRET.encode(),))

    assert SECRET.encode() not in capture(rules=rules, pieces=[HEAD, f"bad key {SECRET}".encode()]).encode()


def test_ordinary_words_are_left_alone():
    """Values too short to be credentials, and values of fields that are none, are not cut out of bodies."""
    headers = ((b"Authorization", b"Bearer test"), (b"Accept", b"application/json"))
    body = b"this is a test of application/json"

    assert decode(capture(raw_headers=headers, request=body).encode()).request == body


TARGETS = {
    "/v1/chat/completions": "/v1/chat/completions",
    "/v1/x?api-version=2024-10-21&stream=true": "/v1/x?api-version=2024-10-21&stream=true",
    f"/v1/x?key={SECRET}&api-version=1": "/v1/x?key=***&api-version=1",
    f"/v1/x?{SECRET}": "/v1/x?***",
    "/v1/x?": "/v1/x?",
    f"/v1/x?a=b=c&&token={SECRET}": "/v1/x?a=***&&token=***",
}


@pytest.mark.parametrize("target", TARGETS)
def test_unknown_query_values_are_blanked(target):
    """Of a query only the values of known parameters are kept."""
    assert safe_target(target) == TARGETS[target]


TENANTS = {
    "key": ("key", ((b"Authorization", b"Bearer k1"),), ((b"authorization", b"bearer k1"),), True),
    "other-key": ("key", ((b"Authorization", b"Bearer k1"),), ((b"Authorization", b"Bearer k2"),), False),
    "key-and-nothing": ("key", ((b"Authorization", b"Bearer k1"),), (), False),
    "none": ("none", ((b"Authorization", b"Bearer k1"),), ((b"Authorization", b"Bearer k2"),), True),
    "header": ("header:x-team", ((b"X-Team", b"a"), (b"Authorization", b"Bearer k1")), ((b"x-team", b"a"),), True),
    "other-header": ("header:x-team", ((b"X-Team", b"a"),), ((b"X-Team", b"b"),), False),
    "a-second-header": ("header:x-team", ((b"X-Team", b"a"),), ((b"X-Team", b"b"), (b"X-Team", b"a")), False),
    "another's-behind-an-own": (
        "key",
        ((b"Authorization", b"Bearer k1"),),
        ((b"Authorization", b"Bearer k2"), (b"Authorization", b"Bearer k1")),
        False,
    ),
    "another's-beside-an-own": (
        "key",
        ((b"Authorization", b"Bearer k1"),),
        ((b"Authorization", b"Bearer k1"), (b"api-key", b"k2")),
        False,
    ),
    "another's-as-x-teelog-key": (
        "key",
        ((b"Authorization", b"Bearer k1"),),
        ((b"x-teelog-key", b"k1"), (b"Authorization", b"Bearer k2")),
        False,
    ),
    "the-same-twice": (
        "key",
        ((b"Authorization", b"Bearer k1"),),
        ((b"api-key", b"k1"), (b"Authorization", b"bearer k1")),
        True,
    ),
    "a-client-key-and-another's": (
        "key",
        ((b"Authorization", b"Bearer client-1"),),
        ((b"x-api-key", b"client-2"), (b"Authorization", b"Bearer client-0")),
        False,
    ),
    "a-client-key-and-anything": (
        "key",
        ((b"Authorization", b"Bearer client-1"),),
        ((b"x-api-key", b"client-1"), (b"Authorization", b"Bearer own")),
        True,
    ),
}


@pytest.mark.parametrize("name", TENANTS)
def test_tenants_are_told_apart_as_configured(name):
    """Callers are one tenant exactly where the configured mode says so, whatever else they show."""
    mode, first, second, same = TENANTS[name]
    rules = CaptureRules(tenant=mode, secret=b"s" * 32, is_client_key=KeyRing(["client-1", "client-2"]).shows)
    tenants = [decode(capture(raw_headers=headers, rules=rules).encode()).tenant for headers in (first, second)]

    assert (tenants[0] == tenants[1]) == same


def test_configured_headers_are_copied():
    """A header that the configuration names is copied under its lower-case name."""
    rules = CaptureRules(more_headers=frozenset(("x-chat",)), secret=b"s" * 32)

    assert decode(capture(raw_headers=((b"X-Chat", b"c1"),), rules=rules).encode()).headers == {"x-chat": "c1"}


GARBAGE = [b"", b"\x00", b"\x00\x00\x00\x05abc", b"\x00\x00\x00\x02{}\x00\x00\x00\x00", b"\xff" * 100]


@pytest.mark.parametrize("payload", GARBAGE)
def test_garbage_is_named(payload):
    """A payload that is none is a `RecordUnreadable`, never another exception."""
    with pytest.raises(RecordUnreadable):
        decode(payload)

"""What is redacted, what is not, and that no text makes it slow."""

import json
import signal
from contextlib import contextmanager

import pytest

from proxy.core.message import Message
from proxy.core.redact import Redactor

REDACTOR = Redactor({})
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"
KEY = "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t"


@contextmanager
def patience(seconds):
    """A text that would take for ever fails its test."""

    def give_up(*_):
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        # e-mail
        ("write to ann@example.com.", "write to [email]."),
        ("<Ann.Lee+news@mail.example.co.uk>, bob@example.org", "<[email]>, [email]"),
        ("jörg@bücher.example", "[email]"),
        ("mailto:ann@example.com?subject=x", "mailto:[email]?subject=x"),
        ("x" * 100 + "@example.com", "[email]"),
        ("https://user:pass@example.com/x", "https://user:[email]/x"),
        # phone
        ("call +49 30 1234567", "call [phone]"),
        ("+1 (415) 555-2671, or +14155552671", "[phone], or [phone]"),
        ("+44 7911 123456!", "[phone]!"),
        ("tel:+4915112345678", "tel:[phone]"),
        ("(415) 555-2671", "[phone]"),
        ("415-555-2671 or 415.555.2671 or 1-415-555-2671", "[phone] or [phone] or [phone]"),
        ("my number is 415 555 2671", "my number is [phone]"),
        ("01 23 45 67 89", "[phone]"),
        ("0171 1234567, 0171/1234567, 0171-1234567", "[phone], [phone], [phone]"),
        ("020 7946 0958", "[phone]"),
        ("07911 123456", "[phone]"),
        ("+1 415 555 2671 2024-01-15", "[phone] 2024-01-15"),
        # cards
        ("4111 1111 1111 1111 exp 12/27", "[card] exp 12/27"),
        ("4242424242424242", "[card]"),
        ("5555-5555-5555-4444.", "[card]."),
        ("2223003122003222", "[card]"),
        ("378282246310005 and 3782 822463 10005", "[card] and [card]"),
        ("6011111111111117", "[card]"),
        ("30569309025904, 3056 930902 5904", "[card], [card]"),
        ("3566002020360505", "[card]"),
        ("6200000000000005", "[card]"),
        ("order 12 4111 1111 1111 1111", "order 12 [card]"),
        # IBANs
        ("DE89370400440532013000", "[iban]"),
        ("IBAN: DE89 3704 0044 0532 0130 00 AND MORE", "IBAN: [iban] AND MORE"),
        ("GB82 WEST 1234 5698 7654 32, NO93 8601 1117 947", "[iban], [iban]"),
        ("BE68 5390 0754 7034 PAID NOW", "[iban] PAID NOW"),
        ("ID12 DE89370400440532013000", "ID12 [iban]"),
        ("MT84MALT011000012345MTLCAST001S", "[iban]"),
        # keys and tokens
        (f"use {KEY} please", "use [api_key] please"),
        ("sk-ant-api03-Zx9Yw8Vu7Ts6Rq5Po4Nm3Lk2-Ji1_AA", "[api_key]"),
        ("sk-1234567890abcdef1234567890abcdef", "[api_key]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[api_key]"),
        ("github_pat_11ABCDEFG0_abcdefghijklmnop", "[api_key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[api_key]"),
        ("xoxb-123456789012-abcdefABCDEF", "[api_key]"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "[api_key]"),
        ("hf_abcdefghijklmnopqrstuvwxyzABCD", "[api_key]"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[api_key]"),
        (JWT, "[token]"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [token]"),
        ("authorization: bearer abcDEF123-_.~+/xyz==", "authorization: bearer [token]"),
        ("api_key=abc123def456", "api_key=[secret]"),
        ('{"client_secret": "a1b2c3d4e5f6"}', '{"client_secret": "[secret]"}'),
        (r"{\"access_token\": \"a1b2c3d4e5f6\"}", r"{\"access_token\": \"[secret]\"}"),
        ("AWS_SECRET_ACCESS_KEY='wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'", "AWS_SECRET_ACCESS_KEY='[secret]'"),
        (f"OPENAI_API_KEY={KEY}", "OPENAI_API_KEY=[api_key]"),
        ("password: hunter2!", "password: [password]"),
        ("DB_PASSWORD=12345678", "DB_PASSWORD=[password]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE+/==\nabc\n-----END RSA PRIVATE KEY-----\nbye",
            "[private_key]\nbye",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE and cut", "[private_key]"),
        # JSON escapes stay whole
        (r"one\nann@example.com\tDE89370400440532013000\n4242424242424242", r"one\n[email]\t[iban]\n[card]"),
        (r"x\n+4915112345678\nsk-1234567890abcdef1234567890abcdef", r"x\n[phone]\n[api_key]"),
        # many at once
        ("ann@example.com " * 3, "[email] " * 3),
        ("", ""),
        ("nothing to see", "nothing to see"),
    ],
)
def test_redacted(text, redacted):
    """What is to be redacted becomes its name, and the text around it stays; a second time changes nothing."""
    assert REDACTOR.text(text) == redacted
    assert REDACTOR.text(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        # numbers
        "1700000000000 1700000000000000 1700000000000000000",
        "order 1234567890123456, invoice 20240115103000",
        "3.141592653589793 and 0.4111111111111111",
        "4111111111111112",  # the sum is wrong
        "9111111111111111 1234 5678 9012 3456",
        "ISBN 978-3-16-148410-0, EAN 4006381333931",
        "5551234567 or 08154711 or 4155552671",
        "hidden sizes 512 768 1024, 640 480 2000",
        "+3.14159265 +10.000.000 +10 000 000 +12345 +0000",
        "a snowflake 1189246812345678901",
        # versions, times, addresses, ids
        "1.2.3 v10.15.7 2.0.0-rc.1+build.20240115 118.0.5993.117",
        "2024-01-15 10:30:00 2024-01-15T10:30:00.123456+01:00 15.01.2024 01/15/2024",
        "Mon Jan 15 10:30:00 2024 +0530",
        "192.168.100.200 10.0.0.1:8080 255.255.255.255 fe80::1ff:fe23:4567:890a",
        "123e4567-e89b-12d3-a456-426614174000 12345678-1234-5678-1234-567812345678",
        "00000000-4111-1111-1111-111111111111",
        "chatcmpl-9ZkD41111111111111111abc call_4111111111111111 5f3759df",
        "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "507f1f77bcf86cd799439011",
        # what looks like an e-mail address
        "git@github.com:org/repo.git icon@2x.png lodash@4.17.21 @ann user@localhost a@b",
        # what looks like an IBAN
        "DE89370400440532013001 DE8937040044053201300 XX89370400440532013000 GB82WEST1234569876543",
        # code and prose about secrets
        "api_key = os.environ['OPENAI_API_KEY']; token = get_token(); password = input()",
        "max_tokens: 4096, prompt_tokens=12345678, token: string; secret: my-app-2",
        "apiKey: process.env.OPENAI_API_KEY, password: str, token=${TOKEN}, secret=<your-secret>",
        "the bearer responsibilities are bearer certificates",
        "sk-learn sk-learn-tutorial-version-2 pk_test ghp_short AKIA12 eyJ.eyJ.x task-1234567890abcdef12",
        "xai-text-with-reasoning-streaming-store-false",
        "[email] [card] Bearer [token] password=[password]",
    ],
)
def test_kept(text):
    """What only looks alike stays as it was."""
    assert REDACTOR.text(text) == text


def test_ordinary_numbers():
    """Of consecutive long numbers without a card's prefix none is taken for anything."""
    text = " ".join(str(number) for number in range(1_700_000_000_000_000, 1_700_000_000_002_000))

    assert REDACTOR.text(text) == text


def test_message():
    """Every place of a message where something can be said is redacted; its ids, roles and names of tools stay."""
    said = Message(
        role="assistant",
        content=[{"type": "text", "text": "ann@example.com"}, {"type": "image_url", "image_url": {"url": "x"}}],
        tool_calls=[
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "send", "arguments": '{"to": "ann@example.com"}'},
            },
        ],
        tool_call_id="call_0",
        name="ann@example.com",
        refusal="not to ann@example.com",
        reasoning="she is ann@example.com",
        function_call={"name": "send", "arguments": "ann@example.com"},
        id="msg-1",
        extra={"annotations": [{"url": "mailto:ann@example.com"}]},
    )
    redacted = REDACTOR.message(said)

    assert "ann@" not in json.dumps(redacted.to_json())
    assert json.dumps(redacted.to_json()).count("[email]") == 7
    assert json.dumps(redacted.to_json()) == json.dumps(said.to_json()).replace("ann@example.com", "[email]")


def test_message_without():
    """A message with nothing to redact comes out equal."""
    for said in (Message(role="user", content="hi"), Message(role="assistant", content=None), Message("user", [])):
        assert REDACTOR.message(said) == said


@pytest.mark.parametrize(
    ("arguments", "redacted"),
    [
        ('{"to":  "ann@example.com", "n": 1.50}', '{"to":  "[email]", "n": 1.50}'),
        (r'{"to": "ann\u0040example.com"}', '{"to": "[email]"}'),
        (
            r'{"t": "\u00e9 \u2028 ok", "n": 12345678901234567890}',
            r'{"t": "\u00e9 \u2028 ok", "n": 12345678901234567890}',
        ),
        (r'{"t": "one\nann@example.com\n\"4242424242424242\""}', r'{"t": "one\n[email]\n\"[card]\""}'),
        (r'{"inner": "{\"to\": \"ann@example.com\", \"x\": \"a\\nb@example.com\"}"}',) * 2,
        ('{"card": 4242424242424242}', '{"card": [card]}'),
        ('{"password": "hunter2!"}', '{"password": "[password]"}'),
        ('{"ann@example.com": 1}', '{"[email]": 1}'),
        ('{"to": "ann@example.com", "and": "bob@example', '{"to": "[email]", "and": "bob@example'),
        ('{"cut": "ann@example.com', '{"cut": "[email]'),
        (r'{"cut": "ann@example.com\u00', r'{"cut": "[email]\u00'),
        (r'["\ud800", "ann@example.com"]', r'["\ud800", "[email]"]'),
        ("not JSON: ann@example.com", "not JSON: [email]"),
        ("", ""),
    ],
)
def test_arguments(arguments, redacted):
    """Arguments are redacted within their strings, whatever the escapes; every other byte stays, cut JSON too."""
    redacted = redacted.replace("ann@example.com", "[email]").replace(r"a\\nb@example.com", r"a\\n[email]")
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    [out] = REDACTOR.message(Message(role="assistant", content=None, tool_calls=[call])).tool_calls

    assert out == call | {"function": {"name": "f", "arguments": redacted}}


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        (None, None),
        (True, True),
        (12, 12),
        (1.5, 1.5),
        (4242424242424242, "[card]"),
        (1700000000000000, 1700000000000000),
        (["ann@example.com", ["x"]], ["[email]", ["x"]]),
        ({"a": {"b": ["ann@example.com"]}}, {"a": {"b": ["[email]"]}}),
        ({"password": "hunter2!", "apiKey": "abc123def456"}, {"password": "[secret]", "apiKey": "[secret]"}),
        ({"password": "as you like", "token": "string"}, {"password": "as you like", "token": "string"}),
        ({"a@b.example": 1, "c@d.example": 2}, {"[email]": 1, "[email] 2": 2}),
        ({"id": "4242424242424242", "type": "x"}, {"id": "4242424242424242", "type": "x"}),
        ('{"x": "ann\\u0040example.com"}', '{"x": "[email]"}'),
        ("data:image/png;base64," + "+14155552671/" * 20, "data:image/png;base64," + "+14155552671/" * 20),
        ("/+14155552671/" * 100, "/+14155552671/" * 100),
        ("data:text/plain,ann@example.com", "data:text/plain,[email]"),
        ("data:image/png;base64,QUJD 4242424242424242", "data:image/png;base64,QUJD [card]"),
        ("data:image/png;base64,QUJD\r\n" + "QUJD" * 15, "data:image/png;base64,QUJD\r\n" + "QUJD" * 15),
    ],
)
def test_value(value, redacted):
    """JSON values are redacted wherever they are, keys too; files and ids are not."""
    assert REDACTOR.value(value) == redacted


def test_keys_alike():
    """Many keys of which the same is left take linear time, and none is lost."""
    with patience(10):
        out = REDACTOR.value({f"a{n}@b.example": n for n in range(20_000)})

    assert list(out.values()) == list(range(20_000))
    assert [*out][:2] == ["[email]", "[email] 2"]


def test_deep():
    """A value nested deeper than anything real is cut off, and does no harm."""
    deep = "ann@example.com"
    for _ in range(5000):
        deep = [deep]
    with patience(30):
        out = REDACTOR.value(deep)
    for _ in range(100):
        [out] = out

    assert out == "[too deep]"


def test_own_patterns():
    """Own patterns are looked for before the built-in ones, and all of what they match is replaced."""
    own = Redactor({"employee": r"EMP-(\d{6})", "codename": r"(?i)project\s{1,5}falcon"})

    assert own.text("EMP-123456 of Project  Falcon: ann@example.com") == "[employee] of [codename]: [email]"
    assert own.value({"k": ["EMP-123456"]}) == {"k": ["[employee]"]}


@pytest.mark.parametrize(
    ("patterns", "says"),
    [
        ({"mine": "(a+)+b"}, "privacy.patterns.mine"),
        ({"mine": "("}, "privacy.patterns.mine"),
        ({"[x]": "a"}, "is not a name"),
        ({"": "a"}, "is not a name"),
    ],
)
def test_bad_patterns(patterns, says):
    """A pattern that could be made slow or is none, and a name that is none, are refused."""
    with pytest.raises(ValueError, match=says):
        Redactor(patterns)


SIZE = 1_000_000
HOSTILE = {
    "digits": "1",
    "spaced digits": "4 ",
    "spaced cards": "4111 ",
    "at signs": "@",
    "addresses without end": "a@",
    "dots": "a.",
    "phones": "+1(415)",
    "trunks": "0171 ",
    "IBAN starts, spaced": "DE89 ",
    "JWT starts": "eyJ",
    "JWT parts": "eyJaaaaaaaaaa.",
    "SendGrid": "SG.aaaaaaaaaaaaaaaa.",
    "tokens": "token:",
    "tokens, spaced": "token    ",
    "passwords": "password=",
    "bearers": "bearer ",
    "key starts": "-----BEGIN PRIVATE KEY-----",
    "escapes": "\\n",
    "backslashes": "\\",
    "quotes": '"',
    "escaped quotes": '\\"',
    "spaces": " ",
    "own": "ab",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile(unit):
    """A megabyte of what tempts a pattern to try again and again is done in its time, in text and in JSON."""
    redactor = Redactor({"own": r"(?:ab?){1,6}c"})
    text = unit * (SIZE // len(unit))
    with patience(60):
        redactor.text(text)
        redactor.value('{"' + text[: SIZE // 10])

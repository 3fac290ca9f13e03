"""The real process at the door: every case that others wrote for servers like it, and why some of them get a 2xx."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.process import Teelog
from tests.raw import Pieces, RawUpstream

DOOR = Path(__file__).parents[3] / "shared" / "door" / "http11probe.json"

pytestmark = pytest.mark.skipif(
    not DOOR.exists(), reason="HTTP probes are not here: ../shared/door, which is not part of the project"
)

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"])
#: How long an answer may take; a request that is not there whole gets none.
PATIENCE = 3.0

PLAIN = "an ordinary request"
END_TO_END = "a field or method between client and upstream: it goes on as it came, the upstream judges it"
BODY = (
    "a body belongs to any method (RFC 9110 §9.3.1); it is framed, goes on framed alike, and is read off the connection"
)
TRAILER = "trailers are never merged into the head, and stop here (RFC 9110 §6.5.1)"
#: Where both readings are allowed and the answer is a 2xx: why that is right.
TAKEN = {
    "RFC9112-3-MULTI-SP-REQUEST-LINE": "RFC 9112 §3 allows to part at whitespace; the line that goes on has one space",
    "COMP-LEADING-CRLF": "RFC 9112 §2.2: an empty line before the request line SHOULD be passed over",
    "COMP-ABSOLUTE-FORM": "RFC 9112 §3.2.2: absolute form MUST be taken; its authority equals Host",
    "COMP-POST-CL-BODY": PLAIN,
    "COMP-CHUNKED-BODY": PLAIN,
    "COMP-CHUNKED-MULTI": PLAIN,
    "COMP-CHUNKED-HEX-UPPERCASE": "RFC 9112 §7.1: the size is hexadecimal in either case",
    "COMP-CHUNKED-EXTENSION": "RFC 9112 §7.1.1: unknown chunk extensions MUST be passed over; none goes on",
    "COMP-CHUNKED-TRAILER-VALID": TRAILER,
    "COMP-UPGRADE-MISSING-CONN": "without `Connection: upgrade` it is no offer, and Upgrade stops here (RFC 9110 §7.8)",
    "COMP-UPGRADE-UNKNOWN": "RFC 9110 §7.8: an offer may be passed over; the connection ends behind the answer",
    "COMP-GET-WITH-CL-BODY": BODY,
    "COMP-CONNECTION-CLOSE": PLAIN,
    "COMP-HTTP10-DEFAULT-CLOSE": PLAIN,
    "COMP-HTTP10-NO-HOST": "RFC 9112 §3.2 asks for Host in HTTP/1.1 only; the upstream gets its own",
    "COMP-NO-1XX-HTTP10": "no 100 is sent to HTTP/1.0 (RFC 9110 §10.1.1)",
    "COMP-RANGE-POST": END_TO_END,
    "COMP-RANGE-INVALID": END_TO_END,
    "COMP-HEAD-NO-BODY": PLAIN,
    "COMP-405-ALLOW": END_TO_END,
    "COMP-DATE-HEADER": "the upstream's answer; Date is its own to give",
    "COMP-DATE-FORMAT": "as before",
    "COMP-NO-CL-IN-204": "the upstream's answer, a 200",
    "COMP-OPTIONS-ALLOW": END_TO_END,
    "COMP-CONTENT-TYPE": PLAIN,
    "COMP-ACCEPT-NONSENSE": END_TO_END,
    "COMP-POST-UNSUPPORTED-CT": END_TO_END,
    "SMUG-CL-LEADING-ZEROS": "RFC 9110 §8.6: 1*DIGIT; the length goes on as it came, before exactly as many bytes",
    "SMUG-CL-DOUBLE-ZERO": "as before",
    "SMUG-CL-TRAILING-SPACE": "RFC 9110 §5.5: whitespace around a value is no part of it, and does not go on",
    "SMUG-CL-EXTRA-LEADING-SP": "as before",
    "MAL-CL-TAB-BEFORE-VALUE": "as before",
    "SMUG-EXPECT-100-CL": "100 is sent after our own checks; what has come already is the body",
    "SMUG-EXPECT-100-CL-DESYNC": "as before",
    "SMUG-TRAILER-HOST": TRAILER,
    "SMUG-TRAILER-AUTH": TRAILER,
    "SMUG-TRAILER-CONTENT-TYPE": TRAILER,
    "SMUG-HEAD-CL-BODY": BODY,
    "SMUG-OPTIONS-CL-BODY": BODY,
    "SMUG-GET-CL-BODY-DESYNC": BODY,
    "SMUG-OPTIONS-CL-BODY-DESYNC": BODY,
    "SMUG-PIPELINE-SAFE": PLAIN,
}
#: A request that is not there whole is waited for, until its time is over.
UNFINISHED = {
    "RFC9112-2.3-HTTP09-REQUEST", "COMP-POST-CL-UNDERSEND", "COMP-CHUNKED-NO-FINAL", "MAL-INCOMPLETE-REQUEST",
    "MAL-POST-CL-HUGE-NO-BODY",
}  # fmt: skip


async def statuses(folder) -> list[tuple[dict, str]]:
    """Each case, and what the real process made of it: the last status that is no 100, "close", or "wait"."""
    cases = json.loads(DOOR.read_text())
    upstream = await RawUpstream([OK]).start()
    teelog = Teelog(folder, f"http://127.0.0.1:{upstream.port}/v1")
    try:
        await asyncio.to_thread(teelog.start)
        many = asyncio.Semaphore(16)

        async def one(case: dict) -> str:
            async with many:
                return await asked(teelog.port, payload(case))

        return list(zip(cases, await asyncio.gather(*map(one, cases)), strict=True))
    finally:
        teelog.kill()
        await upstream.stop()


def payload(case: dict) -> bytes:
    """The case's bytes, for a path that is forwarded."""
    data = bytes.fromhex(case["p"])
    for own, ours in ((b" / HTTP", b" /v1/x HTTP"), (b" /echo HTTP", b" /v1/echo HTTP"), (b":18902/ ", b":18902/v1 ")):
        data = data.replace(own, ours, 1)
    return data


async def asked(port: int, data: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(PATIENCE):
            while True:
                status = (await reader.readuntil(b"\r\n")).split(b" ")[1].decode()
                if status != "100":
                    return status
                await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return "close"
    except TimeoutError:
        return "wait"
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def right(expected: str, status: str) -> bool:
    """Whether a status is what the probe's authors expect: "400", "2xx", "400 or close", …"""
    words = expected.replace("/", " ").replace("or", " ").lower().split()
    return any(word == status or (word.endswith("xx") and word[0] == status[0]) for word in words)


async def test_the_front_door_judges_rightly(tmp_path):
    """No strict case of Http11Probe is judged otherwise than its authors expect, and every other 2xx has its reason."""
    found = await statuses(tmp_path)

    strict = [(case["id"], case["exp"], status) for case, status in found if case["exp"] != "custom"]
    free = {case["id"]: status for case, status in found if case["exp"] == "custom"}
    print(f"{len(strict)} strict cases, {sum(status[0] == '2' for status in free.values())} of {len(free)} others 2xx")
    assert len(strict) == 55
    assert [one for one in strict if not right(*one[1:])] == []
    assert {name for name, status in free.items() if status[0] == "2"} == set(TAKEN)
    assert {name for name, status in free.items() if status == "wait"} == UNFINISHED
    assert {status for name, status in free.items() if name not in TAKEN.keys() | UNFINISHED} <= {
        "400", "404", "405", "417", "426", "501", "505",
    }  # fmt: skip

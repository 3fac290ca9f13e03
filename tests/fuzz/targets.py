"""What is fuzzed: one function each of the bytes it is given, which raises only when a promise is broken.

What a target says of its input beside (refused, broken) is no finding. Each takes any bytes at all; where a format is
JSON, bytes that are none are passed over, and the mutator knows JSON's own mutations.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import orjson
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from proxy.config_sources import load
from proxy.core.capture import Capture, CapturedHead
from proxy.core.capture_rules import CaptureRules
from proxy.core.exchange import decode
from proxy.core.frames import FrameWalker
from proxy.core.framing import ChunkWalker, dechunk
from proxy.core.query import read_query
from proxy.core.query_fields import CONVERSATIONS, EVENTS, FEEDBACK
from proxy.core.sse import SseReader
from proxy.core.wire import emit_conversation, emit_event, emit_feedback, read_conversation, read_event, read_feedback
from proxy.errors import ApiError, ConfigError, RecordUnreadable, RequestRefused, UpstreamBroken
from proxy.relay.answer_again import read_again
from proxy.relay.answer_head import read_answer_head
from proxy.relay.headers import forward_head, read_request_head
from proxy.relay.limits import MAX_FIELD, MAX_FIELDS, MAX_TARGET
from proxy.relay.reply import Reply
from proxy.relay.websocket import Session

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[^\r\n\x00]*")


def cuts(data: bytes) -> list[bytes]:
    """The bytes in reads of lengths that depend on them alone, so that a finding comes again."""
    chance = random.Random(hashlib.sha256(data).digest())
    at, out = 0, []
    while at < len(data):
        step = chance.choice((1, 1, 2, 3, 5, 17, 100, 5000))
        out.append(data[at : at + step])
        at += step
    return out


# --- the door


def request_head(data: bytes) -> None:
    """What goes upstream of a head that aiohttp's parser takes is one unambiguous head, to our path, with one framing."""
    protocol = BaseProtocol(_LOOP)
    parser = HttpRequestParser(
        protocol,
        _LOOP,
        2**16,
        max_line_size=MAX_TARGET,
        max_field_size=MAX_FIELD,
        max_headers=MAX_FIELDS,
        auto_decompress=False,
    )
    protocol._parser = parser
    try:
        messages, _, _ = parser.feed_data(data)
    except HttpProcessingError:
        return
    for message, _ in messages:
        try:
            head = read_request_head(message.method, message.version, message.path, message.raw_headers)
        except RequestRefused:
            continue
        if head.target == "*":
            continue
        sent = forward_head(
            head, head.target, b"upstream.test", b"hop", frozenset((b"authorization",)), ((b"A", b"b"),)
        )
        sent_plain = forward_head(head, head.target, b"upstream.test", b"hop")
        for one in (sent, sent_plain):
            first, *lines = one.split(b"\r\n")
            assert lines[-2:] == [b"", b""]
            assert re.fullmatch(rb"[!-~]+ /[!-~]* HTTP/1\.1", first), first
            assert all(map(_LINE.fullmatch, lines[:-2])), lines
            names = [line.partition(b":")[0].lower() for line in lines[:-2]]
            assert names.count(b"host") == 1
            assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
            assert not {b"connection", b"upgrade", b"te", b"trailer", b"expect", b"keep-alive"} & set(names)
            assert [name for name in names if name.startswith(b"x-teelog-")] == [b"x-teelog-hop"]
            assert not any(value in line for line in lines for value in (b"\x00",))


def target(data: bytes) -> None:
    """A target that is let in names nothing outside its route, however often a server decodes it."""
    text = data.decode("latin-1")
    try:
        head = read_request_head("GET", (1, 1), text, ((b"Host", b"proxy.test"),))
    except RequestRefused:
        return
    path = head.target.partition("?")[0].encode("ascii")
    assert path.startswith(b"/")
    assert not path.startswith(b"//")
    for _ in range(4):
        assert b"\\" not in path
        assert not re.search(rb"[\x00-\x1f\x7f]", path)
        assert not re.search(rb"(?:^|/)\.{1,2}(?:;[^/]*)?(?:/|$)", path), path
        path = unquote_to_bytes(path)
    assert head.target in text


# --- framing


def chunks(data: bytes) -> None:
    """Chunk framing ends at the same byte however it is cut, and its payload is what a slow reader makes of it."""
    whole = _walked([data])
    assert _walked([data[at : at + 1] for at in range(len(data))]) == whole
    assert _walked(cuts(data)) == whole
    end, payload = whole
    if end >= 0:
        assert dechunk(data[:end]) == (payload, True)
        assert _slowly_dechunked(data[:end]) == payload


def _walked(reads: list[bytes]) -> tuple[int, bytes]:
    """Where the message ends (-1: not yet, -2: it is none), and what it carries."""
    walker, plain, at = ChunkWalker([]), ChunkWalker(), 0
    assert walker.payload is not None
    for data in reads:
        try:
            end = walker.feed(data)
        except ValueError:
            end = -2
        try:
            assert plain.feed(data) == end
        except ValueError:
            assert end == -2
        if end == -2:
            return -2, b""
        if end >= 0:
            return at + end, b"".join(walker.payload)
        at += len(data)
    return -1, b""


def _slowly_dechunked(data: bytes) -> bytes:
    out = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line.partition(b";")[0].strip(b" \t"), 16)
        if not size:
            return out
        out, data = out + data[:size], data[size + 2 :]


def frames(data: bytes) -> None:
    """WebSocket frames end at the same bytes, and close at the same place, however they are cut."""
    for masked in (True, False):
        told = []
        for reads in ([data], [data[at : at + 1] for at in range(len(data))], cuts(data)):
            walker = FrameWalker(masked=masked)
            try:
                for one in reads:
                    walker.feed(one)
            except ValueError:
                told.append(None)
            else:
                told.append((walker.frames, walker.between, walker.closed))
        assert told[0] == told[1] == told[2], told


def sse(data: bytes) -> None:
    """The same bytes give the same events however they are cut, and none is longer than the bytes."""
    told = []
    for reads in ([data], [data[at : at + 1] for at in range(len(data))], cuts(data)):
        reader = SseReader(64)
        events = [event for one in reads for event in reader.feed(one)]
        events += reader.close()
        told.append((events, reader.dropped))
    assert told[0] == told[1] == told[2]
    assert all(len(event.data) <= min(len(data), 64) for event in told[0][0])


# --- answers


def answer_head(data: bytes) -> None:
    """A head of an upstream's is taken or broken; of one that is taken nothing hop-by-hop goes on, and every line is one."""
    for method in ("GET", "HEAD"):
        try:
            head = read_answer_head(data, method)
        except UpstreamBroken:
            continue
        assert read_again(data, method) == head
        first, *lines = head.forward.split(b"\r\n")
        assert lines[-1:] == [b""]
        assert re.fullmatch(rb"HTTP/1\.[01] [1-9][0-9]{2}(?: [^\r\n\x00]*)?", first), first
        assert all(re.fullmatch(rb"[^\s:]+:[^\r\n\x00]*", line) for line in lines[:-1])
        names = [line.partition(b":")[0].lower() for line in lines[:-1]]
        assert not {b"connection", b"transfer-encoding", b"keep-alive", b"upgrade", b"x-teelog-id"} & set(names)
        assert names.count(b"content-length") <= 1
        assert head.length >= 0


class _Wire(asyncio.Transport):
    """A client that keeps what it is written, and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.got = b""
        self.end = ""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        if not self.end:
            self.got += data

    def close(self) -> None:
        self.end = self.end or "close"

    def abort(self) -> None:
        self.end = self.end or "abort"

    def is_closing(self) -> bool:
        return bool(self.end)


class _Unrecorded:
    """A recording that takes everything at once."""

    def hold(self, reply: Reply) -> None: ...
    def released(self, reply: Reply) -> None: ...
    def late(self) -> None: ...
    def too_large(self, exchange_id: str, size: int) -> None: ...

    def commit(self, capture: Capture, done: Callable[[bool], None]) -> bool:
        decode(capture.encode())
        done(True)
        return True


def answer(data: bytes) -> None:
    """An answer comes out the same however its reads are cut; what is broken never ends as if it were whole."""
    for http10 in (False, True):
        for recorded in (False, True):
            told = [_relayed(reads, http10=http10, recorded=recorded) for reads in ([data], cuts(data))]
            assert told[0] == told[1], (http10, recorded, told)


def _relayed(reads: list[bytes], *, http10: bool, recorded: bool) -> tuple[bytes, str, bool, bool]:
    """What the client got, how its connection ended, whether the answer did, and whether the upstream's can go on."""
    wire, ends = _Wire(), []
    head = CapturedHead("POST", "/v1/chat/completions", "", "1", (), CaptureRules(secret=b"s" * 32))
    capture = Capture("00000000-0000-7000-8000-000000000000", head, b"{}", 1) if recorded else None
    reply = Reply(
        wire, "POST", "00000000-0000-7000-8000-000000000000", http10=http10, close_client=False, capture=capture,
        recording=_Unrecorded(), limit=1 << 20, on_end=ends.append,
    )  # fmt: skip
    broken = False
    for at, data in enumerate(reads):
        try:
            reply.feed(data)
        except (UpstreamBroken, ValueError) as error:
            broken = True
            reply.broken(error)
            break
        if reply.ended:
            # (what comes behind an answer ends the connection: in one read with it, or in the next)
            return wire.got, wire.end, True, reply.reusable and at == len(reads) - 1
    if not reply.ended:
        reply.lost(None)
    got, end = wire.got, wire.end
    if broken:
        got = b""  # how far a broken answer comes depends on its reads; that it is seen to be broken does not
        end = end or str(bool(ends and ends[0]))
        assert end != "False"
        end = "broken"
    return got, end, broken, False


class _Client:
    """A client's connection as a session sees it."""

    too_early = False
    upstream = None

    def __init__(self) -> None:
        self.transport = _Wire()
        self.switched = False

    def switch(self, _session: Session) -> None:
        self.switched = True


class _Frames:
    """Where a session is counted."""

    def __init__(self) -> None:
        self.sessions, self.frames = 0, Counter()


def session(data: bytes) -> None:
    """A session opens only by a clean 101, however it is cut; then bytes go on as they came, until they are no frames."""
    told = []
    for reads in ([data], cuts(data)):
        client, record, broken = _Client(), _Frames(), False
        reply = Session(client, _ACCEPT, "00000000-0000-7000-8000-000000000000", record, lambda _: None)
        for one in reads:
            try:
                reply.feed(one)
            except (UpstreamBroken, ValueError) as error:
                broken = True
                reply.broken(error)
                break
            if reply.ended:
                break
        assert client.switched == reply.is_open == bool(record.sessions)
        got = client.transport.got
        if reply.is_open:
            assert _ACCEPT in data
            sent = got.partition(b"\r\n\r\n")[2] if got.startswith(b"HTTP/1.1 101") else b""
            assert sent in data
        told.append((reply.is_open, broken, not broken and got))
    if told[0][1] != told[1][1] or not told[0][1]:
        assert told[0] == told[1], told


# --- JSON


def wire(data: bytes) -> None:
    """Whatever is posted is refused in words, or read; what was read is answered in the format, and read again as it was."""
    body = _json(data)
    for read, emit in (
        (read_conversation, emit_conversation),
        (read_feedback, emit_feedback),
        (read_event, emit_event),
    ):
        try:
            record = read(body)
        except ApiError as error:
            assert 400 <= error.status < 500
            continue
        stamped = _stamped(record) | {"messages": [_stamped(message) for message in record.get("messages") or ()]}
        orjson.dumps(emit(stamped))


_STAMPS = {"id": "x", "createdAt": 1, "updatedAt": 1}


def _stamped(record: dict) -> dict:
    """A record with what the store would have given it."""
    return record | {name: one for name, one in _STAMPS.items() if record.get(name) is None}


def query(data: bytes) -> None:
    """A question is refused in words, or is a checked one, the same every time."""
    body = _json(data)
    for view in (CONVERSATIONS, FEEDBACK, EVENTS):
        try:
            asked = read_query(body, view)
        except ApiError as error:
            assert 400 <= error.status < 500
        else:
            assert asked == read_query(body, view)
            assert len({column.key for column in asked.columns}) == len(asked.columns)


def record(data: bytes) -> None:
    """Any bytes as a record of the journal are read or unreadable, never anything else."""
    try:
        decode(data)
    except RecordUnreadable:
        pass


def _json(data: bytes):
    try:
        return orjson.loads(data)
    except ValueError:
        return None


# --- configuration


_SECRET_KEYS = frozenset(("api_key", "api_keys", "client_keys", "web_keys", "admin_key"))


def config(data: bytes) -> None:
    """Any file is a configuration, or every fault of it is told; no key that stands in its place is in what is told."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "teelog.toml"
        file.write_bytes(data)
        try:
            told = repr(load({}, {}, file))
        except ConfigError as error:
            assert error.faults
            told = str(error)
    try:
        secrets, rest = _parted(tomllib.loads(data.decode()))
    except (ValueError, RecursionError):  # none; or so deep that it is refused
        secrets, rest = ["s3cr3t"], ""
    assert not any(secret in told for secret in secrets if len(secret) > 5 and secret not in rest), told


def _parted(table: dict, path: str = "") -> tuple[list[str], str]:
    """The texts at places of keys, and all else."""
    secrets, rest = [], ""
    for name, value in table.items():
        if name in _SECRET_KEYS and path != "patterns":
            secrets += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        elif isinstance(value, dict):
            below, more = _parted(value, name)
            secrets, rest = secrets + below, f"{rest} {name} {more}"
        else:
            rest += f" {name} {value}"
    return secrets, rest


_LOOP = asyncio.new_event_loop()
_ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3

TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (request_head, target, chunks, frames, sse, answer_head, answer, session, wire, query, record, config)
}

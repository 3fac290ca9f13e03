"""Bent seeds: bytes cut, doubled, flipped, spliced and mixed with the words that the formats know."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = Path(__file__).parent / "seeds"
TOKENS = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\x00", b"\x0b", b"\x7f", b"\x80", b"\xff", b" ", b"\t", b":", b";", b",", b"/", b"//",
    b".", b"..", b"/../", b"%2e", b"%252e", b"%2f", b"%5c", b"\\", b"%00", b"%0d%0a", b"#", b"?", b"@", b"[", b"]", b"{", b"}",
    b"chunked", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n", b"content-length: 5\r\n", b"Content_Length: 5\r\n",
    b"Connection: close\r\n", b"Connection: Host, X-A\r\n", b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n",
    b"Host: proxy.test\r\n", b"Expect: 100-continue\r\n", b"Origin: null\r\n", b"x-teelog-hop: a\r\n", b"0\r\n\r\n", b"1\r\nx\r\n",
    b"+5", b"-1", b"0x5", b"1_0", b"00000005", b"ffffffffffffffff", b"HTTP/1.0", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"data: ", b"data: [DONE]\n\n", b"event: x\n", b"\xef\xbb\xbf", b"retry: 1\n", b"\x81\x7e", b"\x88\x02\x03\xe9", b"\xff" * 9,
    b"null", b"true", b"1e999", b"NaN", b'"\\ud800"', b"[" * 200, b"'''", b'"""', b"= ", b'api_key = "s3cr3t"\n', b"[upstreams.x]\n",
]  # fmt: skip
VALUES = [
    None,
    True,
    0,
    -1,
    2**63,
    1e308,
    "",
    "x" * 300,
    "\ud800"[:0],
    [],
    {},
    [[]],
    {"": {}},
    "id",
    ["a", "b"],
    {"$eq": 1},
]


def seeds(target: str) -> list[bytes]:
    """Its seeds, in the order of their names."""
    return [path.read_bytes() for path in sorted((SEEDS / target).iterdir())]


def bent(target: str, seed: int | str) -> Iterator[bytes]:
    """Endlessly many inputs for a target, the same for the same seed; the seeds themselves come first."""
    chance = random.Random(f"{target} {seed}")
    known = seeds(target)
    yield from known
    while True:
        data = chance.choice(known)
        as_json = _loaded(data)
        if as_json is not None and chance.random() < 0.7:
            for _ in range(chance.choice((1, 1, 2, 4))):
                as_json = _bent_value(as_json, chance)
            yield orjson.dumps(as_json, option=orjson.OPT_NON_STR_KEYS)
            continue
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            data = _bent_once(data, chance, known)
        yield data[: 1 << 16]


def _bent_once(data: bytes, chance: random.Random, known: list[bytes]) -> bytes:
    at, to = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    short = min(to, at + chance.randint(1, 8))
    kind = chance.randrange(9)
    if kind == 0:
        return data[:at] + data[short:]
    if kind == 1:
        return data[:at] + chance.choice(TOKENS) + data[at:]
    if kind == 2:
        return data[:at] + chance.choice(TOKENS) + data[short:]
    if kind == 3:
        return data[:to] + data[at:to] + data[to:]
    if kind == 4:
        return data[:at] + bytes((chance.randrange(256),)) + data[at + 1 :]
    if kind == 5:
        other = chance.choice(known)
        return data[:at] + other[chance.randint(0, len(other)) :]
    if kind == 6:
        return data[:at] + data[at : at + 1].swapcase() + data[at + 1 :]
    if kind == 7:
        return data[:to]
    return data[:at] + data[at:to] * chance.choice((2, 3, 50)) + data[to:]


def _bent_value(value, chance: random.Random):
    """JSON with one place changed, left out, doubled or moved."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        kind = chance.randrange(5)
        if kind == 0:
            return {key: one for key, one in value.items() if key != name}
        if kind == 1:
            return value | {chance.choice(list(value)): value[name]}
        if kind == 2:
            return value | {chance.choice(("id", "type", "path", "$or", "", "x" * 200)): value[name]}
        return value | {name: _bent_value(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        kind = chance.randrange(4)
        if kind == 0:
            return value[:at] + value[at + 1 :]
        if kind == 1:
            return value + value
        return [*value[:at], _bent_value(value[at], chance), *value[at + 1 :]]
    if isinstance(value, str) and chance.random() < 0.5:
        return (
            value[: len(value) // 2]
            + chance.choice(("\x00", "\u202e", "é", "~", "2024-01-01", "%", "$"))
            + value[len(value) // 2 :]
        )
    return chance.choice(VALUES)


def _loaded(data: bytes):
    try:
        return orjson.loads(data)
    except ValueError:
        return None

"""Damaged files at the start: whatever is changed in journal and databases, it serves, and what was not touched is there."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from proxy.db.pages import FRAME_HEADER, PAGE_SIZE, WAL_HEADER, Pages, frames
from proxy.journal.folder import segment_path
from proxy.journal.frame import HEADER_SIZE, frame, header
from tests.e2e.process import Teelog
from tests.e2e.test_disk_full import chats
from tests.e2e.upstream import ChatUpstream
from tests.outbox.scenes import exchange, user

#: Exchanges in each of the two segments that wait.
WAITING = 40
#: And conversations that are in the databases.
CHATS = 400
#: Tables of teelog.db, and the columns that tell their rows.
TABLES = {"conversation": "id", "message": "id", "key": "value"}
#: Each row of a message or of a key, and the row without which there is none of it.
PARENTS = """SELECT 'message', message.id, 'conversation', conversation.id
               FROM message JOIN conversation ON conversation.key = conversation
             UNION ALL SELECT 'key', value, 'message', message.id FROM key JOIN message ON message.key = message"""
#: What is damaged at each start, once each.
TARGETS = ("first segment", "second segment", "teelog.db", "teelog.db-wal", "analytics.db")
EVERYTHING_AT_ONCE = {"TEELOG_DELIVERY__RECOVERY_PER_SECOND": "10000"}


class Template:
    """A data folder as a kill leaves it: half of hundreds of conversations in files, half in logs, two segments that wait."""

    def __init__(self, folder, upstream) -> None:
        self.data = folder / "data"
        for half in ("first", "second"):
            with Teelog(folder, upstream.url, **EVERYTHING_AT_ONCE) as teelog:
                asyncio.run(chats(teelog, half, CHATS // 2, lambda: True))
                teelog.until(
                    lambda: teelog.status()["recorder"].get("sinks", {}).get("analytics", {}).get("depth") == 0
                )
                if half == "first":  # a tidy end folds the logs into the files
                    teelog.stop()
        for old in [self.data / "control.sock", *(self.data / "journal").iterdir()]:
            old.unlink()
        self.segments, self.waiting = {}, []
        for name, marker in (("first segment", b"marker-1"), ("second segment", b"marker-2")):
            texts = [f"{name} {number} " + "x" * number * 50 for number in range(WAITING)]
            parts = [frame(exchange([user(text)]), marker) for text in texts]
            path = segment_path(self.data / "journal", time.time_ns() // 1000)
            path.write_bytes(header(marker) + b"".join(parts))
            at = HEADER_SIZE
            for text, part in zip(texts, parts, strict=True):
                self.waiting.append((name, at, at + len(part), text))
                at += len(part)
            self.segments[name] = path.name
        merged = folder / "merged.db"
        for suffix in ("", "-wal"):
            shutil.copy(self.data / f"teelog.db{suffix}", f"{merged}{suffix}")
        self.rows = rows_of(merged)
        self.chats = {value for name, value in self.rows if name == "conversation"}
        with closing(sqlite3.connect(merged)) as connection:
            self.parents = {(one, key): (other, of) for one, key, other, of in connection.execute(PARENTS)}

    def path(self, target: str) -> str:
        return f"journal/{self.segments[target]}" if target in self.segments else target

    def untouched(self, touched: dict[str, tuple[int, int]]) -> set[tuple[str, str]]:
        """The rows of teelog.db on pages of which nothing was changed, in the file or in its log, nor those of its parents."""
        low, high = touched["teelog.db"]
        pages = set(range(low // PAGE_SIZE + 1, (high - 1) // PAGE_SIZE + 2))
        low, high = touched["teelog.db-wal"]
        for place, one in enumerate(frames(self.data / "teelog.db-wal")):
            begin = WAL_HEADER + place * (FRAME_HEADER + PAGE_SIZE)
            if begin < high and begin + FRAME_HEADER + PAGE_SIZE > low:
                pages.add(one.number)
        gone = rows_on(self.data / "teelog.db", pages)
        return {one for one in self.rows if gone.isdisjoint(self._line(one))}

    def _line(self, row: tuple[str, str]) -> list[tuple[str, str]]:
        """The row, and what it hangs on."""
        line = [row]
        while (parent := self.parents.get(line[-1])) is not None:
            line.append(parent)
        return line


def rows_of(path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        # what was changed inside a text is still a row, though not what it was
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        return {
            (name, row[0]) for name, key in TABLES.items() for row in connection.execute(f"SELECT {key} FROM {name}")
        }


def rows_on(path, numbers) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path.parent.parent / "merged.db")) as connection:
        roots = {
            row[1]: row[0] for row in connection.execute("SELECT name, rootpage FROM sqlite_master") if row[0] in TABLES
        }
        places = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")].index(key)
            for name, key in TABLES.items()
        }
    found = set()
    with closing(Pages(path, {root: name != "key" for root, name in roots.items()})) as pages:
        for number in numbers:
            owner = pages._owner(number) if number <= pages.count else 0
            if owner in roots:
                name = roots[owner]
                found |= {(name, row.values[places[name]]) for row in pages._rows_of(number, owner)}
    return found


def damage(path, rng) -> tuple[int, int]:
    """Change a stretch of a file, or cut its end; from where to where it is not what it was."""
    data = bytearray(path.read_bytes())
    kind = rng.choice(["bit", "bytes", "zeros", "page", "head", "cut"])
    at = 0 if kind == "head" else rng.randrange(len(data))
    if kind == "cut":
        at = rng.randrange(len(data) * 9 // 10, len(data))
        path.write_bytes(data[:at])
        return at, len(data)
    at = at // PAGE_SIZE * PAGE_SIZE if kind == "page" else at
    size = min({"bit": 1, "bytes": rng.randrange(1, 200), "head": 100}.get(kind, PAGE_SIZE), len(data) - at)
    data[at : at + size] = {"bit": bytes([data[at] ^ 1 << rng.randrange(8)]), "zeros": bytes(size)}.get(
        kind, rng.randbytes(size)
    )
    path.write_bytes(data)
    return at, at + size


def served(teelog: Teelog) -> float:
    """Seconds from the start of the process until a chat is answered."""
    began = time.monotonic()
    while teelog.process is None:
        time.sleep(0.01)
    url = teelog.wait_for("teelog.started", patience=20)["base_url"] + "/chat/completions"
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "afterwards"}]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["choices"]
    return time.monotonic() - began


def start_on(folder, template: Template, upstream, seed: int) -> tuple[float, int, float, float, dict]:
    """Damage a copy in five places and start on it: seconds to serve, records lost, shares of rows and chats kept."""
    rng = random.Random(seed)
    shutil.copytree(template.data, folder / "data")
    touched = {target: damage(folder / "data" / template.path(target), rng) for target in TARGETS}
    expected = {
        text for name, begin, end, text in template.waiting if end <= touched[name][0] or begin >= touched[name][1]
    }
    untouched = template.untouched(touched)
    teelog = Teelog(folder, upstream.url, **EVERYTHING_AT_ONCE)
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(served, teelog)
        with teelog:
            took = serving.result(30)
            found: list[dict] = []

            def complete() -> bool:
                with suppress(
                    urllib.error.HTTPError
                ):  # damage that a read finds: it ends the recorder, whose next start mends
                    found[:] = teelog.conversations()
                firsts = {one["messages"][0]["content"] for one in found if one["messages"]}
                return expected | {"afterwards"} <= firsts

            end = time.monotonic() + 15
            while not complete() and time.monotonic() < end:
                time.sleep(0.2)
            lost = len(expected - {one["messages"][0]["content"] for one in found if one["messages"]})
            chats = len({one["id"] for one in found} & template.chats) / len(template.chats)
    kept = len(untouched & rows_of(folder / "data" / "teelog.db")) / len(untouched)
    return took, lost, kept, chats, touched


@pytest.mark.parametrize("starts", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_whatever_is_damaged_it_serves(tmp_path, starts):
    """Each start finds damage in five files: chats are answered within 3 s, and what was not touched is recorded."""
    with ChatUpstream() as upstream:
        template = Template(tmp_path / "template", upstream)
        with ThreadPoolExecutor(2) as pool:
            results = list(
                pool.map(lambda seed: start_on(tmp_path / str(seed), template, upstream, seed), range(starts))
            )
    slowest = max(took for took, *_ in results)
    lost = sum(one[1] for one in results)
    rows, chats = min(one[2] for one in results), min(one[3] for one in results)
    print(
        f"{starts * len(TARGETS)} mutations in {starts} starts: served after {slowest:.2f} s at most, {lost} untouched "
        f"records lost of the journal, at least {rows:.1%} of untouched rows kept, {chats:.1%} of chats in analytics"
    )
    bad = [(seed, one) for seed, one in enumerate(results) if one[0] > 3 or one[1] or one[2] < 0.95]
    assert bad == []

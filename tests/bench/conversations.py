"""What finding and extending a conversation costs, among few messages and among many.

    python tests/bench/conversations.py [--few 10000] [--many 1000000] [--folder DIR]

Two stores on disk are filled with chats of ten turns, and opened anew; then chats chosen at random go on by a turn, each
with its whole history and without any id, and the mean cost of a turn is compared: by the clock and in CPU time, with all
that folding the log into the file takes, the last of it at the end, too. A third of all people have begun with the same
greeting. Fails when a ratio is over 2 (issue 5: at most twice as much among a million as among ten thousand).
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.core.caller import Caller
from proxy.core.entry import Entry
from proxy.core.history import History
from proxy.core.message import Message
from proxy.journal.reader import Position
from proxy.outbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 10
#: As many records as the recorder takes in one transaction.
BATCH = 256
#: Of turns: the log is folded into the larger file four times meanwhile.
ROUNDS, SIZE = 60, 50
ALLOWED = 2.0

#: By the clock, and of CPU time.
Seconds = tuple[float, float]


class Chats:
    """Chats in a store; the words of each are known by its number."""

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self.store = self._opened()
        self.turns = [TURNS] * count
        self._exchanges = 0
        self._now = 1_700_000_000_000

    def fill(self) -> None:
        """Every chat, turn by turn, as many at a time as people chat at once."""
        for start in range(0, len(self.turns), BATCH):
            numbers = range(start, min(start + BATCH, len(self.turns)))
            for turn in range(TURNS):
                self._take([self._entry(number, turn) for number in numbers])
        self.store.close()  # what filling leaves in the log and in memory is not a turn's
        self.store = self._opened()

    def extend(self, numbers: list[int]) -> Seconds:
        """Each of these goes on by a turn; what that took."""
        entries = [self._entry(number, self.turns[number]) for number in numbers]
        for number in numbers:
            self.turns[number] += 1
        return spent(lambda: self._take(entries))

    def close(self) -> Seconds:
        """All that was written comes into the file; what that took."""
        return spent(self.store.close)

    def _opened(self) -> Store:
        return Store(self._path, secret=b"of this bench")

    def _take(self, entries: list[Entry]) -> None:
        self._now += 1000
        self.store.take(entries, "journal", Position(0, 0), self._now)

    def _entry(self, number: int, turn: int) -> Entry:
        talk = [message for at in range(turn) for message in (self._asked(number, at), self._answer(number, at))]
        self._exchanges += 1
        return Entry(
            id=f"exchange-{self._exchanges:032}",
            tenant="0123456789abcdef",
            connection=str(number % 1000),
            caller=Caller(),
            history=History.of([*talk, self._asked(number, turn)], b"0123456789abcdef"),
            answers=[self._answer(number, turn)],
            properties={"model": "m-1", "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}},
            model="m-1",
            endpoint="chat.completions",
            # at random, as those of most servers are
            completion_id=f"chatcmpl-{blake2b(b'%d' % self._exchanges, digest_size=14).hexdigest()}",
            started=self._now,
            ended=self._now + 500,
        )

    def _asked(self, number: int, turn: int) -> Message:
        return Message(
            "user", "hi" if turn == 0 and number % 3 == 0 else f"question {turn} of {number}: {'why? ' * 20}"
        )

    def _answer(self, number: int, turn: int) -> Message:
        if turn == 0 and number % 3 == 0:
            return Message("assistant", "Hello! How can I help you today?")
        return Message("assistant", f"answer {turn} to {number}: {'because of this and that. ' * 20}")


def spent(work: Callable[[], object]) -> Seconds:
    """What it takes to do it, on all threads."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def measured(path: Path, messages: int) -> Chats:
    """A store with so many messages."""
    chats = Chats(path, messages // (2 * TURNS))
    began = time.perf_counter()
    chats.fill()
    took = time.perf_counter() - began
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    print(
        f"{messages:>9,} messages in {len(chats.turns):,} chats: {size / 1e6:,.0f} MB, filled in {took:.0f} s",
        flush=True,
    )
    return chats


def main() -> int:
    """Print both costs and their ratio; 1 when it is over what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument(
        "--folder", type=Path, help="where the stores are put for the while; a disk like the real one's"
    )
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=told.folder) as folder:
        stores = [measured(Path(folder) / f"{count}.db", count) for count in (told.few, told.many)]
        costs: list[list[Seconds]] = [[], []]
        os.sync()  # else what filling left for the disk to do would be waited for by the turns
        order = random.Random(5)
        for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets both
            for chats, cost in zip(stores, costs, strict=True):
                cost.append(chats.extend(order.sample(range(len(chats.turns)), SIZE)))
        for chats, cost in zip(stores, costs, strict=True):
            cost.append(chats.close())
    ratios = []
    for of_what, each in (("by the clock", 0), ("of CPU time", 1)):
        few, many = (sum(one[each] for one in cost) / (ROUNDS * SIZE) * 1e6 for cost in costs)
        ratios.append(many / few)
        print(
            f"a turn costs {few:.0f} us {of_what} among {told.few:,} messages, "
            f"{many:.0f} us among {told.many:,}: {many / few:.2f} x"
        )
    return max(ratios) > ALLOWED


if __name__ == "__main__":
    sys.exit(main())

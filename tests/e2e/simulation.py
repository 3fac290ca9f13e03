"""The simulation: scenes played against the real process, and what was logged held against what the screens showed.

Every scene has a key, so a tenant, of its own; 8 people of each chat at once, all scenes together. The score of a scene is
the number of exact transcripts, as multisets, divided by the larger of those expected and those logged.
"""

from __future__ import annotations

import asyncio
import urllib.error
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.people import MARK, Chat, Stage, World
from tests.e2e.process import Teelog
from tests.e2e.screen import Transcript, lines
from tests.e2e.scripted import Say, Scripted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    Play = Callable[[Chat], Awaitable[None]]

CONVERSATIONS = 30
AT_ONCE = 8
TURNS = 4
#: How many transcripts a failure shows of each kind.
SHOWN = 5


@dataclass
class Result:
    """What became of one scene."""

    scene: str
    seed: int
    expected: Counter[Transcript]
    #: Transcript -> ids of the conversations that read so.
    logged: dict[Transcript, list[str]]

    @property
    def score(self) -> float:
        """1.0 where every transcript is there exactly as often as it should be, and no other."""
        counts = Counter({one: len(ids) for one, ids in self.logged.items()})
        return (self.expected & counts).total() / max(self.expected.total(), counts.total())

    def __str__(self) -> str:
        """What is missing and what is there too often, a few of each, with the ids of the conversations."""
        counts = Counter({one: len(ids) for one, ids in self.logged.items()})
        told = [f"{self.scene}, seed {self.seed}: score {self.score:.3f}, expected {self.expected.total()}"]
        for name, some in (("missing", self.expected - counts), ("surplus", counts - self.expected)):
            told.append(f"{name}: {some.total()}")
            for (marks, user, said), number in sorted(some.items(), key=str)[:SHOWN]:
                ids = self.logged.get((marks, user, said), ())
                told.append(" ".join(filter(None, (f"  {number} x", *marks, user, *ids))))
                told += [f"      {' '.join(line)!r:.160}" for line in said]
        return "\n".join(told)


async def simulate(
    folder: Path, seed: int, scenes: Mapping[str, Play], stopped: Mapping[str, Play], killed: Mapping[str, Play]
) -> dict[str, Result]:
    """Play all scenes together, then those in whose middle the process is stopped, then those in which it is killed."""
    async with Scripted(seed) as upstream:
        # a key of ours for those who bring none, as on a developer's machine
        with Teelog(folder, upstream.url, TEELOG_UPSTREAM__API_KEY="sk-one-for-all") as teelog:
            async with World(teelog, upstream, seed) as world:
                stages = await _play(world, scenes)
                stages += await _play(world, stopped, lambda: world.restart(teelog.stop))
                stages += await _play(world, killed, lambda: world.restart(teelog.kill))
                await _last_words(world)
                found = await asyncio.to_thread(teelog.conversations)
    return {one.name: Result(one.name, seed, one.expected(), _logged(found, one)) for one in stages}


async def _play(world: World, scenes: Mapping[str, Play], event: Callable[[], object] | None = None) -> list[Stage]:
    """Every conversation of some scenes, from its beginning to its end; the event comes in their middle."""
    stages = [Stage(world, name) for name in scenes]
    if event:
        stages[0].events[CONVERSATIONS * TURNS // 2] = event
    async with asyncio.TaskGroup() as group:
        for stage, play in zip(stages, scenes.values(), strict=True):
            waiting = [stage.chat(number) for number in range(CONVERSATIONS)]
            for _ in range(AT_ONCE):
                group.create_task(_one_after_another(waiting, play))
    if event:
        await world.back()
    return stages


async def _one_after_another(waiting: list[Chat], play: Play) -> None:
    while waiting:
        await play(waiting.pop())


async def _last_words(world: World) -> None:
    """One more chat: once it is in analytics, all before it is recorded; then until nothing is owed to the sink."""
    stage = Stage(world, "last")
    last = stage.chat(0)
    last.headers["x-teelog-conversation-id"] = "last-words"
    await last.turn(say=Say("bye"))
    teelog = world.teelog

    def delivered() -> bool:
        try:
            teelog.get(f"{teelog.analytics}/conversations/last-words")
        except urllib.error.HTTPError as missing:
            missing.close()
            return False
        return teelog.status()["recorder"]["sinks"]["analytics"]["depth"] == 0

    await asyncio.to_thread(teelog.until, delivered, 60)


def _logged(found: list[dict], stage: Stage) -> dict[Transcript, list[str]]:
    """The conversations of a scene as screens would show them, and their ids."""
    out: dict[Transcript, list[str]] = defaultdict(list)
    for conversation in found:
        properties = conversation["properties"]
        marks = tuple(sorted(name for name in properties if name.startswith(MARK)))
        is_side_request = stage.has_kinds and "kind" in properties
        if not is_side_request and any(mark.partition(".")[0] == MARK + stage.name for mark in marks):
            user = (conversation["userProperties"] or {}).get("userId", "")
            out[marks, user, lines(conversation["messages"])].append(conversation["id"])
    return out

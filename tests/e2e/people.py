"""People who chat: what each one's screen shows, and how its client tells that to the proxy.

A `Chat` keeps the conversation as its screen shows it (`shown`); `wire` makes of it what the client sends. No client names
an id; a scene that wants one sets `headers`. What is to be logged is told by the scripts alone.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import aiohttp

from tests.e2e.screen import Transcript, lines
from tests.e2e.scripted import Say, Scripted, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.process import Teelog

GREETING = "Hello! How can I help you today?"
#: What models say to many people.
COMMON = ("ok", "Sure.", GREETING, "Could you tell me more?")
#: What people say to many models.
SMALL = ("go on", "why?", "thanks", "and then?")
#: Callers' properties of these names say which scene a conversation was part of; teelog tells nobody apart by them.
MARK = "in-"


class World:
    """The proxy, the upstream behind it, and the connections that people share."""

    def __init__(self, teelog: Teelog, upstream: Scripted, seed: int) -> None:
        self.teelog = teelog
        self.upstream = upstream
        self.seed = seed
        self._restart: asyncio.Task | None = None
        self._pools: list[aiohttp.ClientSession] = []

    async def __aenter__(self) -> World:
        # a backend with many users on few connections, SDK clients with one or two, and one that keeps none
        makes = [{"limit": 6}, {"limit": 2}, {"limit": 2}, {"limit": 1}, {"limit": 0, "force_close": True}]
        self._pools = [
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(**one), cookie_jar=aiohttp.DummyCookieJar())
            for one in makes
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools:
            await pool.close()

    def pool(self, rng: random.Random) -> aiohttp.ClientSession:
        """Somebody's connections."""
        return rng.choices(self._pools, [6, 2, 2, 1, 1])[0]

    def restart(self, stop: Callable[[], object]) -> None:
        """End the proxy and start it again on the same folder, while people chat."""

        def again() -> None:
            stop()
            self.teelog.start()

        self._restart = asyncio.create_task(asyncio.to_thread(again))

    @property
    def is_restarting(self) -> bool:
        """Whether the proxy ends, or is not there again."""
        return self._restart is not None and not self._restart.done()

    async def back(self) -> None:
        """Wait until the proxy is there again; a failure that no restart explains is an error."""
        assert self._restart is not None, "the proxy failed on its own"
        await asyncio.shield(self._restart)


class Stage:
    """One scene while it is played."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.chats: list[Chat] = []
        #: Some conversations are none: side requests, logged with their kind.
        self.has_kinds = False
        #: Turns that have ended, and what happens at one of them.
        self.turns = 0
        self.events: dict[int, Callable[[], object]] = {}

    def chat(self, number: int, tenant: str = "") -> Chat:
        """One more conversation."""
        self.chats.append(Chat(self, number, tenant))
        return self.chats[-1]

    def turn_ended(self) -> None:
        """Count a turn."""
        self.turns += 1
        if event := self.events.pop(self.turns, None):
            event()

    def expected(self) -> Counter[Transcript]:
        """What must be logged."""
        return Counter(one for chat in self.chats for one in chat.transcripts())


class Chat:
    """One person's conversation."""

    def __init__(self, stage: Stage, number: int, tenant: str) -> None:
        self.stage = stage
        self.number = number
        self.rng = random.Random(f"{stage.world.seed} {stage.name} {number}")
        # drawn as often as the world needs it, so that the words stay the same for a seed
        self._luck = random.Random(f"{stage.world.seed} {stage.name} {number} luck")
        #: Words that nobody else says.
        self.topic = f"{self.rng.choice(('trees', 'boats', 'bread', 'rivers'))} {number} {stage.name}"
        self.user = ""
        self.headers = {"Authorization": f"Bearer sk-of-{stage.name}-{stage.world.seed}-{tenant or 'all'}"}
        self.mark(tenant)
        #: As the screen shows it, OpenAI messages.
        self.shown: list[dict] = []
        #: What must be logged besides.
        self.kept: list[list[dict]] = []
        #: What is sent of what is shown.
        self.wire: Callable[[list[dict]], list[dict]] = lambda shown: shown
        self._questions = count(1)

    def mark(self, whose: str) -> None:
        """Whose conversation it is; one that others had a part in shows their marks, too."""
        self._mark = f"{MARK}{self.stage.name}{'.' * bool(whose)}{whose}"
        self._marked = {f"x-teelog-property-{self._mark}": "yes"}

    # --- words

    def question(self) -> str:
        """The first one is this person's own; later ones may be anybody's."""
        number = next(self._questions)
        if number > 1 and self.rng.random() < 0.4:
            return self.rng.choice(SMALL)
        return f"question {number} about {self.topic}"

    def own_answer(self, **more: object) -> Say:
        """An answer that nobody else gets; never twice the same."""
        words = " ".join(self.rng.choices(("it", "is", "as", "old", "as", "time", "and", "deep\n"), k=9))
        return Say(f"On {self.topic}: {words} {self.rng.randrange(10**9)}.", **self._streamed(), **more)

    def answer(self, **more: object) -> Say:
        """An answer, more often than not one that many get."""
        if self.rng.random() < 0.4:
            return self.own_answer(**more)
        return Say(self.rng.choice(COMMON), **self._streamed(), **more)

    def _streamed(self) -> dict:
        return {"stream": self.rng.random() < 0.5}

    # --- turns

    async def turn(self, question: str | None = None, say: Say | None = None, **more: object) -> None:
        """Ask, be answered, and see both on the screen; while the proxy is restarted every other person waits."""
        if self.stage.world.is_restarting and self.number % 2:
            await self.stage.world.back()
        self.shown.append({"role": "user", "content": question or self.question()})
        await self.hear(say or self.answer(), **more)
        self.stage.turn_ended()

    async def hear(self, say: Say, **more: object) -> None:
        """What the screen shows is sent, and the answer added to it."""
        await self.post(say, self.wire(deepcopy(self.shown)), **more)
        self.shown.append(say.message())

    async def post(
        self,
        say: Say,
        messages: list[dict],
        headers: dict[str, str] | None = None,
        *,
        lost: bool = False,
        **more: object,
    ) -> None:
        """A request whose answer comes whole; `lost`: it does not, and nobody waits for it."""
        body = {"model": "scripted", "messages": messages, "stream": say.stream, **more}
        await self.send("/chat/completions", body, say, headers or {}, lost=lost)

    async def send(self, path: str, body: dict, say: Say, headers: dict[str, str], *, lost: bool = False) -> None:
        """A request; where the proxy is being started again it is sent again, as SDKs do."""
        for tries in count():
            told = self.headers | self._marked | headers | self.stage.world.upstream.will_say(say)
            if tries:
                await self.stage.world.back()
                told |= {"x-stainless-retry-count": str(tries)}
            try:
                async with self._pool().post(self._url(path), json=body, headers=told) as answer:
                    if lost:
                        return answer.close()
                    said = await answer.read()
                    if answer.status == 200 and (not say.stream or said.rstrip().endswith((b"[DONE]", b"}"))):
                        return None
                    assert answer.status in (502, 503), (answer.status, said)
            except (aiohttp.ClientError, ConnectionError):
                if lost:
                    return None

    async def leave(self, messages: list[dict], headers: dict[str, str]) -> None:
        """A request that its client gives up while the upstream is silent."""
        headers = self.headers | self._marked | headers | self.stage.world.upstream.will_say(Say(fault="silent"))
        body = {"model": "scripted", "messages": messages}
        asked = asyncio.create_task(
            self._pool().post(self._url("/chat/completions"), json=body, headers=headers).__aenter__()
        )
        await self.stage.world.upstream.heard(headers)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    async def stop_after(self, say: Say) -> str:
        """A streamed answer that its reader stops after `say.pieces` pieces; the text so far."""
        headers = (
            self.headers | self._marked | self.stage.world.upstream.will_say(replace(say, stream=True, fault="held"))
        )
        body = {"model": "scripted", "messages": self.wire(deepcopy(self.shown)), "stream": True}
        seen = b""
        async with self._pool().post(self._url("/chat/completions"), json=body, headers=headers) as answer:
            while seen.count(b"\n\n") < 1 + say.pieces:
                seen += await answer.content.readany()
            answer.close()
        return "".join(pieces(say.text)[: say.pieces])

    def _pool(self) -> aiohttp.ClientSession:
        return self.stage.world.pool(self._luck)

    def _url(self, path: str) -> str:
        return self.stage.world.teelog.base_url + path

    # --- what must be logged

    def keep(self) -> None:
        """What the screen shows now stays in the log, whatever comes."""
        self.kept.append(deepcopy(self.shown))

    def transcripts(self) -> list[Transcript]:
        """Whose, and who said what."""
        return [((self._mark,), self.user, lines(messages)) for messages in (*self.kept, self.shown)]

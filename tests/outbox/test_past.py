"""Chats that go on after erasures, at random: what was erased never comes back, and nothing else is missing."""

from __future__ import annotations

import random
from itertools import count

import pytest

from proxy.config import Conversation
from proxy.journal.reader import Position
from proxy.outbox.erasing import Erasing
from proxy.outbox.meant import Meant
from proxy.outbox.reading import Reading

from ..fakes import NOW
from .book import Book
from .scenes import assistant, exchange, read, user


class Chat:
    """A client's chat: every text of it is said once in the world."""

    def __init__(self, number, rng):
        self.messages = []
        who = rng.choice(["ada", "bob", ""])
        headers = {"x-teelog-user": who} if who else {}
        way = rng.choice(["named", "session", "history"])
        if way == "named":
            headers["x-teelog-conversation-id"] = f"chat-{number}"
        if way == "session":
            headers["x-session-id"] = f"session-{number}"
        self.options = {"headers": list(headers.items()), "key": rng.choice(["sk-1", "sk-2"])}
        #: Texts that were erased, and those that were said since.
        self.gone, self.said = set(), []


class World:
    def __init__(self, store, book, rng):
        self.store, self.book, self.rng = store, book, rng
        self.now, self.words = NOW, count()
        self.payloads = []

    def turn(self, chat):
        question, answer = (f"{kind} {next(self.words)}" for kind in ("question", "answer"))
        chat.messages.append(user(question))
        self.send(chat, answer)
        chat.messages.append(assistant(answer))
        chat.said += [question, answer]

    def regenerate(self, chat):
        if len(chat.said) < 4:
            return  # a first question asked again is said twice, as far as anybody can tell
        old = chat.messages.pop()["content"]
        answer = f"answer {next(self.words)}"
        self.send(chat, answer)
        chat.messages.append(assistant(answer))
        chat.said = [*(text for text in chat.said if text != old), answer]

    def send(self, chat, answer, messages=None):
        self.now += 1000
        payload = exchange(list(messages or chat.messages), answer, started=self.now, **chat.options)
        self.payloads.append(payload)
        self.store.take([read(payload)], "journal", Position(0, 0), self.now + 500)

    def erase(self, chat):
        if not chat.said:
            return
        self.now += 1000
        (name,) = [name for name, texts in self.book.all().items() if chat.said[-1] in texts]
        erasing = Erasing(self.store, Reading(Conversation()), Meant(ids=(name,)), self.now, ())
        erasing.run()
        assert erasing.erased.keys() == {name}
        chat.gone |= {one["content"] for one in chat.messages}
        chat.said = []

    def replay(self, _chat):
        self.store.take([read(self.rng.choice(self.payloads))], "journal", Position(0, 0), self.now)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 100))])
def test_what_was_erased_stays_so(store, tmp_path, seed):
    """After turns, regenerated answers, erasures and replays each chat's log is what it said since it was erased last."""
    rng = random.Random(seed)
    book = Book(store, tmp_path / "teelog.db")
    world, chats = World(store, book, rng), [Chat(number, rng) for number in range(4)]
    for chat in chats:
        world.turn(chat)
    for _ in range(25):
        step = rng.choices([world.turn, world.regenerate, world.erase, world.replay], [5, 2, 2, 2])[0]
        step(rng.choice(chats))
    logged = book.all()
    everything = [text for texts in logged.values() for text in texts]

    for chat in chats:
        assert not chat.gone & set(everything)
        holding = [texts for texts in logged.values() if set(chat.said) & set(texts)]
        assert holding == ([chat.said] if chat.said else [])
    assert len(everything) == sum(len(chat.said) for chat in chats)

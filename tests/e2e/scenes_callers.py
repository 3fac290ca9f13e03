"""Scenes of callers: ids that they name, keys they show, users they speak for; and what must be logged."""

from __future__ import annotations

import asyncio
import base64
import json
from copy import deepcopy
from typing import TYPE_CHECKING

from tests.e2e.people import COMMON, SMALL
from tests.e2e.scripted import Say
from tests.e2e.simulation import TURNS

if TYPE_CHECKING:
    from tests.e2e.people import Chat

ID_HEADERS = ("x-teelog-conversation-id", "x-conversation-id", "X-OpenWebUI-Chat-Id")


def _name(chat: Chat) -> None:
    """Give the conversation an id."""
    chat.headers[chat.rng.choice(ID_HEADERS)] = f"chat-{chat.rng.randbytes(8).hex()}"


async def chat_id_new_only(chat: Chat) -> None:
    """The client names the chat and sends only the new message, words that all use and that come again."""
    _name(chat)
    chat.wire = lambda shown: shown[-1:]
    for question in ("hi", "go on", "hi", "go on"):
        await chat.turn(question, Say(chat.rng.choice(COMMON), stream=chat.rng.random() < 0.5))


async def chat_id_with_history(chat: Chat) -> None:
    """The client names the chat and sends it whole, in words that all use; any answer may be asked for again."""
    _name(chat)
    for question in SMALL:
        await chat.turn(question)
        while chat.rng.random() < 0.3:
            chat.shown.pop()
            await chat.hear(chat.answer())


async def two_tenants(chat: Chat) -> None:
    """Two keys, equal words at the same time, or one goes on with what the other had; nothing is shared."""
    other = chat.stage.chat(chat.number, "b")
    takes_over = bool(chat.number % 2)
    script = [(chat.question(), chat.answer()) for _ in range(TURNS)]
    for question, say in script[:2]:
        await chat.turn(question, say)
        if not takes_over:
            await other.turn(question, say)
    other.shown = deepcopy(chat.shown)
    for question, say in script[2:]:
        if takes_over:
            await asyncio.gather(chat.turn(question, say), other.turn(f"{question}, says the other", say))
        else:
            await asyncio.gather(chat.turn(question, say), other.turn(question, say))


async def rotating_token(chat: Chat) -> None:
    """Two people with tokens that are new with every request say the same; each has one conversation."""
    other = chat.stage.chat(chat.number, "b")
    script = [(SMALL[turn], Say(chat.rng.choice(COMMON))) for turn in range(TURNS)]
    for turn, (question, say) in enumerate(script):
        for one, subject in ((chat, "ada"), (other, "bob")):
            one.headers["Authorization"] = f"Bearer {_token(f'{subject}-{chat.stage.world.seed}', turn, chat.number)}"
        await asyncio.gather(chat.turn(question, say), other.turn(question, say))


def _token(subject: str, turn: int, number: int) -> str:
    claims = {
        "iss": "https://login.example.com",
        "sub": subject,
        "exp": 1_790_000_000 + turn,
        "jti": f"{turn}-{number}",
    }
    parts = (json.dumps(one).encode() for one in ({"alg": "none"}, claims))
    return ".".join((*(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts), "unsigned"))


async def users_by_header(chat: Chat) -> None:
    """A backend shows no key and names its users, who all say the same; each has the conversations that are theirs."""
    del chat.headers["Authorization"]
    chat.user = chat.headers["x-teelog-user"] = f"user-{chat.number % 10}"
    chat.mark(chat.user)
    for turn in range(TURNS):
        await chat.turn(SMALL[turn], Say(COMMON[turn], stream=chat.rng.random() < 0.5))


async def responses_chain(chat: Chat) -> None:
    """The Responses API: only the new message is sent, and the id of the answer before it."""
    before: dict[str, str] = {}
    for _ in range(TURNS):
        question, say = chat.question(), chat.answer(id=f"resp_{chat.rng.randbytes(12).hex()}")
        chat.shown.append({"role": "user", "content": question})
        body = {"model": "scripted", "input": question, "stream": say.stream, **before}
        await chat.send("/responses", body, say, {})
        chat.shown.append(say.message())
        before = {"previous_response_id": say.id}


ALL = (chat_id_new_only, chat_id_with_history, two_tenants, rotating_token, users_by_header, responses_chain)

"""Scenes: what people say and what their clients do with a history, and what must be logged."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.e2e.people import GREETING, SMALL
from tests.e2e.scripted import Say
from tests.e2e.simulation import TURNS

if TYPE_CHECKING:
    from tests.e2e.people import Chat


async def plain(chat: Chat) -> None:
    """Everybody begins with words of their own; one conversation each."""
    for _ in range(TURNS):
        await chat.turn()


async def same_greeting(chat: Chat) -> None:
    """Everybody says hi and hears the same; one conversation each."""
    await chat.turn("hi", Say(GREETING, stream=chat.rng.random() < 0.5))
    for _ in range(TURNS - 1):
        await chat.turn()


async def identical(chat: Chat) -> None:
    """Everybody says and hears the same from beginning to end; as many equal conversations as there are people."""
    for turn in range(TURNS):
        await chat.turn(SMALL[turn], Say("ok", stream=chat.rng.random() < 0.5))


async def changing_prompt(chat: Chat) -> None:
    """The system prompt tells the time; one conversation each, under the newest prompt."""
    chat.shown.append({"role": chat.rng.choice(("system", "developer")), "content": ""})
    for turn in range(TURNS):
        chat.shown[0]["content"] = f"You know {chat.rng.choice(('trees', 'boats'))}. It is {9 + turn} o'clock."
        await chat.turn()
    chat.shown[0]["role"] = "system"  # the format knows no other


async def sliding_window(chat: Chat) -> None:
    """The client sends the prompt and the last five messages; the log keeps the whole."""
    chat.shown.append({"role": "system", "content": "be brief"})
    chat.wire = lambda shown: [shown[0], *shown[1:][-5:]]
    for turn in range(TURNS + 3):
        # of the two questions in a window one is this person's own
        await chat.turn(f"number {turn} about {chat.topic}" if turn % 2 == 0 else chat.rng.choice(SMALL))


async def tools(chat: Chat) -> None:
    """Answers call tools, several at once and again after their results; clients write the calls anew in their way."""
    ids = chat.rng.choice(("random", "counted"))
    chat.wire = lambda shown: [_retold(chat, one) for one in shown]
    for _ in range(TURNS):
        chat.shown.append({"role": "user", "content": chat.question()})
        for _ in range(chat.rng.choice((0, 1, 1, 2))):
            calls = [_call(chat, at, ids) for at in range(chat.rng.choice((1, 1, 2, 3)))]
            text = chat.rng.choice(("", "", "Let me look."))
            await chat.hear(Say(text, tuple(calls), stream=chat.rng.random() < 0.5), tools=[TOOL])
            for number, _, _ in calls:
                found = chat.rng.choice(("nothing found", f"found {chat.topic}"))
                chat.shown.append({"role": "tool", "tool_call_id": number, "content": found})
        await chat.hear(chat.answer(), tools=[TOOL])
        chat.stage.turn_ended()


TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def _call(chat: Chat, at: int, ids: str) -> tuple[str, str, str]:
    number = f"call_{chat.rng.randbytes(9).hex()}" if ids == "random" else f"functions.look_up:{at}"
    what = chat.rng.choice(("weather", chat.topic))
    return number, "look_up", json.dumps({"what": what, "at": at}, separators=(",", ":"))


def _retold(chat: Chat, message: dict) -> dict:
    for call in message.get("tool_calls") or ():
        function = call["function"]
        if chat.rng.random() < 0.5:
            function["arguments"] = json.dumps(json.loads(function["arguments"]), indent=1)
    if message["content"] is None:
        return chat.rng.choice(
            (message, message | {"content": ""}, {k: v for k, v in message.items() if k != "content"})
        )
    return message


async def regenerated(chat: Chat) -> None:
    """From the second answer on, some are asked for again, also twice; the newest is the one that stands."""
    for turn in range(TURNS):
        await chat.turn()
        while turn and chat.rng.random() < 0.5:
            chat.shown.pop()
            await chat.hear(chat.answer())


async def edited(chat: Chat) -> None:
    """An earlier question is put in other words: the conversation before and the one after are both there."""
    for _ in range(TURNS):
        await chat.turn()
    for _ in range(chat.rng.choice((1, 1, 2))):
        chat.keep()
        del chat.shown[chat.rng.choice((0, 2, 4, 6)) :]
        await chat.turn(f"in other words: {chat.question()}, {chat.topic} {len(chat.kept)}")
        while len(chat.shown) < 2 * TURNS or chat.rng.random() < 0.3:
            await chat.turn()


async def trimmed(chat: Chat) -> None:
    """Clients send answers back without the blanks around them and the thoughts before them."""
    chat.wire = lambda shown: [_trimmed(one) for one in shown]
    for _ in range(TURNS):
        text = chat.answer().text
        thoughts, end = (
            chat.rng.choice(("", "", "<think>\nLet me see.\n</think>\n\n")),
            chat.rng.choice(("", "\n", " \n\n")),
        )
        before = chat.rng.choice(("", "\n\n", " "))
        reasoning = "" if thoughts else chat.rng.choice(("", "Let me see."))
        say = Say(f"{thoughts}{before}{text}{end}", reasoning=reasoning, stream=chat.rng.random() < 0.5)
        await chat.turn(say=say)


def _trimmed(message: dict) -> dict:
    if message["role"] != "assistant":
        return message
    text = re.sub(r"^\s*<think>.*?</think>", "", message["content"], flags=re.DOTALL)
    return message | {"content": text.strip()}


async def strings_and_parts(chat: Chat) -> None:
    """A message is sent as a string in one turn and as parts in the next; one conversation each."""
    chat.wire = lambda shown: [_in_parts(one) if chat.rng.random() < 0.5 else one for one in shown]
    for _ in range(TURNS):
        await chat.turn()


def _in_parts(message: dict) -> dict:
    return message | {"content": [{"type": "text", "text": message["content"]}]}


async def second_choice(chat: Chat) -> None:
    """Of two answers people go on with the one they like; it is the one that is logged."""
    for _ in range(TURNS - 1):
        say = chat.answer(others=(chat.answer().text,))
        await chat.turn(say=say, n=2)
        if chat.rng.random() < 0.7:
            chat.shown[-1]["content"] = say.others[0]
    await chat.turn()


ALL = (
    plain, same_greeting, identical, changing_prompt, sliding_window, tools, regenerated, edited, trimmed,
    strings_and_parts, second_choice,
)  # fmt: skip

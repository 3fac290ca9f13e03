"""Scenes in which something goes wrong or comes in between, and what must be logged."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from tests.e2e.scenes import plain, same_greeting, tools
from tests.e2e.screen import on_screen
from tests.e2e.scripted import Say, pieces
from tests.e2e.simulation import TURNS

if TYPE_CHECKING:
    from tests.e2e.people import Chat


async def retried(chat: Chat) -> None:
    """Answers get lost on the way, and the SDK asks again; each turn is there once, with the answer that came through."""
    for turn in range(TURNS):
        own = chat.question()
        greets = turn == 0 and chat.rng.random() < 0.3
        chat.shown.append({"role": "user", "content": "hi" if greets else own})
        # of two people who said hi, the one whose answer arrived keeps it: such a loss must be one that shows
        faults = ("cut", "silent") if greets else ("none", "cut", "silent", "late")
        tries = chat.rng.choice((0, 1, 1, 2))
        for number in range(tries):
            await _lose(chat, chat.rng.choice(faults), _retry(number))
        await chat.hear(chat.answer(), headers=_retry(tries))
        chat.stage.turn_ended()


def _retry(number: int) -> dict[str, str]:
    return {"x-stainless-retry-count": str(number)}


async def _lose(chat: Chat, fault: str, headers: dict[str, str]) -> None:
    """A request whose answer its client does not get."""
    if fault == "silent":
        await chat.leave(chat.shown, headers)
    elif fault == "late":  # it was whole when it left the proxy
        await chat.post(chat.own_answer(), chat.shown, headers, lost=True)
    else:
        say = Say(chat.own_answer().text, fault=fault)
        await chat.post(say, chat.shown, headers, lost=True)


async def cut_and_continued(chat: Chat) -> None:
    """The reader stops an answer, keeps what there was of it, or less, and asks on; that is what is logged."""
    for _ in range(TURNS):
        await chat.turn()
        if chat.rng.random() < 0.6:
            chat.shown.append({"role": "user", "content": f"at length: {chat.question()}"})
            say = chat.own_answer()
            say = Say(say.text, pieces=chat.rng.randrange(1, len(pieces(say.text))))
            seen = await chat.stop_after(say)
            shown = "".join(pieces(seen)[: chat.rng.choice((say.pieces, max(1, say.pieces - 1)))])
            chat.shown.append({"role": "assistant", "content": chat.rng.choice((shown, shown.strip()))})
    await chat.turn()


async def side_requests(chat: Chat) -> None:
    """Open WebUI asks for a title before the first answer, for tags and next questions after; none is said in the chat."""
    chat.stage.has_kinds = True  # what quotes nothing known is logged on its own, as what it is
    await _with_tasks(chat)


async def side_requests_of_named_chats(chat: Chat) -> None:
    """The same, with the chat's id on every request: all of it belongs to its chat, also what comes before it."""
    chat.headers["X-OpenWebUI-Chat-Id"] = f"chat-{chat.rng.randbytes(8).hex()}"
    await _with_tasks(chat)


async def _with_tasks(chat: Chat) -> None:
    title, tags, next_questions = chat.rng.choice((OLD_TASKS, NEW_TASKS))
    for turn in range(TURNS):
        question = chat.question()
        before = [{"role": "user", "content": question}, {"role": "assistant", "content": ""}]
        if turn == 0:
            await asyncio.gather(_task(chat, *title, before), chat.turn(question))
            await asyncio.gather(*(_task(chat, *task, chat.shown) for task in (next_questions, tags)))
        else:
            await chat.turn(question)
            # the first message and the last four, as Open WebUI quotes them
            await _task(chat, *next_questions, [chat.shown[0], *chat.shown[1:][-4:]])


#: What is asked, and what is answered: Open WebUI until 0.6, and 0.12.
OLD_TASKS = (
    ("Generate a concise, 3-5 word title with an emoji summarizing the chat history.", {"title": "\N{TOOLBOX} Things"}),
    ("Generate 1-3 broad tags categorizing the main themes of the chat history", {"tags": ["Things"]}),
    ("Suggest 3-5 relevant follow-up questions or prompts that the user might ask next", {"follow_ups": ["Why?"]}),
)
NEW_TASKS = (
    ("Generate a concise title summarizing the chat history.", {"title": "Things"}),
    OLD_TASKS[1],
    ("Predict 3-5 useful messages this user might naturally send next", {"follow_ups": ["Why?"]}),
)


async def _task(chat: Chat, task: str, answer: dict, history: list[dict]) -> None:
    told = "\n".join(f"{one['role'].upper()}: {on_screen(one)}" for one in history)
    prompt = (
        f"### Task:\n{task}\n### Guidelines:\n- Be brief.\n### Output:\nJSON format: {json.dumps(answer)}\n"
        f"### Chat History:\n<chat_history>\n{told}\n</chat_history>"
    )
    more = {"max_tokens": 1000} if "title" in answer else {}
    await chat.post(Say(json.dumps(answer)), [{"role": "user", "content": prompt}], **more)


async def side_requests_with_history(chat: Chat) -> None:
    """NextChat asks for a title behind the whole chat, as if it went on; the chat goes on without."""
    for turn in range(TURNS):
        await chat.turn()
        if turn == 1:
            await chat.post(Say("Things"), [*chat.shown, {"role": "user", "content": NEXTCHAT_TITLE}])


NEXTCHAT_TITLE = (
    "Please generate a four to five word title summarizing our conversation without any lead-in, punctuation, "
    "quotation marks, periods, symbols, bold text, or additional text. Remove enclosing quotation marks."
)


async def restarted(chat: Chat) -> None:
    """In the middle the process is told to end and started again; people ask again what was refused meanwhile."""
    await (plain, same_greeting, tools)[chat.number % 3](chat)


async def killed(chat: Chat) -> None:
    """In the middle every process is killed; SDKs ask again what had no end, and nothing is there twice."""
    await (plain, tools)[chat.number % 2](chat)


ALL = (retried, cut_and_continued, side_requests, side_requests_of_named_chats, side_requests_with_history)

"""The history that a request brings, with the hashes by which conversations are found.

    rest:  u1 a1 u2 a2 u3 [a3…]      P ends at the last answer before the newest question (a2),
                  P ──┘ R ─┘ prefill    R is the whole request; answers behind it are begun by the client

Each message is hashed once; all else is looked up. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .message import SYSTEM_ROLES, Message, digest, is_heard, link, pair, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .turn import Asked

#: Tool call ids with less behind their last `_` or `:` count (`call_1`, `functions.find:0`) and come again in every chat.
SHORTEST_RANDOM = 8


@dataclass(frozen=True)
class History:
    """A request's messages: the system prompt at their head, and the rest with its hashes."""

    prompt: list[Message]
    rest: list[Message]
    #: Chain hash before the first message: the tenant's, so that equal words of two tenants have nothing in common.
    root: bytes
    #: Of each message of `rest`; None for those that are not heard.
    digests: list[bytes | None]
    #: Up to and with each message of `rest`.
    chain: list[bytes]
    #: How many messages of `rest` are asked; behind them stand answers that the client has begun (a prefill).
    end: int
    #: Index in `rest` of the last answer before that; -1 without one.
    answered: int

    @classmethod
    def of(cls, messages: Sequence[Message], root: bytes = b"") -> History:
        """The history that a request's messages are."""
        start = next((at for at, message in enumerate(messages) if message.role not in SYSTEM_ROLES), len(messages))
        rest = list(messages[start:])
        digests = [digest(message) if is_heard(message) else None for message in rest]
        chain, last = [], root
        for one in digests:
            last = last if one is None else link(last, one)
            chain.append(last)
        end = len(rest)
        while end and rest[end - 1].role == "assistant" and digests[end - 1] is not None:
            end -= 1
        answers = (at for at in range(end - 1, -1, -1) if rest[at].role == "assistant")
        return cls(list(messages[:start]), rest, root, digests, chain, end, next(answers, -1))

    @property
    def prefill(self) -> list[Message]:
        """The beginning of the answer, as the client has put it into the model's mouth."""
        return self.rest[self.end :]

    @property
    def begun(self) -> str:
        """Its text."""
        return "".join(text_of(message.content) for message in self.prefill)

    @property
    def asked(self) -> bytes:
        """The chain hash of R."""
        return self.before(self.end)

    @property
    def behind(self) -> int:
        """Index of the first message of `rest` behind P."""
        return self.answered + 1

    def before(self, at: int) -> bytes:
        """The chain hash before a message of `rest`."""
        return self.chain[at - 1] if at else self.root

    def heard(self, start: int = 0, end: int | None = None) -> list[int]:
        """The indices in `rest`, from `start` on and before `end`, of what a history is recognised by."""
        return [at for at in range(start, self.end if end is None else end) if self.digests[at] is not None]

    @cached_property
    def last_pair(self) -> bytes | None:
        """The hash of P's last question and answer; None where one of them is missing."""
        if self.answered < 0 or (answer := self.digests[self.answered]) is None:
            return None
        questions = (at for at in range(self.answered - 1, -1, -1) if self.rest[at].role == "user")
        question = self.digests[at] if (at := next(questions, -1)) >= 0 else None
        return pair(question, answer, self.root) if question else None


def kin(asked: Asked, prompt: Sequence[Message]) -> bytes:
    """
    Equal for requests that one program makes: to one model with one system prompt, streamed or not.

    Of two equal histories those of a kin rather belong together; prompts and models may change within a conversation.
    """
    program = f"{asked.model}\n{asked.stream}".encode("utf-8", "surrogatepass")
    return link(program, b"".join(digest(message) for message in prompt))


def call_ids(message: Message) -> frozenset[str]:
    """The ids of a message's tool calls, or of the call that it answers, which no other chat has by chance."""
    ids = [call.get("id") for call in message.tool_calls]
    return frozenset(one for one in (*ids, message.tool_call_id) if isinstance(one, str) and _is_random(one))


def _is_random(name: str) -> bool:
    """Whether an id ends in enough letters and digits mixed: `call_8f2k1x9q`, but not `functions.find_it:12`."""
    tail = name.rpartition("_")[2].rpartition(":")[2]
    letters = sum(one.isalpha() for one in tail)
    is_mixed = letters < len(tail) or tail.lower() != tail != tail.upper()
    return len(tail) >= SHORTEST_RANDOM and letters > 0 and is_mixed

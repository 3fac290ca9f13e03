"""What is known of conversations, as `conversation.place` asks for it, and what it answers: values and a protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from .caller import Caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .history import History
    from .message import Message

#: What an exchange is to a conversation:
#: new          its first one, with the history that the client brought
#: goes_on      the next turn, behind `Placing.keep`
#: regenerated  another answer to a question; what stood behind `keep` gives up its place, and is told as an event
#: retried      the same, asked for by an SDK that never got the answer; nothing is told
#: extended     more of the same answer, which the client began with all of it that it had
#: rewritten    the client's list replaces ours behind `keep`, which is told as an event
#: beside       another answer to a question whose first one was not there yet; it stands beside that one
#: late         it was overtaken: what the client made of it is recorded already
How = Literal["new", "goes_on", "regenerated", "retried", "extended", "rewritten", "beside", "late"]


class Scope(NamedTuple):
    """Whose conversations are searched; None: anybody's, any."""

    #: The user's name; empty: those of nobody named.
    user: str | None
    #: `thread_of` the caller; empty: those that go by no id.
    thread: str | None


@dataclass(slots=True, frozen=True)
class Asking:
    """An exchange, as far as it is needed to find its place."""

    history: History
    caller: Caller = field(default_factory=Caller)
    connection: str = ""
    #: Unix milliseconds.
    started: int = 0
    #: The answer's last message; None without one.
    answer: Message | None = None
    #: The client did not get the answer's end.
    cut: bool = False
    #: `history.kin` of the request: equal where model and system prompt are.
    kin: bytes = b""

    def distance(self, found: Held | Spot) -> tuple[bool, bool]:
        """What is likelier to be meant comes first: last continued on this connection, then of this kin."""
        held = found if isinstance(found, Held) else found.held
        return held.connection != self.connection, held.kin != self.kin


@dataclass(slots=True, frozen=True)
class Held:
    """A conversation as the store holds it."""

    key: int
    #: Place of its newest message, and of its newest answer; behind the latter stands what was not answered. 0: none.
    last: int
    tip_place: int
    #: Chain hash at the newest answer, or at the one that is looked at (`former`, `choice`).
    tip: bytes
    connection: str = ""
    #: `history.kin` of its newest request.
    kin: bytes = b""
    #: It has been sent messages without their history before.
    appended: bool = False
    #: The tip is not what stands there: it is this replaced message (its key), or that other choice (from 1).
    former: int = 0
    choice: int = 0


@dataclass(slots=True, frozen=True)
class Standing:
    """A message of a conversation that a history is recognised by."""

    key: int
    place: int
    role: str
    chain: bytes
    digest: bytes
    #: When the exchange that gave it began and ended (unix milliseconds); 0 for what clients brought.
    started: int = 0
    ended: int = 0
    #: It is an answer whose end the client did not get; the exchange was an SDK's retry.
    cut: bool = False
    retry: bool = False
    #: It calls tools, or is what one of them gave.
    of_tools: bool = False


class Spot(NamedTuple):
    """A place in a conversation."""

    held: Held
    place: int


class Known(Protocol):
    """What the store knows within the tenant. Lists hold some dozens at most, the newest conversations first."""

    def named(self, name: str, user: str) -> Held | None:
        """The newest of the conversations that go by a name: of a user, or nobody's; without a user anybody's."""

    def in_session(self, session: str, user: str) -> Held | None:
        """The newest conversation of a session and a user."""

    def at_tip(self, tip: bytes, scope: Scope, connection: str, kin: bytes) -> Held | None:
        """
        The conversation with that tip.

        Of several one last continued on that connection comes before others, then one of that kin, then the newest.
        """

    def inside(self, chain: bytes, scope: Scope) -> list[Spot]:
        """Where a history ends with a message that stands in a conversation."""

    def paired(self, pair: bytes, scope: Scope) -> list[Spot]:
        """Where a question and its answer stand."""

    def holding(self, calls: frozenset[str], scope: Scope) -> list[Held]:
        """Conversations in which one of these tool calls stands."""

    def answer_of(self, completion: str) -> Spot | None:
        """Where the answer with a completion id stands, or would if it were put back; place 0: it was replaced for good."""

    def place_of(self, held: Held, chain: bytes) -> Standing | None:
        """The message of a conversation with which a history ends."""

    def newest(self, held: Held, count: int, upto: int) -> list[Standing]:
        """The last messages of a conversation up to a place, in order."""

    def behind(self, held: Held, place: int, count: int) -> list[Standing]:
        """The first messages of a conversation behind a place, in order."""

    def text(self, standing: Standing) -> str:
        """What it says; empty when that is not kept any more."""

    def call_ids(self, standing: Standing) -> frozenset[str]:
        """`history.call_ids` of it."""


@dataclass(slots=True, frozen=True)
class Placing:
    """Where an exchange goes on."""

    how: How = "new"
    #: None: it begins a new conversation.
    held: Held | None = None
    #: Messages behind this place are replaced.
    keep: int = 0
    #: Chain hash at `keep`.
    start: bytes = b""
    #: Index of the first message of `History.rest` that is not in the conversation yet.
    first: int = 0
    #: The history that belongs to it was not, or not wholly, in the request.
    appends: bool = False
    #: Messages up to this place are replaced: the same was asked there before.
    drop: int = 0
    #: The client's version of the answer at `keep`, which wins.
    said: Message | None = None
    #: A new conversation: the one that it begins like, and up to which place.
    origin: Spot | None = None
    #: The client did not bring that beginning: it is copied.
    copies: bool = False
    #: late: the message that stands for its answer.
    standing: Standing | None = None


def thread_of(caller: Caller) -> str:
    """What a conversation goes by: the id of its chat, else that of its session, else nothing."""
    if caller.conversation_id:
        return f"id:{caller.conversation_id}"
    return f"session:{caller.session_id}" if caller.session_id else ""


def scopes(caller: Caller) -> Sequence[Scope]:
    """
    Where to search, the likeliest first.

    A chat id says it outright, for each user apart: programs count their users' chats from 1. Else the same user's before
    nobody's, the same session's before those of none; two stated users or sessions never share. Who states neither may go
    on with what somebody else began, last of all.
    """
    thread = thread_of(caller)
    users = (caller.user, "") if caller.user else ("",)
    if caller.conversation_id:
        return [Scope(user, thread) for user in users] if caller.user else [Scope(None, thread)]
    threads = (thread, "") if thread else ("",)
    ladder = [Scope(user, one) for user in users for one in threads]
    if not caller.user:
        ladder.append(Scope(None, thread or None))
    elif not thread:
        ladder.append(Scope(caller.user, None))
    return ladder

"""A model of the store: conversations as plain lists, searched one by one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from proxy.core.history import call_ids
from proxy.core.message import Message, chain, digest, is_heard, pairs, text_of
from proxy.core.place import Asking, Held, Placing, Scope, Spot, Standing, thread_of

ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def talk(text):
    """`"u:hi a:hello"` as messages; `a:` alone is an answer that says nothing, `c:x` a call with the id `x`."""
    return [said(word) for word in text.split()]


def said(word):
    kind, _, text = word.partition(":")
    if kind == "c":
        return Message("assistant", tool_calls=[{"id": text, "type": "function", "function": {"name": "f"}}])
    text, _, call = text.partition("@")
    return Message(ROLES[kind], text, tool_call_id=call or None)


@dataclass
class Row:
    """One message of a conversation."""

    message: Message
    started: int = 0
    ended: int = 0
    cut: bool = False
    retry: bool = False


@dataclass
class Conversation:
    """What is held of one."""

    rows: list[Row]
    name: str = ""
    user: str = ""
    thread: str = ""
    line: str = ""
    kin: bytes = b""
    appended: bool = False
    completions: dict[str, int] = field(default_factory=dict)
    #: Other tips: the answer that is meant, and its number among other choices or replaced answers.
    others: list[tuple[Message, int, int]] = field(default_factory=list)
    origin: int | None = None

    @property
    def messages(self):
        return [row.message for row in self.rows]

    def texts(self):
        return [text_of(message.content) for message in self.messages]


class Memory:
    """A store; newer conversations come later, whoever goes on last is the newest."""

    def __init__(self, root=b""):
        self.conversations = []
        self._root = root
        self._order = []

    def hold(self, text, *, name="", user="", session="", line="", cut=False, retry=False, times=(0, 0), **more):
        """A conversation as it stands; `times`: when its answers were asked for and came."""
        thread = f"id:{name}" if name else f"session:{session}" if session else ""
        rows = [
            Row(one, *(times if one.role == "assistant" else (0, times[1])), retry=retry and one.role == "assistant")
            for one in talk(text)
            if one.role != "system"
        ]
        rows[-1].cut = cut
        self.conversations.append(Conversation(rows, name, user, thread, line, **more))
        self._order.append(len(self.conversations) - 1)
        return self._held(len(self.conversations) - 1)

    # ── Known ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def named(self, name, user):
        of_chat = [key for key in self._newest_first() if self.conversations[key].thread == f"id:{name}"]
        whose = (user, "") if user else (None,)
        found = [key for one in whose for key in of_chat if one in (None, self.conversations[key].user)]
        return self._held(found[0]) if found else None

    def at_tip(self, tip, scope, connection, kin):
        held = (
            one for key in self._newest_first() if self._in(scope, self.conversations[key]) for one in self._tips(key)
        )
        found = [one for one in held if one.tip_place and one.tip == tip]
        return min(found, key=lambda one: (one.connection != connection, one.kin != kin), default=None)

    def inside(self, chain, scope):
        return [
            Spot(self._held(key), one.place)
            for key in self._newest_first()
            if self._in(scope, self.conversations[key])
            for one in self._standing(key)
            if one.chain == chain
        ]

    def paired(self, pair, scope):
        return [
            Spot(self._held(key), at)
            for key in self._newest_first()
            if self._in(scope, self.conversations[key])
            for at, one in enumerate(pairs(self.conversations[key].messages, root=self._root), 1)
            if one == pair
        ]

    def holding(self, calls, scope):
        return [
            self._held(key)
            for key in self._newest_first()
            if self._in(scope, self.conversations[key])
            and any(call_ids(message) & calls for message in self.conversations[key].messages)
        ]

    def answer_of(self, completion):
        for key in self._newest_first():
            place = self.conversations[key].completions.get(completion)
            if place is not None:
                return Spot(self._held(key), place)
        return None

    def place_of(self, held, chain):
        return next((one for one in self._standing(held.key) if one.chain == chain), None)

    def newest(self, held, count, upto):
        return [one for one in self._standing(held.key) if one.place <= upto][-count:]

    def behind(self, held, place, count):
        return [one for one in self._standing(held.key) if one.place > place][:count]

    def text(self, standing):
        key, place = divmod(standing.key, 1000)
        return text_of(self.conversations[key].messages[place - 1].content)

    def call_ids(self, standing):
        key, place = divmod(standing.key, 1000)
        return call_ids(self.conversations[key].messages[place - 1])

    # ── what a placing does ─────────────────────────────────────────────────────────────────────────────────────────

    def take(self, asking: Asking, placing: Placing, ended=0) -> int | None:
        """Grow by an exchange; which conversation that was, None: nothing was put down."""
        history, caller = asking.history, asking.caller
        answers = [Row(asking.answer, asking.started, ended, asking.cut, caller.retries)] if asking.answer else []
        asked = [Row(one, 0, asking.started) for one in history.rest[placing.first : history.end]]
        if placing.how == "late":
            return None
        if placing.held is None:
            kept = self.conversations[placing.origin.held.key].rows[: placing.origin.place] if placing.copies else []
            self.conversations.append(Conversation([*kept, *asked, *answers], caller.conversation_id))
            key = len(self.conversations) - 1
            self.conversations[key].origin = placing.origin.held.key if placing.origin else None
        else:
            key = placing.held.key
            one, place = self.conversations[key], placing.held.tip_place
            if placing.how == "beside":
                if placing.standing.place == place:
                    one.others.append((asking.answer, 0, 1))
                return key
            if not answers and placing.keep < place:
                return None
            if placing.held.former or placing.held.choice:
                one.rows[place - 1] = Row(one.others[placing.held.former + placing.held.choice - 1][0])
            elif placing.said:
                one.rows[place - 1] = replace(one.rows[place - 1], message=placing.said)
            replaced = one.rows[placing.keep :]
            one.rows[placing.keep :] = [*asked, *answers]
            del one.rows[: placing.drop]
            again = placing.how in ("regenerated", "retried")
            one.others = [*(one.others if again else ()), *((row.message, 0, 1) for row in replaced if again)]
            if len(replaced) > 1:
                one.others = []
        one = self.conversations[key]
        one.user, one.line, one.kin = caller.user or one.user, asking.connection, asking.kin
        one.thread, one.appended = one.thread or thread_of(caller), one.appended or placing.appends
        if key in self._order:
            self._order.remove(key)
        self._order.append(key)
        return key

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _newest_first(self):
        return list(reversed(self._order))

    def _in(self, scope: Scope, one):
        return scope.user in (None, one.user) and scope.thread in (None, one.thread)

    def _held(self, key):
        one = self.conversations[key]
        answers = [at for at, message in enumerate(one.messages, 1) if message.role == "assistant"]
        tip_place = answers[-1] if answers else 0
        tip = chain(one.messages, self._root)[tip_place - 1] if answers else b""
        return Held(key, len(one.rows), tip_place, tip, one.line, one.kin, one.appended)

    def _tips(self, key):
        held, one = self._held(key), self.conversations[key]
        yield held
        for at, (message, choice, former) in enumerate(one.others, 1):
            tip = chain([*one.messages[: held.tip_place - 1], message], self._root)[-1]
            yield replace(held, tip=tip, former=at if former else 0, choice=at if choice else 0)

    def _standing(self, key):
        one = self.conversations[key]
        hashes = chain(one.messages, self._root)
        return [
            Standing(
                key * 1000 + at,
                at,
                row.message.role,
                hashes[at - 1],
                digest(row.message),
                row.started,
                row.ended,
                row.cut,
                row.retry,
                bool(row.message.tool_calls) or row.message.role == "tool",
            )
            for at, row in enumerate(one.rows, 1)
            if is_heard(row.message)
        ]

"""One message of a conversation, as it was said, and how it is recognised when a client brings it back.

Clients change a history between turns: blanks, parts for a string, other ids, arguments written anew, reasoning left
out. So a message is recognised by what stays (`digest`), a history by the chain of its digests (`chain`), and the end of
a history whose beginning a client has dropped by its last question and answer (`pairs`). All of it is a pure function of
the messages; nothing here raises.
"""

from __future__ import annotations

import re
import string
import unicodedata
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from .jsontext import canonical, canonical_value
from .parts import REASONING_PARTS, TEXT_PARTS, Content, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Bytes of a chain or pair hash.
HASH_SIZE = 16
#: Their text is said to the model for one turn only, so that a history is the same history without them.
SYSTEM_ROLES = frozenset(("system", "developer"))

#: A text that begins otherwise says something; blanks and `<think>` may be all there is.
_MAY_BE_SILENT = frozenset(("", "<", *string.whitespace))
_SAME_ROLES = {"developer": "system", "function": "tool"}

#: What models and clients put before a message and others leave out again: reasoning, reminders to agents.
_WRAPPERS = re.compile(
    r"""\s* (?: <think>.*?</think>
             |  <details\ type="reasoning"[^>]*>.*?</details>
             |  <system[-_]reminder>.*?</system[-_]reminder> )""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(slots=True, frozen=True)
class Message:
    """One message; what is empty was not said."""

    #: As said: system, developer, user, assistant, tool, function.
    role: str
    #: OpenAI's form: a string, parts, or nothing.
    content: Content = None
    #: Always `{id, type, function: {name, arguments}}`, strings all; for type "custom" `arguments` is the input text.
    #: A client that sent no id has "" there.
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    #: `{name, arguments}`: the form before tool calls.
    function_call: dict[str, Any] | None = None
    #: The client's own message id, when it sent one.
    id: str | None = None
    #: What the log may use: annotations, citations, audio {id, transcript}, records_cited, ….
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The message as JSON values, without what is empty; `from_json` gives it back equal."""
        values = ((name, getattr(self, name)) for name in _FIELDS)
        return {name: value for name, value in values if value or (name == "content" and value is not None)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Message:
        """What `to_json` wrote."""
        return cls(**values)


_FIELDS = tuple(one.name for one in fields(Message))


def text_of(content: Content) -> str:
    """The text of a content: parts' text and refusals joined, everything else left out."""
    if isinstance(content, str):
        return content
    return "".join(_part_text(part) for part in content or ())


def chain(messages: Sequence[Message], start: bytes = b"") -> list[bytes]:
    """
    The hash of the history up to and with each message, 16 bytes each; `start` is the hash before the first.

    Messages that are not heard (`is_heard`) leave it as it was.
    """
    out = []
    for message in messages:
        if is_heard(message):
            start = link(start, digest(message))
        out.append(start)
    return out


def link(start: bytes, digested: bytes) -> bytes:
    """The chain hash behind one more message."""
    return blake2b(start + digested, digest_size=HASH_SIZE).digest()


def is_heard(message: Message) -> bool:
    """
    Whether a history is recognised by a message.

    Not by system and developer messages: their text changes from turn to turn (dates, retrieved passages). And not by an
    answer that says nothing: clients put one before a call, or leave one out.
    """
    if message.role != "assistant":
        return message.role not in SYSTEM_ROLES
    if message.tool_calls or message.function_call or message.refusal:
        return True
    if isinstance(message.content, str) and message.content[:1] not in _MAY_BE_SILENT:
        return True
    if isinstance(message.content, list) and any(_mark(part) for part in message.content):
        return True
    return bool(folded(text_of(message.content)))


def pairs(messages: Sequence[Message], asked: bytes | None = None, root: bytes = b"") -> list[bytes | None]:
    """
    For each assistant message the hash of the nearest user message before it and itself; None for all others.

    `asked` is the digest of the last user message before them all, `root` the tenant's.
    """
    out: list[bytes | None] = []
    for message in messages:
        if message.role == "user":
            asked = digest(message)
        is_answer = asked and message.role == "assistant" and is_heard(message)
        out.append(pair(asked, digest(message), root) if asked and is_answer else None)
    return out


def pair(asked: bytes, answered: bytes, root: bytes) -> bytes:
    """The hash of a question and its answer, by their digests, and of whose tenant they are."""
    return _hashed((root, asked, answered))


def digest(message: Message) -> bytes:
    """
    The hash of what stays of a message when a client sends it back.

    Role (developer as system, function as tool), text, attachments, and calls by name and arguments. Ids, name, cache
    marks and reasoning are left out; a refusal is text.
    """
    role = _SAME_ROLES.get(message.role, message.role)
    text = folded(text_of(message.content) or message.refusal or "")
    if not (isinstance(message.content, list) or message.tool_calls or message.function_call):
        return _hashed((role.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")))
    marks = [_mark(part) for part in message.content] if isinstance(message.content, list) else []
    calls = [call.get("function") or {} for call in message.tool_calls]
    if message.function_call:
        calls.append(message.function_call)
    parts = (role, text, *filter(None, marks), *(_call(one) for one in calls))
    return _hashed(part.encode("utf-8", "surrogatepass") for part in parts)


def folded(text: str) -> str:
    """A text without what is put before it (`_WRAPPERS`), its blanks folded."""
    if "<" in text:
        at = 0
        while wrapper := _WRAPPERS.match(text, at):
            at = wrapper.end()
        text = text[at:]
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _part_text(part: dict[str, Any]) -> str:
    kind = kind_of(part)
    said = part.get("text") if kind in TEXT_PARTS else part.get("refusal") if kind == "refusal" else None
    return said if isinstance(said, str) else ""


def _mark(part: dict[str, Any]) -> str:
    """What an attachment is recognised by: an image by its address or data, others by all they hold."""
    kind = kind_of(part)
    if kind in TEXT_PARTS or kind == "refusal" or kind in REASONING_PARTS:
        return ""
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, dict) else image
    if isinstance(address, str):
        _, comma, payload = address.partition(",") if address.startswith("data:") else ("", "", "")
        return f"image\n{payload if comma else address}"
    return "part\n" + canonical_value({key: value for key, value in part.items() if key != "cache_control"})


def _call(function: dict[str, Any]) -> str:
    return f"call\n{function.get('name')}\n{folded(canonical(function.get('arguments') or ''))}"


def _hashed(pieces: Iterable[bytes]) -> bytes:
    framed = [len(piece).to_bytes(8, "big") + piece for piece in pieces]
    return blake2b(b"".join(framed), digest_size=HASH_SIZE).digest()

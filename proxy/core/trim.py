"""A conversation that is larger than a sink takes, made to fit.

    1. results of tools are shortened, no more than is needed
    2. the oldest messages of the middle are left out: the system prompt, the first question and the last ten stay
    3. what is long in those that stay is shortened

Ids stay as they are, and `properties.trimmed` says what was done: `bytes` (what it would have had), and how many
`toolResults` were shortened, `messages` left out and `texts` shortened. The same body gives the same result; nothing here
raises, and what is given is not changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .jsontext import write
from .public import RESULT_ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Inkeep takes 2 MB on every POST; said nowhere: whether that is 1,000 or 1,024 squared.
BODY_LIMIT = 2_000_000
#: So many newest messages stay, whatever they are.
LAST = 10
#: To how many characters long texts are shortened, until the whole fits.
_LENGTHS = (262_144, 65_536, 16_384, 4_096, 1_024, 200)
#: What `properties.trimmed` itself may take.
_ROOM = 200
#: What a text is known by is not shortened.
_KEPT = frozenset(("id", "type", "role", "createdAt", "updatedAt", "tool_call_id", "toolCallId", "originalRole"))


def fitted(body: Mapping[str, Any], limit: int = BODY_LIMIT) -> bytes:
    """A body of `POST /conversations` as JSON of at most `limit` bytes; larger only where nothing in it can be shortened."""
    whole = write(body).encode()
    if len(whole) <= limit:
        return whole
    trimming = _Trimming(body, limit - _ROOM, {"bytes": len(whole)})
    for _ in trimming.steps():
        if trimming.fits():
            break
    return trimming.told()


class _Trimming:
    """One body while it gets smaller."""

    def __init__(self, body: Mapping[str, Any], limit: int, done: dict[str, int]) -> None:
        self._body = dict(body)
        self._limit = limit
        self._done = done

    def steps(self) -> Iterator[None]:
        """Ever more is taken away."""
        given = self._body["messages"]
        for longest in _LENGTHS:
            self._shorten("toolResults", longest, lambda cut: [_with_short_results(one, cut) for one in given])
            yield
        self._leave_out()
        yield
        whole = self._body
        for longest in _LENGTHS:
            self._shorten("texts", longest, lambda cut: {name: cut.value(one, name) for name, one in whole.items()})
            yield

    def fits(self) -> bool:
        return len(write(self._body).encode()) <= self._limit

    def told(self) -> bytes:
        """What is left, and what was done."""
        done = {name: count for name, count in self._done.items() if count}
        return write(self._body | {"properties": (self._body.get("properties") or {}) | {"trimmed": done}}).encode()

    def _shorten(self, what: str, longest: int, change: Callable[[_Cut], Any]) -> None:
        cut = _Cut(longest)
        changed = change(cut)
        self._body = changed if isinstance(changed, dict) else self._body | {"messages": changed}
        self._done[what] = cut.count

    def _leave_out(self) -> None:
        """The oldest messages that need not stay go, until the rest fits."""
        messages = self._body["messages"]
        surplus = len(write(self._body).encode()) - self._limit
        stay = _staying(messages)
        gone = set()
        for at, message in enumerate(messages):
            if surplus <= 0:
                break
            if at not in stay:
                surplus -= len(write(message).encode()) + 1
                gone.add(at)
        self._body["messages"] = [message for at, message in enumerate(messages) if at not in gone]
        self._done["messages"] = len(gone)


def _staying(messages: list[dict[str, Any]]) -> set[int]:
    """Places of messages that are never left out."""
    begin = next((at for at, one in enumerate(messages) if one["role"] != "system"), len(messages))
    first = next((at for at, one in enumerate(messages) if one["role"] == "user"), begin)
    return {*range(begin), first, *range(max(0, len(messages) - LAST), len(messages))}


def _with_short_results(message: dict[str, Any], cut: _Cut) -> dict[str, Any]:
    """A message whose tool results are shortened; it may be one itself."""
    properties = message.get("properties") or {}
    if properties.get("originalRole") in RESULT_ROLES:
        return message | {"content": cut.value(message["content"])}
    results = properties.get("toolResults")
    return message | {"properties": properties | {"toolResults": cut.value(results)}} if results else message


class _Cut:
    """Shortens texts to a length, and counts them."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.count = 0

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON value with no long text in it; `name` is what it is called where it stands."""
        if name in _KEPT:
            return value
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return self._picture(value) or {key: self.value(one, key) for key, one in value.items()}
        if not isinstance(value, str) or len(value) <= self._longest:
            return value
        self.count += 1
        if name == "arguments":  # JSON stays JSON
            return write({"trimmed": value[: self._longest]})
        return f"{value[: self._longest]}… [{len(value) - self._longest:,} characters left out]"

    def _picture(self, part: dict[str, Any]) -> dict[str, Any] | None:
        """A picture is left out whole: half an address leads nowhere."""
        picture = part.get("image_url")
        address = picture.get("url") if isinstance(picture, dict) else None
        if not isinstance(address, str) or len(address) <= self._longest:
            return None
        self.count += 1
        return {"type": "text", "text": f"[a picture left out, {len(address):,} characters]"}

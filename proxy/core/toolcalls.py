"""Tool calls out of the fragments that servers send, one list for one message.

OpenAI sends a call's id and name once, its arguments in pieces, all under one index. Others leave out the index or use
one for all calls, repeat ids and names, invent an id per fragment, send the arguments so far each time, or an object in
their place. `ToolCalls` tells from these signs where a call begins and where it goes on; arguments that parse are never
changed, and JSON left open stays open. Time is linear in the bytes; nothing raises.

    fragment with index    new call: none there yet, or another id together with a name
                           (unless that name is the call's own and its arguments are still open JSON)
             without       the call with that id; else a name begins a new one; else the last one goes on

A call whose arguments are whole is over in either case when a fragment comes with another name, or with its own name and
other whole arguments.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from .cut_json import read_cut
from .jsontext import canonical, index_in, mend_text, objects_in, read, write
from .runs import Varying

#: Characters of arguments that do not parse which are still searched for repeats.
MAX_REPAIR = 64 * 1024

#: Characters after which a name takes no more pieces; OpenAI allows 64.
MAX_NAME = 256

#: What servers write for "no id".
_NO_ID = frozenset(("", "null", "None"))
_JSON_MARKS = re.compile(r'["\\{}\[\]]')


class ToolCalls:
    """The calls of one message, in order of their first appearance."""

    __slots__ = ("_at_index", "_calls", "_with_id")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._at_index: dict[int, _Call] = {}
        self._with_id: dict[str, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragments: Any) -> None:
        """What `delta.tool_calls` holds; entries follow one another, even under one index."""
        for fragment in _fragments(fragments):
            self._call_of(fragment).add(fragment)

    def varying(self, fragments: Any) -> Varying | None:
        """The arguments of a delta just added, by which the next of its run may differ: one nameless fragment's."""
        only, *others = _fragments(fragments) or [{}]
        value = _body_of(only).get("arguments")
        if others or _id_of(only) or _name_of(only) or "custom" in only or not isinstance(value, str) or not value:
            return None
        return Varying("arguments", value, self._call_of(only).arguments.extend)

    def add_whole(self, calls: Any) -> None:
        """What `message.tool_calls` holds: each entry is a call of its own."""
        for call in _fragments(calls):
            self._begin(call).add(call)

    def result(self) -> list[dict[str, Any]]:
        """`{id, type, function: {name, arguments}}` of each call, "" where no id came; empty calls are left out."""
        return [call.result() for call in self._calls if call.id or call.name or call.arguments]

    def _call_of(self, fragment: dict[str, Any]) -> _Call:
        index, key, name = index_in(fragment.get("index")), _id_of(fragment), _name_of(fragment)
        if index is not None:
            call = self._at_index.get(index)
            if call is None or call.is_ended_by(fragment):
                call = self._at_index[index] = self._begin(fragment)
            return call
        if key in self._with_id and not self._with_id[key].is_ended_by(fragment):
            return self._with_id[key]
        if name or not self._calls:
            return self._begin(fragment)
        return self._calls[-1]

    def _begin(self, fragment: dict[str, Any]) -> _Call:
        call = _Call()
        self._calls.append(call)
        if key := _id_of(fragment):
            self._with_id[key] = call
        return call


class _Call:
    """One call, as far as it came."""

    __slots__ = ("_balance", "_whole", "arguments", "id", "name", "type")

    def __init__(self) -> None:
        self.id = ""
        self.type = ""
        self.name = ""
        self.arguments: list[str] = []
        self._balance = _Balance()
        #: The arguments when they were first asked for as whole.
        self._whole: str | None = None

    def add(self, fragment: dict[str, Any]) -> None:
        self.id = self.id or _id_of(fragment)
        kind = "custom" if isinstance(fragment.get("custom"), dict) else fragment.get("type")
        self.type = self.type or (kind if isinstance(kind, str) else "")
        if not self.arguments:
            self.name = joined_name(self.name, _name_of(fragment))
        if arguments := arguments_text(_body_of(fragment)):
            self.arguments.append(arguments)

    def is_ended_by(self, fragment: dict[str, Any]) -> bool:
        """Whether a fragment under the same index or id begins another call."""
        key, name = _id_of(fragment), _name_of(fragment)
        if not name:
            return False
        if key and self.id and key != self.id:
            return name != self.name or not self.arguments or self._balance.is_closed(self.arguments)
        arguments = arguments_text(_body_of(fragment))
        if not arguments or not self.arguments or not self._balance.is_closed(self.arguments):
            return False
        return name != self.name or self._is_other(arguments)

    def _is_other(self, arguments: str) -> bool:
        """Whether arguments are whole, and not those that came said again."""
        if self._whole is None:
            self._whole = canonical("".join(self.arguments))
        return _parses(arguments) and canonical(arguments) not in (self._whole, canonical(self.arguments[-1]))

    def result(self) -> dict[str, Any]:
        text = "".join(self.arguments) if self.type == "custom" else settled(self.arguments)
        return {
            "id": mend_text(self.id),
            "type": mend_text(self.type) or "function",
            "function": {"name": mend_text(self.name), "arguments": mend_text(text)},
        }


class _Balance:
    """Whether the JSON in a growing list of fragments is closed; each character is looked at once."""

    __slots__ = ("_depth", "_escaped", "_in_string", "_seen")

    def __init__(self) -> None:
        self._seen = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def is_closed(self, fragments: list[str]) -> bool:
        for text in fragments[self._seen :]:
            self._walk(text)
        self._seen = len(fragments)
        return self._depth <= 0 and not self._in_string

    def _walk(self, text: str) -> None:
        at, self._escaped = int(self._escaped), False
        while mark := _JSON_MARKS.search(text, at):
            at = mark.end()
            if mark[0] == '"':
                self._in_string = not self._in_string
            elif mark[0] == "\\":
                self._escaped = at == len(text)
                at += 1
            elif not self._in_string:
                self._depth += 1 if mark[0] in "{[" else -1


def joined_name(name: str, piece: Any) -> str:
    """A name with its next piece; the same name again is a repeat, not a piece, and one that begins with it the name so far."""
    if not isinstance(piece, str) or len(name) > MAX_NAME:
        return name
    return piece if piece.startswith(name) else name + piece


def arguments_text(function: dict[str, Any]) -> str:
    """A function's arguments, or a custom tool's input, as text; an object becomes compact JSON."""
    value = function.get("arguments")
    if value is None:
        value = function.get("input")
    if value is None or isinstance(value, str):
        return value or ""
    return write(value)


def settled(fragments: list[str]) -> str:
    """The fragments joined; if that is no JSON because the server repeated itself, what it repeated, as far as it came."""
    text = "".join(fragments)
    if len(text) > MAX_REPAIR or not text.strip() or _parses(text):
        return text
    last = fragments[-1]
    if len(fragments) > 1 and _is_cumulative(fragments) and _begins(last) and not _begins(text):
        return last
    if len(fragments) > 1 and _parses(last) and _is_resent(fragments):
        return last
    if text.startswith("{}") and _begins(text[2:]):  # what an Anthropic block is opened with, before what it holds
        return text[2:]
    period = (text + text).find(text, 1)
    return text[:period] if period < len(text) and _parses(text[:period]) else text


def _is_cumulative(fragments: list[str]) -> bool:
    """Each fragment holds the arguments so far."""
    return all(after.startswith(before) for before, after in pairwise(fragments))


def _is_resent(fragments: list[str]) -> bool:
    """The last fragment is the object that the others make together."""
    last = fragments[-1]
    return isinstance(read(last), dict) and canonical(last) == canonical("".join(fragments[:-1]))


def _begins(text: str) -> bool:
    """Whether it is JSON, or the beginning of some."""
    try:
        read_cut(text)
    except ValueError:
        return False
    return True


def _parses(text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _fragments(values: Any) -> list[dict[str, Any]]:
    """The entries of a list; a single one may stand without it."""
    return [values] if isinstance(values, dict) else objects_in(values)


def _id_of(fragment: dict[str, Any]) -> str:
    key = fragment.get("id")
    return key if isinstance(key, str) and key not in _NO_ID else ""


def _body_of(fragment: dict[str, Any]) -> dict[str, Any]:
    body = fragment.get("function") or fragment.get("custom")
    return body if isinstance(body, dict) else {}


def _name_of(fragment: dict[str, Any]) -> str:
    name = _body_of(fragment).get("name")
    return name if isinstance(name, str) else ""

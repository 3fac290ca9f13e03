"""Output items of a Responses answer, each put together from the events that speak of it.

An item comes four times over: opened (`output_item.added`), in deltas, field by field (`*.done`) and whole
(`output_item.done`). Servers leave out some of these, or leave them empty: what says something later in this list wins
over what came before, field by field. Text is joined once, at the end, so time is linear. Nothing raises.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .choice import text_in
from .jsontext import objects_in, write


class Field(NamedTuple):
    """Where an event's text belongs in an item."""

    #: The type of the item, where nothing else has told it.
    kind: str
    #: The item's key; it holds the text itself, or a list of parts.
    key: str
    #: The type of the part, and its key that holds the text.
    part: str = ""
    text: str = ""


#: By the middle of an event's type: `response.<name>.delta` and `.done`.
FIELDS = {
    "output_text": Field("message", "content", "output_text", "text"),
    "refusal": Field("message", "content", "refusal", "refusal"),
    "reasoning_text": Field("reasoning", "content", "reasoning_text", "text"),
    "reasoning_summary_text": Field("reasoning", "summary", "summary_text", "text"),
    "function_call_arguments": Field("function_call", "arguments"),
    "mcp_call_arguments": Field("mcp_call", "arguments"),
    "custom_tool_call_input": Field("custom_tool_call", "input"),
    "code_interpreter_call_code": Field("code_interpreter_call", "code"),
}
_OF_PART = {field.part: field for field in FIELDS.values() if field.part}

#: What of an item stays in all its tellings.
_LASTING = ("type", "call_id")

#: A field, and the number of its part.
_Place = tuple[Field, int]


class OutputItem:
    """One item, as far as it came; `kept` is what was known of it before this stream began."""

    __slots__ = ("_annotations", "_done", "_opened", "_pieces", "_whole_texts")

    def __init__(self, kept: dict[str, Any] | None = None) -> None:
        self._opened: dict[str, Any] = {}
        self._pieces: dict[_Place, list[str]] = {}
        self._whole_texts: dict[_Place, str] = {}
        self._annotations: dict[int, list[Any]] = {}
        self._done: dict[str, Any] = {}
        if kept:
            self._opened = kept
            self._go_on_from(kept)

    @property
    def is_opened(self) -> bool:
        """Whether its beginning is known."""
        return bool(self._opened)

    @property
    def is_done(self) -> bool:
        """Whether it came whole."""
        return bool(self._done)

    @property
    def has_spoken(self) -> bool:
        """Whether any of its events held a text."""
        return any(self._pieces.values()) or bool(self._whole_texts)

    @property
    def names(self) -> set[tuple[str, str]]:
        """What it is known by."""
        return names_of(self._opened | self._done)

    def is_same(self, item: dict[str, Any], *, opens: bool = False) -> bool:
        """
        Whether another telling is of this item.

        Of one that is done by its ids, or word for word; else by its type and its call. Ids alone change with some from
        telling to telling, but an item that has spoken is not opened again with another one.
        """
        names, told = self.names, names_of(item)
        if self.is_done:
            return not names.isdisjoint(told) or item == self._done
        if any(
            (mine := text_in(self._opened.get(key))) and mine != (text_in(item.get(key)) or mine) for key in _LASTING
        ):
            return False
        return not (opens and names and told and self.has_spoken and names.isdisjoint(told))

    def begin(self, item: dict[str, Any]) -> None:
        """What `output_item.added` holds."""
        self._opened = item

    def add(self, field: Field, part: int, delta: Any) -> None:
        """A piece of a text."""
        if text := _text(delta):
            self.pieces(field, part).append(text)

    def pieces(self, field: Field, part: int) -> list[str]:
        """The pieces of a text that came, to which more can be put."""
        return self._pieces.setdefault((field, part), [])

    def settle(self, field: Field, part: int, text: Any) -> None:
        """A whole text."""
        if text := _text(text):
            self._whole_texts[field, part] = text

    def settle_part(self, part: int, value: Any) -> None:
        """A whole part, as `content_part.done` has it."""
        if isinstance(value, dict) and (field := _OF_PART.get(text_in(value.get("type")) or "")):
            self.settle(field, part, value.get(field.text))

    def annotate(self, part: int, annotation: Any) -> None:
        """A citation in a part's text."""
        if isinstance(annotation, dict):
            self._annotations.setdefault(part, []).append(annotation)

    def finish(self, item: dict[str, Any]) -> None:
        """What `output_item.done` holds, or the whole answer."""
        self._done = item

    def result(self) -> dict[str, Any]:
        """The item in the form of a whole one."""
        item = self._opened | {
            key: value for key, value in self._done.items() if _says(value) or key not in self._opened
        }
        texts = {place: "".join(pieces) for place, pieces in self._pieces.items()} | self._whole_texts
        lists: dict[str, list[dict[str, Any]]] = {}
        for (field, part), text in sorted(texts.items(), key=lambda one: one[0][1]):
            item.setdefault("type", field.kind)
            if _says(self._done.get(field.key)):
                continue
            if field.part:
                lists.setdefault(field.key, []).append(self._part(field, part, text))
            else:
                item[field.key] = text
        return item | lists

    def _part(self, field: Field, part: int, text: str) -> dict[str, Any]:
        told: dict[str, Any] = {"type": field.part, field.text: text}
        cited = self._annotations.get(part)
        return told | {"annotations": cited} if cited else told

    def _go_on_from(self, kept: dict[str, Any]) -> None:
        """What was kept becomes the first pieces, so that deltas go on behind it."""
        for field in (one for one in FIELDS.values() if one.kind == kept.get("type")):
            if not field.part:
                self.add(field, 0, kept.get(field.key))
                continue
            for at, part in enumerate(objects_in(kept.get(field.key))):
                if part.get("type") == field.part:
                    self.add(field, at, part.get(field.text))
                    self._annotations[at] = objects_in(part.get("annotations"))


def names_of(item: dict[str, Any]) -> set[tuple[str, str]]:
    """The ids of an item, each with its kind."""
    return {(key, name) for key in ("id", "call_id") if (name := text_in(item.get(key)))}


def _text(value: Any) -> str:
    """A text; servers that send arguments as an object mean its JSON."""
    return value if isinstance(value, str) else write(value) if isinstance(value, dict) else ""


def _says(value: Any) -> bool:
    """Whether a value of an item says something: a list of parts does when one of them holds text."""
    if not isinstance(value, list):
        return bool(value)
    return any(
        any(value for key, value in part.items() if key not in ("type", "annotations", "logprobs"))
        if isinstance(part, dict)
        else part
        for part in value
    )

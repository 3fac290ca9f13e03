"""A Responses answer put together: from one JSON object, or from events in the order they came.

Items are kept apart by `output_index`, never by their ids, which GitHub Copilot changes from event to event. The final
event's own list of items counts only for what no event of its own told (the ChatGPT backend leaves it empty). Events of
unknown types are passed over. Nothing raises; what came before an error or a cut is kept.
"""

from __future__ import annotations

import re
from typing import Any

from .body import error_in
from .choice import text_in
from .item_messages import ItemMessages
from .items import FIELDS, OutputItem, names_of
from .jsontext import mend, objects_in
from .message import Message
from .runs import Varying
from .turn import Answered, Choice

#: An answer that says so will not change any more.
FINAL = frozenset(("completed", "incomplete", "failed", "cancelled"))
#: Those of them that are whole: "incomplete" is one at which a limit was reached.
_WHOLE = frozenset(("completed", "incomplete"))
#: One that is still being made.
GOING_ON = frozenset(("queued", "in_progress"))

_DELTAS = {f"response.{name}.delta": field for name, field in FIELDS.items()}
_TEXTS_DONE = {f"response.{name}.done": (field, field.text or field.key) for name, field in FIELDS.items()}
_PARTS_DONE = frozenset(("response.content_part.done", "response.reasoning_summary_part.done"))
_OPENED = "response.output_item.added"
_ITEMS = frozenset((_OPENED, "response.output_item.done"))
_STARTS = frozenset(("response.created", "response.queued", "response.in_progress"))
#: Larger numbers are none; those below are no card's, so that they are kept as they are though something is redacted.
_FAR = 1 << 39
_DIGITS = re.compile("[0-9]{1,15}")


class ResponseAnswer:
    """
    Feed it events (`take`) or a whole answer (`take_whole`); then ask for the `result`.

    Args:
        kept: What the last message of an earlier part of the same answer has as `unfinished`; the events that are in it are
            passed over when they come again.

    """

    def __init__(self, kept: dict[str, Any] | None = None) -> None:
        #: The first error reported.
        self.error: Any | None = None
        self._status: str | None = None
        self._completion_id: str | None = None
        self._model: str | None = None
        self._usage: dict[str, Any] | None = None
        #: The limit that was reached.
        self._limit: str | None = None
        self._details: dict[str, Any] = {}
        #: The upstream goes on with it when the connection ends.
        self._is_background = False
        self._is_whole = False
        self._is_from_start = False
        #: The answer's own list of its items, where it told one.
        self._output: list[dict[str, Any]] = []
        self._items: list[tuple[int, OutputItem]] = []
        self._at_index: dict[int, OutputItem] = {}
        self._index_of_id: dict[str, int] = {}
        #: By number and id: some servers number all items alike.
        self._named: dict[tuple[int, str], OutputItem] = {}
        #: Items that have neither number nor id and are not done, by type and name.
        self._open_alike: dict[tuple[str | None, str | None], list[int]] = {}
        self._top = -1
        #: Numbers of the newest event that was kept, and of the newest one now.
        self._kept_until = self._sequence = kept["sequence"] if kept else -1
        if kept:
            self._status, self._is_background = "in_progress", True
            for index, item in kept["items"]:
                self._begin(index, OutputItem(item))

    @property
    def is_understood(self) -> bool:
        """Whether any of it was a response, or a part of one, or an error."""
        return bool(self._items or self._output or self._status or self._completion_id) or self.error is not None

    def take(self, chunk: dict[str, Any], event: str = "") -> None:
        """One event's object; `event` is the name it had, which counts where the object has no type."""
        kind = text_in(chunk.get("type")) or event
        if self._is_repeated(chunk) and kind.removeprefix("response.") not in FINAL:  # after which nothing was kept
            return
        if field := _DELTAS.get(kind):
            self._item(chunk).add(field, _part_number(chunk), chunk.get("delta"))
        elif settled := _TEXTS_DONE.get(kind):
            field, key = settled
            self._item(chunk).settle(field, _part_number(chunk), chunk.get(key))
        elif kind in _PARTS_DONE:
            self._item(chunk).settle_part(_part_number(chunk), chunk.get("part"))
        elif kind == "response.output_text.annotation.added":
            self._item(chunk).annotate(_part_number(chunk), chunk.get("annotation"))
        elif kind in _ITEMS and isinstance(item := chunk.get("item"), dict):
            self._take_item(kind, chunk, item)
        else:
            self._take_other(chunk, kind, event)

    def varying(self, chunk: dict[str, Any]) -> Varying | None:
        """The delta of an event just taken, by which the next of its run will differ; see `runs`."""
        field, delta = _DELTAS.get(text_in(chunk.get("type")) or ""), text_in(chunk.get("delta"))
        number = chunk.get("sequence_number")
        if not field or not delta or (isinstance(number, int) and number <= self._kept_until):
            return None
        pieces = self._item(chunk).pieces(field, _part_number(chunk))
        return Varying("delta", delta, pieces.extend, self._reach if isinstance(number, int) else None)

    def take_whole(self, answer: dict[str, Any]) -> None:
        """A JSON answer."""
        self._is_whole = True
        self.error = answer.get("error") and mend(answer["error"])
        self._note(answer)
        if self._output and not self._status:
            self._status = "completed"

    def result(self, *, is_done: bool, is_later: bool = False) -> Answered:
        """
        The answer as far as it came.

        Args:
            is_done: `[DONE]` came, which some servers send and a few of them in place of a final event.
            is_later: It answers no question of its own but one that was asked before: it is told even when it is empty.

        """
        is_going_on = self._status is None or self._status in GOING_ON
        is_pending = self._status in GOING_ON and (self._is_whole or self._is_background) and not is_done
        messages = self._messages()
        is_told = is_pending or (bool(self._status) if is_later else self._status == "completed" and self.error is None)
        if not messages and is_told:
            messages = [Message("assistant")]
        if is_pending and self._sequence >= 0:
            messages[-1].extra["unfinished"] = self._unfinished()
        reason = self._status if is_pending else self._limit or (None if is_going_on else self._status)
        return Answered(
            choices=[Choice(0, messages[-1], mend(reason), earlier=messages[:-1])] if messages else [],
            complete=bool(messages) and self.error is None and (self._status in _WHOLE or (is_going_on and is_done)),
            model=mend(self._model),
            completion_id=mend(self._completion_id),
            usage=mend(self._usage),
            error=self.error,
            refused=self.error is not None and not messages,
            is_pending=is_pending,
            details=mend(self._details),
        )

    def _unfinished(self) -> dict[str, Any]:
        """What a later part of the same answer needs to go on from here, as JSON values."""
        items = sorted(self._items, key=lambda one: one[0])
        return {"sequence": self._sequence, "items": [[index, mend(item.result())] for index, item in items]}

    # ── what events say ─────────────────────────────────────────────────────────────────────────────────────────────

    def _is_repeated(self, chunk: dict[str, Any]) -> bool:
        """Whether an event was taken in the part of the answer that was kept."""
        number = chunk.get("sequence_number")
        if not isinstance(number, int):
            return False
        self._reach(number)
        return number <= self._kept_until

    def _reach(self, number: int) -> None:
        self._sequence = min(max(self._sequence, number), _FAR)

    def _take_item(self, kind: str, chunk: dict[str, Any], item: dict[str, Any]) -> None:
        """An item that is opened, or whole. Servers that number them all alike begin another one where one is done."""
        key = text_in(item.get("id")) or ""
        index = _number(chunk.get("output_index"))
        if index is None:
            index = self._index_unsaid(kind, key, item)
        mine = self._named.get((index, key)) or self._at_index.get(index)
        if mine is None or not mine.is_same(item, opens=kind == _OPENED):
            mine = self._begin(index, OutputItem())
        if key:
            self._index_of_id[key], self._named[index, key] = index, mine
        if kind == _OPENED and not mine.is_done:
            mine.begin(item)
        elif kind != _OPENED:
            mine.finish(item)

    def _index_unsaid(self, kind: str, key: str, item: dict[str, Any]) -> int:
        """Where an item belongs that has no number: by its id, else by what it is, to the newest that is still open."""
        if key:
            return self._index_of_id.get(key, self._top + 1)
        alike = self._open_alike.setdefault((text_in(item.get("type")), text_in(item.get("name"))), [])
        if kind == _OPENED:
            alike.append(self._top + 1)
        return alike.pop() if alike and kind != _OPENED else self._top + 1

    def _take_other(self, chunk: dict[str, Any], kind: str, event: str) -> None:
        response = chunk.get("response")
        if isinstance(response, dict):
            self._is_from_start = self._is_from_start or kind in _STARTS
            self._note(response)
            ended = kind.removeprefix("response.")
            if ended in FINAL and self._status not in FINAL:
                self._status = ended
        elif chunk.get("object") == "response":
            self._note(chunk)
        elif self.error is None and (kind in ("", "error") or event == "error"):
            self.error = error_in(chunk, event)

    def _note(self, response: dict[str, Any]) -> None:
        """What is said of the answer as a whole: the first id and model, the last of everything else."""
        self._completion_id = self._completion_id or text_in(response.get("id"))
        self._model = self._model or text_in(response.get("model"))
        self._status = text_in(response.get("status")) or self._status
        self._is_background = self._is_background or response.get("background") is True
        self._output = objects_in(response.get("output")) or self._output
        if isinstance(usage := response.get("usage"), dict) and usage:
            self._usage = usage
        if isinstance(limit := response.get("incomplete_details"), dict):
            self._limit = text_in(limit.get("reason")) or self._limit
        if isinstance(tier := response.get("service_tier"), str):
            self._details["service_tier"] = tier
        if isinstance(created := response.get("created_at"), (int, float)) and 0 < created < _FAR:
            self._details.setdefault("created", int(created))
        if self.error is None and response.get("error"):
            self.error = mend(response["error"])

    # ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _item(self, chunk: dict[str, Any]) -> OutputItem:
        """The item that an event speaks of."""
        index, key = _number(chunk.get("output_index")), text_in(chunk.get("item_id")) or ""
        if index is None:
            index = self._index_of_id.get(key, max(self._top, 0))
        return self._named.get((index, key)) or self._at_index.get(index) or self._begin(index, OutputItem())

    def _begin(self, index: int, item: OutputItem) -> OutputItem:
        self._items.append((index, item))
        self._top = max(self._top, index)
        self._at_index[index] = item
        return item

    def _messages(self) -> list[Message]:
        self._fill_gaps()
        messages = ItemMessages()
        for _, item in sorted(self._items, key=lambda one: one[0]):
            messages.add(item.result())
        return messages.result()

    def _fill_gaps(self) -> None:
        """Items that no event told are taken from the answer's own list, and those of which only a later part came."""
        output = list(enumerate(self._output))
        is_missing = len(self._items) < len(output)
        known = {name for _, item in self._items for name in item.names} if is_missing else set()
        for index, told in output:
            mine = self._at_index.get(index)
            if mine is not None:
                is_known = mine.is_opened and self._is_from_start and (mine.has_spoken or not mine.is_same(told))
                if not (mine.is_done or is_known):
                    mine.finish(told)
            elif is_missing and known.isdisjoint(names_of(told)):
                self._begin(index, OutputItem()).finish(told)


def _number(value: Any) -> int | None:
    """A place in a list, as it is or as some write it: in quotes, or with a point."""
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value) else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _FAR else None


def _part_number(chunk: dict[str, Any]) -> int:
    """Which of an item's parts an event speaks of."""
    number = _number(chunk.get("content_index"))
    return (number if number is not None else _number(chunk.get("summary_index"))) or 0

"""What `teelog outbox` says to a person: a table, a sum, all of one line. Pure; every text is made printable.

Ids, errors and reasons were written by strangers: nothing of them steers a terminal or begins a line of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from .core.spans import size_text, span_text
from .log import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HEADINGS = ("ID", "KIND", "STATE", "TRIES", "SINCE", "DUE", "SIZE", "WHY")
#: Characters of a column; `show` and `--json` have all of it.
_WIDEST = {"ID": 44, "WHY": 160}
#: What `show` puts below the other fields, as it is long.
_LONG = ("body", "request", "answer")


def table(lines: Sequence[Mapping[str, Any]], now: int) -> Iterator[str]:
    """A table of lines, times as spans from `now` (unix ms); nothing for no lines."""
    if not lines:
        return
    cells = [_HEADINGS, *(tuple(_cells(line, now)) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() + "\n"


def _cells(line: Mapping[str, Any], now: int) -> Iterator[str]:
    why = ": ".join(filter(None, (line.get("dead_reason") or line.get("reason"), line.get("last_error"))))
    yield _cut(line["id"] or "", _WIDEST["ID"])
    yield line["kind"]
    yield line["state"]
    yield str(line.get("tries", "-"))
    yield _ago(line["since"], now)
    yield "now" if line.get("due") and _milliseconds(line["due"]) <= now else _ahead(line.get("due"), now)
    yield size_text(line["bytes"])
    yield _cut(why, _WIDEST["WHY"])


def _cut(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _ago(time: str | None, now: int) -> str:
    return span_text((now - _milliseconds(time)) / 1000) if time else "-"


def _ahead(time: str | None, now: int) -> str:
    return f"in {span_text((_milliseconds(time) - now) / 1000)}" if time else "-"


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def summary(done: Mapping[str, Any]) -> str:
    """The last line of a list."""
    if not done["matched"]:
        return "nothing matches"
    states = ", ".join(f"{count:,} {state}" for state, count in done["by_state"].items())
    more = f"; {done['shown']:,} shown, --limit shows more" if done["shown"] < done["matched"] else ""
    return f"{done['matched']:,} in all: {states}{more}"


def told_whole(line: Mapping[str, Any]) -> str:
    """All of one line, a field a line, long ones indented below."""
    short = [f"{name}: {_plain(value)}" for name, value in line.items() if name not in _LONG and value is not None]
    long = [f"{name}:\n{_indented(value)}" for name, value in line.items() if name in _LONG and value]
    return "\n".join([*short, *long, ""])


def _plain(value: Any) -> str:
    return printable(value) if isinstance(value, str) else str(value)


def _indented(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return "\n".join(f"  {printable(line)}" for line in text.splitlines())


def sentence(verb: str, done: Mapping[str, Any]) -> str:
    """What `retry` and `drop` did."""
    if not done["matched"]:
        return "nothing matches"
    if verb == "drop":
        left = f"; {done['left']:,} are being sent now and were left" if done["left"] else ""
        return f"{done['dropped']:,} dropped{left}"
    again = f", {done['failed_again']:,} failed again" if done["failed_again"] else ""
    records = f"; {done['recorded']:,} records read and recorded{again}" if done["recorded"] or again else ""
    return f"{done['retried']:,} due now{records}"

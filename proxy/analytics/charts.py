"""Charts of figures, drawn by the server: for each its bars or lines as numbers that a template puts into SVG.

A chart has a box of `WIDTH` by `HEIGHT`; bars stand on its floor, one place for each bucket of time, and lead to the
sessions of that bucket. Missing values have no bar, which is not the same as a bar of nothing. All is for the eye: the
values stand in the table behind the chart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from .marks import money, seconds, sessions, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

WIDTH, HEIGHT = 600, 150
#: The part of its place that a bar fills.
_FILLED = 0.82


@dataclass(frozen=True, slots=True)
class _Chart:
    title: str
    #: Figures by their names and how they are called; bars stand on each other, or lines.
    names: tuple[tuple[str, str], ...]
    show: Callable[[float | None], str]
    lines: bool = False


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"  # noqa: RUF001 - a dash is meant


_CHARTS = (
    _Chart("Sessions", (("sessions", "sessions"),), whole),
    _Chart("Messages", (("questions", "of users"), ("answers", "of the assistant")), whole),
    _Chart("Users", (("newUsers", "new"), ("returningUsers", "returning")), whole),
    _Chart("Feedback", (("positive", "helpful"), ("negative", "not helpful")), whole),
    _Chart(
        "Where answers failed",
        (("interrupted", "interrupted"), ("refused", "refused"), ("regenerated", "made anew")),
        whole,
    ),
    _Chart("Tokens", (("tokensIn", "in"), ("tokensOut", "out")), whole),
    _Chart("Cost", (("costUsd", "US dollars"),), money),
    _Chart("Time to first token", (("firstTokenP50Ms", "p50"), ("firstTokenP95Ms", "p95")), seconds, lines=True),
    _Chart("Duration of answers", (("durationP50Ms", "p50"), ("durationP95Ms", "p95")), seconds, lines=True),
)
#: The tiles: figure, name, how it is shown, whether more of it is better (None: neither).
_TILES: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("sessions", "Sessions", whole),
    ("messages", "Messages", whole),
    ("users", "Users", whole),
    ("newUsers", "New users", whole),
    ("returningUsers", "Returning users", whole),
    ("feedbackRate", "Answers with feedback", _percent),
    ("helpfulRate", "Helpful, of the feedback", _percent),
    ("interrupted", "Interrupted", whole),
    ("refused", "Refused", whole),
    ("tokensIn", "Tokens in", whole),
    ("tokensOut", "Tokens out", whole),
    ("costUsd", "Cost", money),
    ("firstTokenP50Ms", "First token, p50", seconds),
    ("firstTokenP95Ms", "First token, p95", seconds),
    ("durationP50Ms", "Duration, p50", seconds),
    ("durationP95Ms", "Duration, p95", seconds),
)


def analytics_view(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of an answer: tiles, charts, and the groups' values as texts."""
    total, before, series = answer["total"], answer["before"], answer["series"]
    unit = answer["unit"]
    # (Each stands in the page a dozen times.)
    links = [escape(sessions(one["narrow"])) for one in series]
    return {
        "tiles": [
            {
                "name": name,
                "value": show(total[key]),
                "change": _change(total[key], before[key], show) if before else "",
            }
            for key, name, show in _TILES
        ],
        "charts": [_drawn(chart, series, links, unit) for chart in _CHARTS],
        "shown_groups": [
            {
                "name": group["name"],
                "narrow": group["narrow"],
                "values": [
                    (show(group[key]), _was(group["before"][key], show) if group["before"] else "")
                    for key, _, show in _TILES
                    if key in _GROUP_KEYS
                ],
            }
            for group in answer["groups"]
        ],
        "group_columns": [name for key, name, _ in _TILES if key in _GROUP_KEYS],
        "box": (WIDTH, HEIGHT),
    }


_GROUP_KEYS = (
    "sessions",
    "messages",
    "users",
    "helpfulRate",
    "interrupted",
    "refused",
    "tokensIn",
    "tokensOut",
    "costUsd",
    "firstTokenP50Ms",
    "durationP50Ms",
    "durationP95Ms",
)


def label_of(start: str, unit: str) -> str:
    """A bucket's beginning as its axis tells it."""
    if unit == "hour":
        return f"{start[:10]} {start[11:16]}"
    return start[:7] if unit == "month" else start[:10]


def _change(now: float | None, then: float | None, show: Callable[[float | None], str]) -> str:
    """How a figure differs from the one before; of shares, which have a percentage of their own, only what it was."""
    if now is None or then is None:
        return "not known before" if now is not None else ""
    if then == 0:
        return "none before" if now else "as before"
    percent = (now - then) / then * 100
    if round(percent) == 0:
        return "as before"
    return f"was {show(then)}" if show is _percent else f"{percent:+.0f} %, was {show(then)}"


def _was(then: float | None, show: Callable[[float | None], str]) -> str:
    """A figure before, in the table of groups, which has room for no more."""
    return "" if then is None else f"was {show(then)}"


def _drawn(chart: _Chart, series: Sequence[Mapping[str, Any]], links: Sequence[Markup], unit: str) -> dict[str, Any]:
    values = [[one[key] for key, _ in chart.names] for one in series]
    heights = [
        max((value or 0 for value in each), default=0) if chart.lines else sum(value or 0 for value in each)
        for each in values
    ]
    top = _ceiling(max(heights, default=0))
    place = WIDTH / max(1, len(series))
    says = [escape(_says(chart, one, unit)) for one in series]
    return {
        "title": chart.title,
        "unit": unit,
        "names": [name for _, name in chart.names],
        "top": chart.show(top) if any(heights) else "",
        "first": label_of(series[0]["start"], unit) if series else "",
        "last": label_of(series[-1]["start"], unit) if series else "",
        "is_empty": not any(heights),
        "bars": []
        if chart.lines
        else [
            bar | {"link": links[at], "says": says[at]}
            for at, one in enumerate(series)
            for bar in _bars(chart, one, at * place, place, top)
        ],
        "lines": _lines(values, place, top) if chart.lines else [],
        "spots": [
            {"x": round(at * place, 2), "width": round(place, 2), "link": links[at], "says": says[at]}
            for at in range(len(series))
        ]
        if chart.lines
        else [],
        "rows": [
            {
                "label": label_of(one["start"], unit),
                "start": one["start"],
                "link": link,
                "values": [chart.show(value) for value in each],
            }
            for one, link, each in zip(series, links, values, strict=True)
        ],
    }


def _bars(chart: _Chart, one: Mapping[str, Any], x: float, place: float, top: float) -> list[dict[str, Any]]:
    floor = float(HEIGHT)
    bars = []
    for number, (key, _) in enumerate(chart.names, 1):
        value = one[key]
        if not value:
            continue
        height = value / top * HEIGHT
        floor -= height
        bars.append(
            {
                "x": round(x + place * (1 - _FILLED) / 2, 2),
                "y": round(floor, 2),
                "width": round(place * _FILLED, 2),
                "height": round(max(height, 0.5), 2),
                "series": number,
            }
        )
    return bars


def _says(chart: _Chart, one: Mapping[str, Any], unit: str) -> str:
    told = ", ".join(f"{chart.show(one[key])} {name}" for key, name in chart.names)
    return f"{label_of(one['start'], unit)}: {told}"


def _lines(values: Sequence[Sequence[float | None]], place: float, top: float) -> list[dict[str, Any]]:
    """A path for each figure, broken where nothing is known; a lone point is a short dash."""
    paths = []
    for number in range(len(values[0]) if values else 0):
        path, is_drawing = [], False
        for at, each in enumerate(values):
            value = each[number]
            if value is None:
                is_drawing = False
                continue
            x, y = round((at + 0.5) * place, 2), round(HEIGHT - value / top * HEIGHT, 2)
            path.append(f"L{x} {y}" if is_drawing else f"M{x} {y}h2")
            is_drawing = True
        paths.append({"path": "".join(path), "series": number + 1})
    return paths


def _ceiling(value: float) -> float:
    """A round number at or above a value: a power of ten, times one of a few small numbers."""
    if value <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999999)

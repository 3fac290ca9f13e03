"""The tables: one per scenario with all targets, and the summary, teelog beside nginx. Figures are medians of the rounds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenes import SCENES

if TYPE_CHECKING:
    from collections.abc import Mapping

    #: By target and scenario, the rounds' figures.
    Runs = Mapping[str, Mapping[str, list[dict[str, Any]]]]

REFERENCE, OURS, OTHER_SINK, BARE = "nginx", "teelog", "teelog-other-sink", "direct"
#: Of the tables: what is in a column, and how many decimals.
COLUMNS = {
    "cpu_us": ("CPU µs", 1), "serving_us": ("serving µs", 1), "rps": ("requests/s", 0), "ttfb_p50": ("ttfb p50 µs", 0),
    "total_p50": ("total p50 µs", 0), "total_p99": ("p99 µs", 0), "delay_p50": ("chunk delay p50 µs", 0),
    "delay_p99": ("p99 µs", 0), "memory_mb": ("memory MB", 0), "recorder_cpu": ("recorder CPU", 2),
    "recorder_busy": ("recorder busy", 2), "backlog": ("backlog at the end", 0), "exports": ("exports ended", 0),
    "serving_mb": ("serving MB before", 1), "serving_open_mb": ("with all open", 1), "stream_kb": ("KB per stream", 1),
    "record_ms": ("recorder ms per exchange", 3), "relay_ms": ("relay ms", 3), "idle_mb": ("idle MB", 1),
    "errors": ("errors", 0),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of the summary."""

    scene: str
    what: str
    figure: str
    decimals: int = 0
    #: The highest ratio to nginx that is promised, or the highest value; 0: none is.
    at_most: float = 0
    is_ratio: bool = True
    target: str = OURS


SUMMARY = (
    Line("json1k", "relay CPU per request, µs", "serving_us", 1, 4),
    Line("json30k", "relay CPU per request, µs", "serving_us", 1),
    Line("stream", "relay CPU per chunk, µs", "serving_us", 1),
    Line("dense", "relay CPU per chunk, µs", "serving_us", 1, 1.35),
    Line("burst", "relay CPU per chunk, µs", "serving_us", 2),
    Line("lat1", "added latency p50, µs", "added_p50"),
    Line("stream", "chunk delay p50, µs", "delay_p50"),
    Line("stream", "chunk delay p99, µs", "delay_p99", 0, 1.5),
    Line("busy", "chunk delay p50, µs", "delay_p50"),
    Line("busy", "chunk delay p99, µs", "delay_p99", 0, 1.5),
    Line("export", "chunk delay p50, µs", "delay_p50"),
    Line("export", "chunk delay p99, µs", "delay_p99", 0, 1.5),
    Line("pages", "chunk delay p50, µs", "delay_p50"),
    Line("pages", "chunk delay p99, µs", "delay_p99", 0, 1.5),
    Line("open1k", "memory per open stream, KB", "stream_kb", 1),
    Line("record1k", "recorder CPU per exchange, local server, ms", "record_ms", 2),
    Line("record1k", "the same, another sink, ms", "record_ms", 2, target=OTHER_SINK),
    Line("record300", "recorder CPU per exchange, local server, ms", "record_ms", 2),
    Line("record300", "the same, another sink, ms", "record_ms", 2, target=OTHER_SINK),
    Line("idle", "memory at rest, all processes, MB", "idle_mb", 1, 80, is_ratio=False),
)


def tables(runs: Runs) -> str:
    """Each scenario's table, then the summary."""
    scenes = [name for name in SCENES if any(name in scenes for scenes in runs.values())]
    return "\n\n".join([*(_scene(name, runs) for name in scenes), summary(runs)])


def summary(runs: Runs) -> str:
    """Teelog beside nginx, and what is promised."""
    rows = [_summed(line, runs) for line in SUMMARY if line.scene in runs.get(line.target, {})]
    return "### summary\n\n" + _table(["scenario", "figure", "nginx", "teelog", "ratio", "target"], rows, 2)


def _scene(name: str, runs: Runs) -> str:
    scene = SCENES[name]
    measured = {target: scenes[name] for target, scenes in runs.items() if name in scenes}
    keys = [key for key in COLUMNS if any(key in rounds[0] for rounds in measured.values())]
    if not scene.load.chunks:
        keys = [key for key in keys if not key.startswith("delay")]
    rows = [
        [target, *(_shown(_median(rounds, key), COLUMNS[key][1]) for key in keys)]
        for target, rounds in measured.items()
    ]
    return f"### {name}: {scene.about}\n\n" + _table(["target", *(COLUMNS[key][0] for key in keys)], rows, 1)


def _summed(line: Line, runs: Runs) -> list[str]:
    theirs, ours = _figure(line, runs, REFERENCE), _figure(line, runs, line.target)
    ratio = ours / theirs if ours is not None and theirs and theirs > 0 else None
    reached = ratio if line.is_ratio else ours
    promise = ""
    if line.at_most:
        promise = f"≤ {line.at_most:g}" + (" ×" if line.is_ratio else "")
        promise += " (missed)" if reached is not None and reached > line.at_most else ""
    return [
        line.scene,
        line.what,
        _shown(theirs, line.decimals),
        _shown(ours, line.decimals),
        _shown(ratio, 2),
        promise,
    ]


def _figure(line: Line, runs: Runs, target: str) -> float | None:
    """A median; what is added is what comes on top of no proxy at all."""
    rounds = runs.get(target, {}).get(line.scene, [])
    if line.figure != "added_p50":
        return _median(rounds, line.figure)
    whole, bare = _median(rounds, "total_p50"), _median(runs.get(BARE, {}).get(line.scene, []), "total_p50")
    return None if whole is None or bare is None else whole - bare


def _median(rounds: list[dict[str, Any]], key: str) -> float | None:
    values = [figures[key] for figures in rounds if key in figures]
    return statistics.median(values) if values else None


def _shown(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def _table(head: list[str], rows: list[list[str]], texts: int) -> str:
    """Markdown; the first columns are text, the others numbers."""
    ruler = ["---"] * texts + ["--:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ruler, *rows])

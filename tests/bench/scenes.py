"""The scenarios: what is done to a target, and which figures come of it.

Each takes a target that was just started and has answered a few requests, and gives raw figures by name:

    cpu_us, serving_us     CPU per unit (request or chunk): of all its processes, of those that serve clients
    rps, ttfb_p50, total_p50, total_p99, delay_p50, delay_p99, errors     as load.c sees them, in microseconds
    memory_mb              of all its processes after the load (PSS)
    recorder_busy          share of the time in which the recorder process ran or wanted to
    backlog                what the recorder still had to do at the end
    exports                how many whole exports, or rounds through all pages, ended during the load
    stream_kb              what one open stream adds to the processes that serve
    record_ms, relay_ms    CPU of the recorder per exchange until all is delivered; of the relay meanwhile
    idle_mb                of all its processes at rest (PSS)
"""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import loads
from loads import Load
from procfs import memory_mb, spent

if TYPE_CHECKING:
    from collections.abc import Callable

    from target import Target

    Figures = dict[str, Any]

STREAM = Load(clients=40, requests=40, seconds=20, chunks=300, gap=20_000, ramp=500)
#: Enough to keep the recorder at work for longer than the streams last.
BACKLOG = Load(clients=32, requests=20_000, seconds=20)
CONVERSATIONS = Load(clients=32, requests=10_000, seconds=20)
WARM_UP = Load(clients=8, requests=400, seconds=4)


@dataclass(frozen=True)
class Scene:
    """One scenario."""

    about: str
    load: Load
    run: Callable[[Target, Load, Bench], Figures]

    @property
    def unit(self) -> str:
        return "chunk" if self.load.chunks else "request"


@dataclass(frozen=True)
class Bench:
    """How all of them are measured."""

    #: Where mock and clients run.
    cpu: str
    tiny: bool = False

    def sized(self, load: Load) -> Load:
        return load.tiny() if self.tiny else load

    def do(self, target: Target, load: Load) -> Figures:
        """A load from its beginning to its end."""
        return loads.result(loads.begin(target, self.sized(load), self.cpu))


def under_load(target: Target, load: Load, bench: Bench) -> Figures:
    """What the load costs, and how it is answered."""
    everything, serving = spent(target.pids), spent(target.serving)
    figures = bench.do(target, load)
    units = figures["chunks" if load.chunks else "done"] or 1
    return figures | {
        "cpu_us": (spent(target.pids) - everything).cpu / units * 1e6,
        "serving_us": (spent(target.serving) - serving).cpu / units * 1e6,
        "memory_mb": memory_mb(target.pids),
        "errors": figures["errors"] + figures["bad_status"],
    }


def while_recording(target: Target, load: Load, bench: Bench) -> Figures:
    """The same while teelog's recorder has more to do than it can; other proxies have none, and are simply loaded."""
    if not target.recorder:
        return under_load(target, load, bench)
    bench.do(target, BACKLOG)
    return _beside(target, load, bench) | {"backlog": target.backlog()}


def while_exporting(target: Target, load: Load, bench: Bench) -> Figures:
    """The same while all conversations are read from teelog, over and over."""
    return _while_asked(target, load, bench, loads.export_command)


def while_looking(target: Target, load: Load, bench: Bench) -> Figures:
    """The same while somebody looks at every page of the portal, over and over."""
    return _while_asked(target, load, bench, loads.pages_command)


def _while_asked(target: Target, load: Load, bench: Bench, command: Callable[[Target], list[str]]) -> Figures:
    if not target.recorder:
        return under_load(target, load, bench)
    bench.do(target, CONVERSATIONS)
    target.settle()
    with loads.repeating(target, command(target)) as codes:
        figures = _beside(target, load, bench)
        return figures | {"exports": codes.count(0), "errors": figures["errors"] + sum(code != 0 for code in codes)}


def _beside(target: Target, load: Load, bench: Bench) -> Figures:
    """A load, and how busy the recorder was meanwhile."""
    before, began = spent(target.recording), time.monotonic()
    figures = under_load(target, load, bench)
    used = spent(target.recording) - before
    lasted = time.monotonic() - began
    return figures | {
        "recorder_cpu": used.cpu / lasted,
        "recorder_busy": min(1.0, (used.cpu + used.waiting) / lasted),
    }


def open_streams(target: Target, load: Load, bench: Bench) -> Figures:
    """What the processes that serve grow by, while the streams are open."""
    before = memory_mb(target.serving)
    process = loads.begin(target, bench.sized(load), bench.cpu)
    highest = before
    with ExitStack() as stack:
        stack.callback(process.kill)
        while True:
            try:
                process.wait(0.5)
                break
            except subprocess.TimeoutExpired:
                highest = max(highest, memory_mb(target.serving))
        figures = loads.result(process)
    return figures | {
        "serving_mb": before,
        "serving_open_mb": highest,
        "stream_kb": (highest - before) * 1024 / bench.sized(load).clients,
        "errors": figures["errors"] + figures["bad_status"],
    }


def recording(target: Target, load: Load, bench: Bench) -> Figures:
    """What the recorder spends until everything is delivered."""
    recorder, relay = spent(target.recording), spent(target.serving)
    figures = bench.do(target, load)
    target.settle()
    exchanges = figures["done"] or 1
    return figures | {
        "record_ms": (spent(target.recording) - recorder).cpu / exchanges * 1e3,
        "relay_ms": (spent(target.serving) - relay).cpu / exchanges * 1e3,
        "errors": figures["errors"] + figures["bad_status"],
    }


def idle(target: Target, _load: Load, bench: Bench) -> Figures:
    """What is there when nobody asks, a moment after the last request."""
    if target.recorder:
        target.settle()
    time.sleep(0 if bench.tiny else 2)
    return {"idle_mb": memory_mb(target.pids), "errors": 0}


def warm_up(target: Target, bench: Bench) -> None:
    """Imports, pools and caches are no part of a figure."""
    bench.do(target, WARM_UP)
    if target.recorder:
        target.settle()


SCENES = {
    "lat1": Scene("one client, 1 KB JSON", Load(1, 100_000, 2), under_load),
    "json1k": Scene("32 clients, 1 KB JSON", Load(32, 1_000_000, 3), under_load),
    "json30k": Scene(
        "32 clients, 20 KB prompt, 30 KB JSON answer", Load(32, 1_000_000, 2, answer=30_000, prompt=20_000), under_load
    ),
    "stream": Scene("40 streams x 300 chunks, 20 ms apart (2,000 chunks/s)", STREAM, under_load),
    "dense": Scene(
        "200 streams x 300 chunks, 20 ms apart (10,000 chunks/s)",
        Load(clients=200, requests=200, seconds=25, chunks=300, gap=20_000, ramp=500),
        under_load,
    ),
    "burst": Scene("16 streams x 300 chunks with no gap", Load(16, 100_000, 2, chunks=300), under_load),
    "busy": Scene("as stream, while teelog's recorder works off 20,000 exchanges", STREAM, while_recording),
    "export": Scene(
        "as stream, while 10,000 conversations are read from teelog again and again", STREAM, while_exporting
    ),
    "pages": Scene("as stream, while the portal's pages are looked at again and again", STREAM, while_looking),
    "open1k": Scene(
        "1,000 open streams, 1 chunk/s each: memory",
        Load(1000, 1000, 30, chunks=8, gap=1_000_000, ramp=3000),
        open_streams,
    ),
    "record1k": Scene("5,000 requests of 1 KB, recorded and delivered", Load(16, 5_000, 60), recording),
    "record300": Scene(
        "1,000 streams of 300 chunks, recorded and delivered", Load(16, 1_000, 60, chunks=300), recording
    ),
    "idle": Scene("after 400 requests, at rest", WARM_UP, idle),
}

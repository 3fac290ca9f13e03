#!/usr/bin/env python3
"""Proxies side by side in front of one mock upstream: `python tests/bench/bench.py`. README says how to read it.

Every measurement has a target of its own: started in an empty folder, warmed up, measured, killed. Nothing else of ours
runs meanwhile but mock and clients. The targets take turns, in the other order every second round. Needs Linux, a C
compiler, and the proxies of targets.json; a target's processes are on one CPU, mock and clients on another.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
from pathlib import Path
from typing import Any

from loads import BUILD, build, upstream
from report import tables
from scenes import SCENES, Bench, warm_up
from target import HERE, NotThere, Target


def main() -> int:
    options = _options()
    lines = json.loads(options.targets.read_text())
    try:
        lines = _chosen(lines, options.only, "target", {line["name"]: line for line in lines})
        scenes = _chosen(list(SCENES), options.scenarios, "scenario", {name: name for name in SCENES})
        _check(lines, [options.proxy_cpu, options.load_cpu])
        build()
        runs = measure(lines, scenes, options)
    except NotThere as missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    print(tables(runs))
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1))
    return 0


def measure(lines: list[dict[str, Any]], scenes: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """The figures of every round, by target and scenario."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each open stream has two in a proxy
    bench = Bench(options.load_cpu, options.tiny)
    runs: dict[str, Any] = {line["name"]: {} for line in lines}
    with upstream(options.load_cpu) as port:
        for number in range(options.rounds):
            for scene in scenes:
                for line in lines if number % 2 == 0 else lines[::-1]:
                    if scene not in line.get("scenarios", SCENES):
                        continue
                    figures = _measured(line, scene, port, options.proxy_cpu, bench)
                    runs[line["name"]].setdefault(scene, []).append(figures)
                    _tell(number, scene, line["name"], figures)
    return runs


def _measured(line: dict[str, Any], scene: str, port: int, cpu: str, bench: Bench) -> dict[str, Any]:
    folder = BUILD / "run" / line["name"]
    with Target(line, port, folder, cpu) as target:
        warm_up(target, bench)
        chosen = SCENES[scene]
        figures = chosen.run(target, chosen.load, bench)
        return figures | {"errors": figures["errors"] + target.not_recorded()}


def _tell(number: int, scene: str, name: str, figures: dict[str, Any]) -> None:
    """How it goes, while it goes."""
    told = {key: value for key, value in figures.items() if key in TOLD and value not in (-1, None)}
    shown = "  ".join(f"{key} {value:,.1f}" for key, value in told.items())
    print(f"{number + 1} {scene:9} {name:18} {shown}", file=sys.stderr, flush=True)


TOLD = (
    "cpu_us", "serving_us", "total_p50", "delay_p50", "delay_p99", "recorder_busy", "backlog", "exports", "stream_kb",
    "record_ms", "idle_mb", "errors",
)  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="?", type=Path, default=HERE / "targets.json", help="what is measured")
    parser.add_argument("--only", metavar="A,B", help="these targets, in this order")
    parser.add_argument("--scenarios", metavar="A,B", help=f"these alone, of {', '.join(SCENES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", type=Path, help="the raw figures of every round")
    parser.add_argument(
        "--tiny", action="store_true", help="in miniature: shows that all of it works, measures nothing"
    )
    parser.add_argument("--proxy-cpu", metavar="CPUS", default="0", help="of each target; empty: any")
    parser.add_argument("--load-cpu", metavar="CPUS", default="1", help="of mock and clients; empty: any")
    return parser.parse_args()


def _chosen(everything: list[Any], names: str | None, kind: str, by_name: dict[str, Any]) -> list[Any]:
    if not names:
        return everything
    wanted = names.split(",")
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise NotThere(f"there is no {kind} {unknown[0]!r}, but {', '.join(by_name)}")
    return [by_name[name] for name in wanted]


def _check(lines: list[dict[str, Any]], cpus: list[str]) -> None:
    """Say what is missing before anything is measured."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise NotThere("this is no Linux, or one without /proc/<pid>/smaps_rollup: memory and CPU are read there")
    if any(cpus) and (os.cpu_count() or 1) < 2:
        raise NotThere("there is one CPU alone: give --proxy-cpu '' --load-cpu '', and mind that everything shares it")
    for line in lines:
        program = line.get("cmd", "").removeprefix("exec ").partition(" ")[0]
        if program and "{" not in program and not shutil.which(program):
            hint = line.get("missing", "install it, or leave it out with --only")
            raise NotThere(f"{line['name']} is not here ({program}): {hint}")


if __name__ == "__main__":
    sys.exit(main())

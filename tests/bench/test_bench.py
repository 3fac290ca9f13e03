"""The bench from its command to its tables, in miniature; what it measures is nobody's promise here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCENES = "lat1 json1k json30k stream dense burst busy export pages open1k record1k record300 idle".split()
#: What every round of a scenario must have measured, beside what load.c says.
MEASURED = {
    "busy": {"recorder_busy", "recorder_cpu", "backlog", "delay_p99"},
    "export": {"recorder_busy", "exports", "delay_p99"},
    "pages": {"recorder_busy", "exports", "delay_p99"},
    "open1k": {"stream_kb"},
    "record1k": {"record_ms"},
    "record300": {"record_ms"},
    "idle": {"idle_mb"},
}


def bench(folder, *words, **environ):
    return subprocess.run(
        [sys.executable, HERE / "bench.py", *words],
        env={**os.environ, "BENCH_BUILD": str(folder), "PYTHONPATH": str(HERE.parents[1]), **environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_every_scenario_is_measured_and_summed_up(tmp_path):
    """One small round gives each scenario's table, the summary and the raw figures, without an error anywhere."""
    cpus = [] if (os.cpu_count() or 1) > 1 else ["--proxy-cpu", "", "--load-cpu", ""]

    done = bench(tmp_path, "--tiny", "--rounds", "1", "--json", str(tmp_path / "raw.json"), *cpus)

    assert done.returncode == 0, done.stderr
    assert re.findall(r"(?m)^### (\w+)", done.stdout) == [*SCENES, "summary"]
    summary = done.stdout.partition("### summary")[2]
    assert set(re.findall(r"(?m)^\| (\w+) \| .*\d", summary)) == set(SCENES)
    raw = json.loads((tmp_path / "raw.json").read_text())
    assert list(raw["teelog"]) == SCENES
    for name, rounds in raw["teelog"].items():
        assert MEASURED.get(name, {"serving_us"}) <= set(rounds[0]), name
    errors = {(name, scene): rounds[0]["errors"] for name, scenes in raw.items() for scene, rounds in scenes.items()}
    assert not any(errors.values()), errors


MISSING = {
    "no compiler": ((), {"PATH": "/nowhere"}, "cc is not here: install a C compiler"),
    "no such target": (("--only", "apache"), {}, "there is no target 'apache', but direct, nginx, teelog"),
    "no such scenario": (("--scenarios", "quick"), {}, "there is no scenario 'quick', but lat1, json1k"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_said_in_one_line(tmp_path, name):
    """Before anything is measured the bench says in one line what it lacks, and exits with 2."""
    words, environ, told = MISSING[name]

    done = bench(tmp_path, *(words or ("--only", "direct", "--scenarios", "lat1")), **environ)

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"bench: {told}")

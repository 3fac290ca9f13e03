"""Our rules for answers, against the schemas of the SDK itself: each answer broken at every place, in every way."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.sdk_rules import CODES, faults_of, problem_faults
from tests.sdk_samples import SAMPLES

pytestmark = pytest.mark.slow

MISSING = object()
STRANGE = (MISSING, None, True, 7, 7.5, "x", [], {}, [None], {"x": None})
#: What this version of the SDK takes and another does not, or what we promise beyond it.
STRICTER = {"updatedAt", "details", "sources", "status"}


def broken(answer):
    """Every copy of an answer in which one value, at any depth, is another or missing, with the value's name."""
    inner = answer.items() if isinstance(answer, dict) else enumerate(answer) if isinstance(answer, list) else ()
    for key, value in inner:
        for other in STRANGE:
            told = answer.copy()
            if other is MISSING:
                del told[key]
            else:
                told[key] = other
            yield str(key), told
        for name, other in broken(value):
            told = answer.copy()
            told[key] = other
            yield f"{key}.{name}", told


def named(place):
    """The keys on the way to a value."""
    return place.partition(": ")[2].split(".")


def problems():
    """An error answer of each status that the SDK has a type for."""
    for status, code in CODES.items():
        told = {"title": "t", "status": status, "detail": "d", "code": code, "error": {"code": code, "message": "m"}}
        yield status, told | {"instance": "/x", "requestId": "r"}


def judged_by_the_sdk(sdk_folder, asked):
    """Whether the SDK parses each of them."""
    lines = "".join(f"{json.dumps([name, answer])}\n" for name, answer in asked)
    done = subprocess.run(
        ["node", "inkeep_schemas.mjs"], cwd=sdk_folder, input=lines, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return [line == "true" for line in done.stdout.split()]


def test_what_we_let_through_the_sdk_parses(sdk_folder):
    """An answer without a fault is one that the SDK parses; the few that it parses and we fault are known."""
    asked, places, without_fault = [], [], []
    for name, (check, answer) in SAMPLES.items():
        for place, told in [("", answer), *broken(answer)]:
            asked.append((name.partition(" of a")[0], told))
            places.append(f"{name}: {place}")
            without_fault.append(not faults_of(check, told))
    for status, answer in problems():
        for place, told in [("", answer), *broken(answer)]:
            asked.append((str(status), told))
            places.append(f"{status}: {place}")
            without_fault.append(not problem_faults(status, "application/problem+json", told))
    parsed = judged_by_the_sdk(sdk_folder, asked)

    rows = list(zip(places, without_fault, parsed, strict=True))
    print(f"{len(rows)} answers, {sum(parsed)} of them parsed by the SDK")
    assert [place for place, ours, theirs in rows if ours and not theirs] == []
    assert {place for place, ours, theirs in rows if theirs and not ours and not STRICTER & set(named(place))} == set()

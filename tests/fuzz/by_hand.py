"""
Fuzz one target, or all, for as long as is wanted: `python tests/fuzz/by_hand.py [TARGET ...] [--minutes 60]`.

Where atheris is installed it is asked (`--engine atheris`), with one target at a time; what it finds new it keeps in a
folder of its own (`--corpus`). What breaks a target is printed, to become a seed and a test.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> int:
    """Fuzz; 1 when something was found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("targets", nargs="*")
    asked.add_argument("--minutes", type=float, default=60.0, help="for all together")
    asked.add_argument("--engine", choices=("mutator", "atheris"), default="mutator")
    asked.add_argument("--corpus", default="", help="where atheris keeps what it finds new")
    chosen = asked.parse_args()
    if chosen.engine == "atheris":
        return with_atheris(chosen)
    from tests.fuzz.mutator import bent
    from tests.fuzz.targets import TARGETS

    found = 0
    names = chosen.targets or list(TARGETS)
    for name in names:
        until, tried = time.monotonic() + chosen.minutes * 60 / len(names), 0
        for data in bent(name, time.time_ns()):
            if time.monotonic() > until:
                break
            tried += 1
            try:
                TARGETS[name](data)
            except Exception as error:
                found += 1
                print(f"{name}: {type(error).__name__}: {str(error)[:500]}\n  {data!r}", flush=True)
                if found > 20:
                    return 1
        print(f"{name}: {tried} inputs", flush=True)
    return 1 if found else 0


def with_atheris(chosen: argparse.Namespace) -> int:
    """Hand one target to atheris, which knows which branches an input reaches."""
    import atheris

    with atheris.instrument_imports(include=["proxy"]):
        from tests.fuzz.mutator import SEEDS
        from tests.fuzz.targets import TARGETS
    (name,) = chosen.targets
    corpus = [chosen.corpus] if chosen.corpus else []
    options = [f"-max_total_time={chosen.minutes * 60:.0f}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *options, *corpus, str(SEEDS / name)], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())

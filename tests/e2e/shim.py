"""A disk that fails or tells what was done to it: a library that is preloaded into teelog's processes, made with `cc`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def shimmed(tmp_path: Path, **settings: str) -> dict[str, str]:
    """The environment of a process whose files in `<tmp_path>/data` go through it; what it tells is in `<tmp_path>/shim`."""
    library = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    return {
        "LD_PRELOAD": str(library), "SHIM_FOLDER": str(tmp_path / "data"), "SHIM_LOG": str(tmp_path / "shim"), **settings,
    }  # fmt: skip

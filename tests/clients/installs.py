"""What the clients and servers are installed with: npm and pip, each into a folder that is gone afterwards.

Nothing is skipped: what cannot be installed fails the tests that need it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def run(*command: str | Path, cwd: Path, patience: float = 600, **settings: str) -> str:
    """What a command wrote to its standard output; its failure, with what it said, fails the test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "TEELOG_", "UPSTREAM_"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept | settings, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=patience, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def npm(folder: Path, *packages: str) -> dict[str, str]:
    """Install npm packages into `folder`; their versions by name."""
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages, cwd=folder)
    installed = folder / "node_modules"
    return {name: json.loads((installed / name / "package.json").read_text())["version"] for name in packages}


def python_with(folder: Path, *packages: str) -> Path:
    """The Python of a new environment that has `packages`."""
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages, cwd=folder)
    return python


def version(python: Path, package: str) -> str:
    """The version of a package in that environment."""
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    return run(python, "-c", asked, cwd=python.parent).strip()

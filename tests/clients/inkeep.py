"""Inkeep's official SDK, our calls of it, and what posts to the server that it asks."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

from tests.clients.installs import npm
from tests.e2e.process import KEY

HERE = Path(__file__).parent
WEB_KEY = "a-web-key"
SDK = "@inkeep/inkeep-analytics"


def install(home: Path) -> None:
    """Put the SDK and our scripts into a new folder."""
    home.mkdir()
    print("npm:", npm(home, SDK, "zod"))
    for script in HERE.glob("inkeep_*.mjs"):
        shutil.copy(script, home)


def post(url: str, body: dict) -> None:
    """Post as no SDK would; the server must take it."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200

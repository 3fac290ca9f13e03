"""`teelog analytics` in a real process; asked and ended as `Teelog` is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

from tests.e2e.process import KEY, ROOT, Teelog

if TYPE_CHECKING:
    from pathlib import Path


class AnalyticsServer(Teelog):
    """One server; its port is chosen by the machine at the first start and kept."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder, "http://127.0.0.1:9/v1", **settings)

    def start(self) -> AnalyticsServer:
        """Start, and return when it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        offset = self.log.stat().st_size if self.log.exists() else 0
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy", "analytics"], cwd=ROOT, env=environment | self._settings, stderr=log,
                stdout=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.analytics = self.wait_for("teelog.ready", offset)["analytics"]
        self._settings["TEELOG_ANALYTICS__PORT"] = self.analytics.rsplit(":", 1)[1]
        return self

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(self.analytics + path, json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {KEY}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

"""What the two processes do without at rest: their imports are most of their memory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: The relay parses nothing, and opens no database.
NOT_IN_THE_RELAY = (
    "proxy.core.dialect", "proxy.core.message", "proxy.core.notes", "proxy.core.wire", "proxy.db", "proxy.analytics",
    "proxy.outbox", "sqlite3", "difflib", "jinja2", "prometheus_client",
)  # fmt: skip
#: Nobody may ever look at a page, or ask for the description.
NOT_IN_THE_RECORDER = (
    "proxy.analytics.pages", "proxy.analytics.frame", "proxy.analytics.charts", "proxy.analytics.insights",
    "proxy.analytics.figures", "proxy.analytics.prose", "proxy.analytics.openapi", "proxy.relay", "proxy.cli",
    "jinja2", "markdown_it", "nh3", "genai_prices",
    "importlib.metadata", "prometheus_client",
)  # fmt: skip


@pytest.mark.parametrize(
    ("process", "absent"),
    {"relay_process": NOT_IN_THE_RELAY, "recorder_process": NOT_IN_THE_RECORDER}.items(),
    ids=["relay", "recorder"],
)
def test_what_a_process_loads_later_or_never(process, absent):
    """A process begins without the modules that nobody may ever ask it for."""
    program = f"import sys, proxy.{process}; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    loaded = told.stdout.split()

    assert f"proxy.{process}" in loaded
    assert not set(absent) & set(loaded)

"""`teelog status`: its lines, and the command itself against a running proxy."""

import json
import os
import subprocess
import sys

from proxy.status_command import lines
from tests.e2e.process import ROOT, Teelog
from tests.e2e.test_settings import ask

TOLD = {
    "version": "1.2.3",
    "health": "degraded",
    "why": ["2 dead letters for analytics, refused: see them"],
    "ledger": {"by_reason": {"disk_full": 5}, "lately": {}},
    "relay": {"forwarded": 1200, "open": 2, "journaled": 1100, "outcomes": {"complete": 1000, "no_answer": 198}},
    "journal": {"bytes": 12_345, "oldest_seconds": 7300.0},
    "recorder": {
        "starts": 1,
        "sinks": {"analytics": {"depth": 3, "waiting": 1, "oldest_seconds": 90.0, "dead": {"refused": 2}}},
    },
}
QUIET = TOLD | {
    "health": "green",
    "why": [],
    "ledger": {"by_reason": {}, "lately": {}},
    "relay": {"forwarded": 0, "open": 0, "journaled": 0, "outcomes": {}},
    "journal": {"bytes": 0, "oldest_seconds": 0.0},
    "recorder": {"starts": 1},
}


def test_all_that_matters_stands_in_a_few_lines():
    """Health and why come first, then what is open, what waits where and for how long, and what was lost."""
    assert list(lines(TOLD)) == [
        "teelog 1.2.3 is degraded",
        "  - 2 dead letters for analytics, refused: see them",
        "requests      2 open, of 1,200: 1,000 complete, 198 no_answer",
        "journal       1,100 journaled; 12 KB wait to be recorded, the oldest for 2 h",
        "to analytics  3 to deliver, the oldest for 90 s; 1 wait for their message; dead letters: 2 refused",
        "not recorded  5 disk_full",
    ]


def test_what_is_not_there_takes_no_words():
    """Of a proxy that has done nothing, or whose recorder does not answer, there is little to say."""
    assert list(lines(QUIET)) == [
        "teelog 1.2.3 is green",
        "requests      0 open, of 0",
        "journal       0 journaled; nothing waits to be recorded",
        "not recorded  none",
    ]


def status(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "status", *arguments], cwd=ROOT, env={"PATH": os.environ["PATH"], **settings},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_running_proxy_is_asked(tmp_path, unused_tcp_port):
    """Green is 0 and anything else 1, in lines and as JSON, whatever names the proxy answers to."""
    settings = {
        "TEELOG_LISTEN__PORT": str(unused_tcp_port),
        "TEELOG_LISTEN__ADMIN_KEY": "planted",
        "TEELOG_LISTEN__ALLOWED_HOSTS": "chat.example",
    }
    with Teelog(tmp_path, "http://127.0.0.1:1/v1", TEELOG_JOURNAL__RECORD_MAX_BYTES="1024", **settings) as teelog:
        green = status(**settings)
        as_json = status("--json", HTTP_PROXY="http://127.0.0.1:1", **settings)
        ask(teelog, "x" * 2000)
        teelog.until(lambda: teelog.status()["health"] != "green")
        degraded = status(**settings)

    assert (green[0], green[2]) == (0, "")
    assert green[1].splitlines()[0].endswith(" is green")
    assert json.loads(as_json[1])["health"] == "green"
    assert (degraded[0], "journal.record_max_bytes" in degraded[1], "1 too_large" in degraded[1]) == (1, True, True)


def test_nobody_is_there(unused_tcp_port):
    """What is not answered is a 1, with the address and why, in one line on stderr; so is a wrong configuration."""
    assert status("--port", str(unused_tcp_port)) == (
        1, "", f"teelog: http://127.0.0.1:{unused_tcp_port}/status: Connection refused\n"
    )  # fmt: skip
    code, out, err = status("--port", "x", "--json")
    assert (code, out, err.count("\n")) == (1, "", 1)

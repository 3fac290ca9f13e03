"""What changes between two runs, or under a running one: nothing that was promised is lost by it."""

from __future__ import annotations

import json
import os
import signal
import urllib.request

from tests.e2e.process import Teelog


def ask(teelog: Teelog, *words: str) -> None:
    """Chats of one turn, each to its end."""
    for one in words:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": one}]}).encode()
        request = urllib.request.Request(
            teelog.base_url + "/chat/completions", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["choices"]


def said(teelog: Teelog) -> set[str]:
    """The first words of every conversation in analytics."""
    return {one["messages"][0]["content"] for one in teelog.conversations()}


def test_a_journal_of_another_durability(tmp_path, upstream):
    """What a killed run has left on disk is recorded by the next, though that one writes nothing there."""
    teelog = Teelog(tmp_path, upstream.url)
    with teelog:
        os.kill(teelog.recorder_pid(), signal.SIGSTOP)
        ask(teelog, "one", "two")
    teelog = Teelog(tmp_path, upstream.url, TEELOG_JOURNAL__DURABILITY="memory")
    with teelog:
        ask(teelog, "three")
        teelog.until(lambda: said(teelog) == {"one", "two", "three"})
        teelog.until(lambda: teelog.status()["journal"]["bytes"] == 0)


def test_the_file_of_the_local_server_is_gone(tmp_path, upstream):
    """What the local server has lost with its file is delivered again."""
    teelog = Teelog(tmp_path, upstream.url)
    with teelog:
        ask(teelog, "one", "two")
        teelog.until(lambda: said(teelog) == {"one", "two"})
        assert teelog.stop() == 0
        (tmp_path / "data" / "analytics.db").unlink()
        teelog.start()

        teelog.until(lambda: said(teelog) == {"one", "two"})
        assert not [*(tmp_path / "data").glob("*.lacks")]

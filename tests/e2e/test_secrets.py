"""A planted secret: in headers, cookies and the query string; found nowhere afterwards."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tests.e2e.process import Teelog

CANARY = "canary-5ecre7-0123456789"


def test_a_planted_secret_is_found_nowhere(tmp_path, upstream):
    """Keys in headers, cookies and query strings reach the upstream, and are on no disk, in no log, status or answer."""
    fields = {
        "Authorization": f"Bearer {CANARY}-a", "api-key": f"{CANARY}-b", "x-api-key": f"{CANARY}-c",
        "x-goog-api-key": f"{CANARY}-d", "Cookie": f"session={CANARY}-e; other={CANARY}-f",
        "X-Unheard-Of": f"{CANARY}-g", "Proxy-Authorization": f"Basic {CANARY}-h", "OpenAI-Organization": f"{CANARY}-i",
    }  # fmt: skip
    with Teelog(tmp_path, upstream.url, TEELOG_LOG__LEVEL="debug") as teelog:
        for path in ("chat/completions", "completions", "responses", "nowhere"):
            for stream in (True, False):
                # a key that is quoted in one piece, by the client or the upstream, must not be kept either
                content = "hello" if stream else f"my key is {CANARY}-a"
                body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": content}]}
                url = f"{teelog.base_url}/{path}?key={CANARY}-q&api-version=1&token={CANARY}-t"
                request = urllib.request.Request(url, json.dumps(body).encode(), fields)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answer.read()
        try:
            urllib.request.urlopen(urllib.request.Request(f"{teelog.base_url}/../{CANARY}-p", headers=fields))
        except urllib.error.HTTPError as error:
            error.close()
        assert len(upstream.requests) == 2
        assert dict(upstream.heads[0])["Authorization"] == f"Bearer {CANARY}-a"
        logged = teelog.until(lambda: (found := teelog.conversations()) and len(found) == 2 and found)
        status = json.dumps(teelog.status())
        assert teelog.stop() == 0

        assert CANARY not in json.dumps(logged)
        assert CANARY not in status
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} >= {".db", ".jsonl"}
        assert [str(path) for path in files if CANARY.encode() in path.read_bytes()] == []


def test_a_secret_is_not_in_the_journal_either(tmp_path, upstream):
    """The journal's own files never hold a credential, not even for the moment before they are recorded."""
    with Teelog(tmp_path, upstream.url) as teelog:
        import os
        import signal

        os.kill(teelog.recorder_pid(), signal.SIGSTOP)
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        request = urllib.request.Request(
            f"{teelog.base_url}/chat/completions?key={CANARY}", json.dumps(body).encode(),
            {"Authorization": f"Bearer {CANARY}", "Cookie": f"a={CANARY}"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        segments = list((tmp_path / "data" / "journal").glob("*.log"))

        assert any(b"echo of hello" in path.read_bytes() for path in segments)
        assert [path for path in segments if CANARY.encode() in path.read_bytes()] == []

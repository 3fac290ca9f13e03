"""The command as a person runs it: the demo, feedback, the end by signal, and what stops it from beginning."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.e2e.process import KEY, ROOT, Teelog, said_on, transcript


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments], cwd=ROOT, env=environment | settings, capture_output=True,
        text=True, timeout=90, check=False,
    )  # fmt: skip


def chat(teelog: Teelog, *words: str, stream: bool = False, **fields: str) -> tuple[str, dict | None, int]:
    """One request; the exchange's id, the answer, and its status."""
    messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(words)]
    body = json.dumps({"model": "m", "messages": messages, "stream": stream}).encode()
    request = urllib.request.Request(
        f"{teelog.base_url}/chat/completions", body, {"Authorization": "Bearer sk-1", **fields}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        raw = answer.read()
        return answer.headers["x-teelog-id"], None if stream else json.loads(raw), answer.status


REAL = {
    "INKEEP_API_KEY": "planted",
    "UPSTREAM_BASE_URL": "http://127.0.0.1:1/v1",
    "TEELOG_LISTEN__CLIENT_KEYS": "planted-2",
    "TEELOG_DATA_DIR": "/nowhere/at/all",
}


@pytest.mark.parametrize("settings", [{}, REAL], ids=["bare", "beside real settings"])
def test_the_demo_ends_well(settings):
    """`teelog demo --once` finds its conversations logged and exits 0; real analytics, keys and folders stay out of it."""
    done = command("demo", "--once", **settings)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything is logged as it was said." in done.stdout
    assert "tool:" in done.stdout
    assert "thumb up" in done.stdout


def test_the_demo_can_be_held_twice_in_one_folder(tmp_path):
    """In a folder that was named the conversations of an earlier demo stay, and are not taken for this one's."""
    for _ in range(2):
        done = command("demo", "--once", "--data-dir", str(tmp_path))

        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("  conv_") == 3


@pytest.mark.parametrize("kind", ["exchange", "completion"])
def test_a_thumb_reaches_its_message(tmp_path, upstream, kind):
    """Feedback posted to the proxy, by the exchange's id or the completion's, is at its message in analytics."""
    with Teelog(tmp_path, upstream.url) as teelog:
        exchange, answer, _ = chat(teelog, "hello")
        target = exchange if kind == "exchange" else answer["id"]
        body = {"type": "negative", "messageId": target, "reasons": [{"label": "wrong", "details": "all of it"}]}
        request = urllib.request.Request(
            f"http://127.0.0.1:{teelog.port}/feedback", json.dumps(body).encode(), {"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request, timeout=20) as given:
            assert json.load(given)["type"] == "negative"
        thumbs = teelog.until(lambda: teelog.get(f"{teelog.analytics}/feedback")["negativeFeedback"])

        assert thumbs[0]["messageId"] == exchange
        assert thumbs[0]["reasons"] == [{"label": "wrong", "details": "all of it"}]
        assert thumbs[0]["message"]["content"] == "echo of hello"


def test_a_thumb_needs_a_key(tmp_path, upstream):
    """Feedback without a key is a 401 problem."""
    with Teelog(tmp_path, upstream.url) as teelog:
        request = urllib.request.Request(
            f"http://127.0.0.1:{teelog.port}/feedback", b'{"type":"positive","messageId":"x"}'
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        with refused.value as answer:
            assert answer.code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert json.load(answer)["code"] == "unauthorized"


def test_a_conversation_by_its_id(tmp_path, upstream):
    """A client that names its conversation and sends only the new message gets one conversation; users are kept."""
    with Teelog(tmp_path, upstream.url) as teelog:
        fields = {"x-teelog-conversation-id": "mine-1", "x-teelog-user": "ada", "x-teelog-property-page": "/docs"}
        chat(teelog, "first", **fields)
        chat(teelog, "second", **fields)
        logged = teelog.until(lambda: (found := teelog.conversations()) and len(found[0]["messages"]) == 4 and found)

        assert [c["id"] for c in logged] == ["mine-1"]
        assert logged[0]["userProperties"]["userId"] == "ada"
        assert logged[0]["properties"]["page"] == "/docs"


def test_equal_chats_stay_apart(tmp_path, upstream):
    """Two people who say the same and hear the same have two conversations, each continued once."""
    with Teelog(tmp_path, upstream.url) as teelog:
        for words in (("hi",), ("hi",), ("hi", "echo of hi", "more"), ("hi", "echo of hi", "more")):
            chat(teelog, *words)
        logged = teelog.until(
            lambda: (found := teelog.conversations()) and sum(len(c["messages"]) for c in found) == 8 and found
        )

        turns = [("user", "hi"), ("assistant", "echo of hi"), ("user", "more"), ("assistant", "echo of more")]
        assert [transcript(c) for c in logged] == [turns, turns]


def test_a_signal_ends_it_after_its_streams(tmp_path, upstream):
    """SIGTERM: `/readyz` says 503, the stream in progress ends whole, it is logged, and the exit code is 0."""
    upstream.pause = 0.1
    with Teelog(tmp_path, upstream.url) as teelog:
        ended = []
        streaming = threading.Thread(target=lambda: ended.append(chat(teelog, "a long question", stream=True)[2]))
        streaming.start()
        assert upstream.arrived.wait(5)
        teelog.process.terminate()

        def draining() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{teelog.port}/readyz", timeout=5):
                    return False
            except urllib.error.HTTPError as error:
                with error:
                    return error.code == 503

        teelog.until(draining)
        streaming.join(20)
        assert teelog.process.wait(20) == 0
        assert ended == [200]

        teelog.start()
        logged = teelog.until(teelog.conversations)
        assert transcript(logged[0])[-1] == ("assistant", "echo of a long question")


def test_analytics_down_loses_nothing(tmp_path, upstream):
    """While the sink refuses connections chats go on; when it comes up, everything arrives."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = {"TEELOG_DELIVERY__URL": f"http://127.0.0.1:{port}", "TEELOG_DELIVERY__API_KEY": KEY}
    local = {"TEELOG_ANALYTICS__PORT": str(port)}
    with Teelog(tmp_path / "a", upstream.url, **settings) as teelog:
        for n in range(5):
            assert chat(teelog, f"question {n}")[2] == 200
        sink = teelog.until(lambda: (s := teelog.status()["recorder"]["sinks"]["analytics"])["last_error"] and s)
        assert sink["depth"] == 5
        assert teelog.status()["health"] == "degraded"
        with Teelog(tmp_path / "b", upstream.url, **local) as other:
            logged = other.until(lambda: (found := other.conversations()) and len(found) == 5 and found, patience=60)
            assert {c["messages"][0]["content"] for c in logged} == {f"question {n}" for n in range(5)}


def test_a_key_is_made_only_where_it_can_be_shown(tmp_path):
    """When the local server's port is in use no key is made: it would have been shown for a start that was none."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = command("serve", "--port", "0", TEELOG_ANALYTICS__PORT=port, TEELOG_DATA_DIR=str(tmp_path))

    assert done.returncode == 2
    assert "analytics.port" in done.stderr
    assert not (tmp_path / "analytics.key").exists()


def test_it_stays_ready_when_its_recorder_dies(tmp_path, upstream):
    """Recording that fails sends no client away: while the recorder is started again, `/readyz` says 200 all the time."""
    with Teelog(tmp_path, upstream.url) as teelog:
        os.kill(teelog.recorder_pid(), signal.SIGKILL)
        answers = []

        def again() -> bool:
            with urllib.request.urlopen(f"http://127.0.0.1:{teelog.port}/readyz", timeout=5) as answer:
                answers.append(answer.status)
            return len(teelog.pids()) > 1 and teelog.status()["recorder"].get("counters") is not None

        teelog.until(again)
        assert set(answers) == {200}
        assert teelog.status()["recorder"]["starts"] == 2


def test_the_key_is_shown_on_a_terminal_once(tmp_path):
    """At the first start whoever sits at the terminal sees the key and where it opens; later, and elsewhere, nobody does."""
    shown = [_on_a_terminal(tmp_path) for _ in range(2)]
    key = (tmp_path / "analytics.key").read_text().strip()

    assert shown[0].count(key) == 1
    assert "to sign in with at http://127.0.0.1:" in shown[0]
    assert key not in shown[1]
    assert "teelog.started" in shown[1]


def _on_a_terminal(folder) -> str:
    """What `teelog serve` says to a terminal until it is ready."""
    ours, theirs = os.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", "serve", "--port", "0", "--data-dir", str(folder)],
        cwd=ROOT, env=environment | {"TEELOG_ANALYTICS__PORT": "0"}, stderr=theirs, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while b"teelog.ready" not in said:
        said += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    said += said_on(ours)
    assert process.wait(20) == 0
    return said.decode()


def test_every_durability_records(tmp_path, upstream):
    """`power` and `memory` record what `process` does."""
    for durability in ("power", "memory"):
        with Teelog(tmp_path / durability, upstream.url, TEELOG_JOURNAL__DURABILITY=durability) as teelog:
            chat(teelog, f"in {durability}", stream=True)
            logged = teelog.until(teelog.conversations)
            assert transcript(logged[0]) == [("user", f"in {durability}"), ("assistant", f"echo of in {durability}")]
            old = teelog.recorder_pid()
            os.kill(old, signal.SIGKILL)
            teelog.until(lambda old=old: (pids := teelog.pids()) and len(pids) > 1 and pids[1] != old)
            chat(teelog, f"after {durability}")
            teelog.until(lambda: len(teelog.conversations()) == 2)
            assert teelog.stop() == 0


def test_the_end_is_quick_when_nothing_is_going_on(tmp_path, upstream):
    """An idle proxy ends within a few seconds of the signal."""
    with Teelog(tmp_path, upstream.url) as teelog:
        began = time.monotonic()
        assert teelog.stop() == 0
        print(f"ended after {time.monotonic() - began:.2f} s")


def test_a_foreign_folder_named_proxy_is_not_taken_for_ours(tmp_path):
    """Run from a folder that has a package `proxy` of its own, the command still starts its own recorder."""
    foreign = tmp_path / "proxy"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit('this is not teelog')\n")
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from proxy.__main__ import main; sys.exit(main(['demo', '--once']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr

"""`teelog erase` as a shell runs it: every file of the data folder is searched for what was erased, byte by byte."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from proxy.folder import Folder
from proxy.journal.reader import Position
from proxy.outbox.store import Store
from tests.e2e.process import KEY, ROOT, Teelog
from tests.e2e.sinks import ThreadSink
from tests.outbox.scenes import exchange, read

#: In what is erased, and in what stays; compressed they would not be found, so all texts are short.
GONE, STAYS = "zzgone", "zzstays"


def erase(folder, *words):
    """Runs `teelog erase`; exit code, stdout, stderr."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "erase", *words, "--data-dir", str(folder)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def post(url, body, **headers):
    fields = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, fields), timeout=20) as answer:
        return json.load(answer), answer.headers.get("x-teelog-id")


def say(teelog, word, history=(), **headers):
    """One turn; the history with it."""
    asked = [*history, {"role": "user", "content": f"{word} question {len(history)}"}]
    prompt = {"role": "system", "content": f"{word} prompt"}
    body = {"model": "m", "messages": [prompt, *asked]}
    answer, name = post(f"{teelog.base_url}/chat/completions", body, Authorization="Bearer sk-1", **headers)
    return [*asked, answer["choices"][0]["message"]], name


def found(folder, word):
    """In which files a word stands, plain or compressed as the journal does."""
    hits = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            data = path.read_bytes() if path.is_file() and not path.is_socket() else b""
            packed = [
                zlib.decompressobj().decompress(data[at.start() :])
                for at in re.finditer(b"\x78\x01", data)
                if _opens(data, at.start())
            ]
            if any(word.encode() in one for one in (data, *packed)):
                hits.append(path.name)
    return hits


def _opens(data, at):
    try:
        zlib.decompressobj().decompress(data[at:])
    except zlib.error:
        return False
    return True


ADA = {"x_teelog_user": "ada-" + GONE}


def talked(teelog):
    """Conversations of ada, told in several ways, with everything that hangs on them; and one of bob."""
    first, name = say(teelog, GONE, x_teelog_conversation_id=f"chat-{GONE}", **ADA)
    first, _ = say(teelog, GONE, first, x_teelog_conversation_id=f"chat-{GONE}", **ADA)
    say(teelog, GONE, say(teelog, GONE, **ADA)[0], **ADA)
    bobs, other = say(teelog, STAYS, x_teelog_user="bob")
    base = teelog.base_url.removesuffix("/v1")
    key = {"Authorization": f"Bearer {KEY}"}
    for about, word in ((name, GONE), (other, STAYS)):
        post(f"{base}/feedback", {"type": "negative", "messageId": about, "details": f"{word} thumbs"}, **key)
        post(f"{base}/events", {"type": "x", "messageId": about, "properties": {"what": f"{word} event"}}, **key)
    waiting = {"type": "positive", "messageId": "never", "details": GONE, "userProperties": {"userId": "ada-" + GONE}}
    post(f"{base}/feedback", waiting, **key)
    # a record that nobody can read is set aside as it came
    post(f"{teelog.base_url}/completions", f"no JSON, but {GONE}".encode(), Authorization="Bearer sk-1", **ADA)
    return first, bobs


def aside(data):
    """What a damaged file leaves behind."""
    for name in ("teelog.db.20260101T000000Z.damaged", "journal/1700000000000000.unreadable"):
        (data / name).write_text(f"{GONE} {STAYS}")


SLOW = pytest.mark.slow


@pytest.mark.parametrize("state", ["running", pytest.param("stopped", marks=SLOW), pytest.param("killed", marks=SLOW)])
def test_not_a_byte_is_left(tmp_path, upstream, state):
    """Nothing of a user's conversations is in any file afterwards, all of the others' is; running, stopped or killed."""
    data = tmp_path / "data"
    with Teelog(tmp_path, upstream.url) as teelog:
        _, bobs = talked(teelog)
        teelog.until(lambda: len(teelog.conversations()) == 3)
        aside(data)
        if state == "killed":  # with a raw exchange in the journal that nobody has recorded
            os.kill(teelog.recorder_pid(), signal.SIGSTOP)
            say(teelog, GONE, **ADA)
            assert [one for one in found(data, GONE) if one.endswith(".log")] != []
            teelog.kill()
        elif state == "stopped":
            assert teelog.stop() == 0
        assert len(found(data, GONE)) > 3

        code, out, err = erase(data, "--user", "ada-" + GONE, "--dry-run", "--json")
        *lines, done = map(json.loads, out.splitlines())
        assert (code, err if state == "running" else "", done["matched"]) == (0, "", 2 + (state == "killed"))
        code, out, err = erase(data, "--user", "ada-" + GONE, "--json")
        *told, done = map(json.loads, out.splitlines())
        assert (code, told, done["troubles"]) == (0, lines, [])
        assert done["store"]["conversations"] == len(lines)
        assert done["local"]["conversations"] == 2
        assert done["store"]["records"] == 1
        assert len(done["files"]) == 2
        assert found(data, GONE) == []
        assert {"teelog.db", "analytics.db"} <= set(found(data, STAYS))
        assert erase(data, "--user", "ada-" + GONE)[:2] == (1, "nothing matches\n")

        if state != "running":
            teelog.start()
        say(teelog, STAYS, bobs, x_teelog_user="bob")
        (left,) = teelog.until(
            lambda: (logged := teelog.conversations()) and len(logged[0]["messages"]) == 5 and logged
        )
        assert [m["content"] for m in left["messages"]][1:3] == [one["content"] for one in bobs]
        assert found(data, GONE) == []


@SLOW
def test_nothing_late_brings_it_back(tmp_path, upstream):
    """A replayed journal, an echo, a replica's snapshot and late feedback are refused; the chat goes on without the past."""
    data, kept = tmp_path / "data", tmp_path / "kept"
    with Teelog(tmp_path, upstream.url) as teelog:
        os.kill(teelog.recorder_pid(), signal.SIGSTOP)
        first, _ = talked(teelog)
        shutil.copytree(data / "journal", kept)
        os.kill(teelog.recorder_pid(), signal.SIGCONT)
        before = teelog.until(lambda: (logged := teelog.conversations()) and len(logged) == 3 and logged)
        before = [one for one in before if GONE in json.dumps(one)]
        code, out, _ = erase(data, "--user", "ada-" + GONE)
        assert (code, "2 conversations" in out) == (0, True)

        for snapshot in before:  # an echo, and a replica's that has more and is newer
            record = {name: snapshot[name] for name in ("id", "type", "messages", "properties", "userProperties")}
            record["messages"] = [{k: one[k] for k in ("id", "role", "content")} for one in record["messages"]]
            post(f"{teelog.analytics}/conversations", record, Authorization=f"Bearer {KEY}")
            record["properties"]["teelogRev"] += 1000
            post(f"{teelog.analytics}/conversations", record, Authorization=f"Bearer {KEY}")
            about = {"type": "positive", "messageId": record["messages"][-1]["id"], "details": GONE}
            post(f"{teelog.analytics}/feedback", about, Authorization=f"Bearer {KEY}")
            post(f"{teelog.base_url[:-3]}/feedback", about, Authorization=f"Bearer {KEY}")
        assert teelog.stop() == 0
        for number, path in enumerate(sorted(kept.glob("*.log"))):
            shutil.copy(path, data / "journal" / f"{time.time_ns() // 1000 + number:016d}.log")
        teelog.start()
        counters = teelog.until(
            lambda: (told := teelog.status()["recorder"]["counters"]) and told.get("erased", 0) >= 5 and told
        )
        assert counters["erased"] >= 5
        teelog.until(lambda: not found(data / "journal", GONE))
        assert found(data, GONE) == []

        say(teelog, "new", first, x_teelog_conversation_id=f"chat-{GONE}", **ADA)
        later = teelog.until(lambda: (logged := teelog.conversations()) and len(logged) == 2 and logged)
        (chat,) = [one for one in later if one["id"] == f"chat-{GONE}~2"]
        assert [one["content"] for one in chat["messages"]] == [
            "new prompt",
            "new question 4",
            "echo of new question 4",
        ]


@SLOW
def test_the_sink_is_asked(tmp_path, upstream):
    """Another sink is asked to delete; one that is down is asked later, one that cannot is told of."""
    data = tmp_path / "data"
    with ThreadSink() as sink, Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__URL=sink.url) as teelog:
        say(teelog, GONE, x_teelog_conversation_id="c/1", **ADA)
        say(teelog, GONE, x_teelog_conversation_id="c 2", x_teelog_user="eve")
        teelog.until(lambda: len(sink.has) == 2)
        code, out, _ = erase(data, "--conversation", "c/1")
        assert (code, "the sink: asked to delete 1" in out) == (0, True)
        assert list(sink.has) == ["c 2"]

        sink.refuses = 405
        code, out, _ = erase(data, "--user", "eve")
        assert "the sink cannot delete 1" in out
        assert found(data, GONE) == []
        assert teelog.status()["recorder"]["sinks"]["analytics"]["dead"] == {"refused": 1}

        sink.refuses = 503
        code, out, _ = erase(data, "--conversation", "unknown here")
        assert (code, out.splitlines()[0]) == (0, "the sink: asked to delete 1")
        assert "the sink has 1 deletions still to do" in out
        sink.refuses = 0
        teelog.until(lambda: teelog.status()["recorder"]["sinks"]["analytics"]["depth"] == 0)


@SLOW
def test_others_go_on_meanwhile(tmp_path, upstream):
    """While a user is erased again and again, the others' turns are answered and recorded, each once."""
    data, ended, turns = tmp_path / "data", threading.Event(), {}
    with Teelog(tmp_path, upstream.url) as teelog:

        def chat(number):
            history = []
            while not ended.wait(0.1):
                history, _ = say(teelog, f"{STAYS} {number}", history, x_teelog_user=f"bob-{number}")
            turns[number] = history

        with ThreadPoolExecutor(3) as threads:
            chatting = [threads.submit(chat, number) for number in range(3)]
            try:
                for _ in range(2):
                    say(teelog, GONE, say(teelog, GONE, **ADA)[0], **ADA)
                    code, out, err = erase(data, "--user", "ada-" + GONE, "--json")
                    assert err == ""
                    assert code == 0
            finally:
                ended.set()
            [one.result() for one in chatting]
        logged = teelog.until(
            lambda: (
                (found := teelog.conversations())
                and sorted(len(one["messages"]) for one in found) == sorted(1 + len(one) for one in turns.values())
                and found
            )
        )
        told = sorted([m["content"] for m in one["messages"]][1:] for one in logged)

        assert told == sorted([m["content"] for m in one] for one in turns.values())
        assert min(map(len, turns.values())) > 4
        assert found(data, GONE) == []


COMMANDS = [
    line.split()[1:]
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("teelog erase")
]
AGO = 500 * 86_400_000


@SLOW
def test_the_commands_of_readme(tmp_path):
    """What README says of erasing can be typed as it stands there, and does what it says."""
    data, now = tmp_path / "data", time.time_ns() // 1_000_000
    data.mkdir()
    store = Store(data / "teelog.db", secret=Folder(data).secret())
    for chat, who, at in (
        ("a-1", "ada", now),
        ("conv_example", "bob", now),
        ("b-2", "bob", now),
        ("c-3", "eve", now - AGO),
    ):
        headers = [("x-teelog-conversation-id", chat), ("x-teelog-user", who)]
        item = read(exchange([{"role": "user", "content": f"hi {chat}"}], headers=headers, started=at))
        store.take([item], "journal", Position(0, 0), at)
    store.close()
    told = [erase(data, *words[1:]) for words in COMMANDS]

    assert [code for code, _, _ in told] == [0, 0, 0, 1, 0]
    assert "1 conversations would be erased" in told[0][1]
    assert "1 conversations, 2 messages" in told[1][1]
    assert json.loads(told[3][1])["matched"] == 0
    assert [chat for chat in ("a-1", "conv_example", "b-2", "c-3") if found(data, f"hi {chat}")] == ["b-2"]


WRONG = {
    "nothing": ([], "erase what?"), "a time that is none": (["--before", "soon"], 'found "soon"'),
    "another flag": (["--conversations", "x"], "the nearest known one is --conversation"),
    "no folder": (["--user", "ada"], "there is no data_dir"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use(tmp_path, name):
    """What cannot be asked ends with 2 and says what can; nothing is made."""
    words, said = WRONG[name]
    code, out, err = erase(tmp_path / "none", *words)

    assert (code, out) == (2, "")
    assert said in err
    assert list(tmp_path.iterdir()) == []

"""`teelog outbox` as a shell runs it: beside a running teelog, and while none runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from proxy.folder import Folder
from proxy.journal.reader import Position
from proxy.outbox.held import KINDS, STATES
from proxy.outbox.reading import SetAside
from proxy.outbox.store import Store
from tests.e2e.process import ROOT, Teelog
from tests.fakes import NOW, Answer, FakeAnalytics
from tests.outbox.scenes import exchange, read, user


def outbox(folder, *words):
    """Runs `teelog outbox`; exit code, stdout, stderr."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "outbox", *words, "--data-dir", str(folder)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def rows(folder, *words):
    """The lines of `list --json`, and its sum."""
    code, out, err = outbox(folder, "list", "--json", *words)
    assert err == ""
    *lines, done = [json.loads(line) for line in out.splitlines()]
    assert code == (0 if done["matched"] else 1)
    return lines, done


def filled(folder, *names):
    """A data folder with conversations that wait, and a record that could not be read."""
    folder.mkdir()
    store = Store(folder / "teelog.db", secret=Folder(folder).secret())
    items = [read(exchange([user(f"hi {name}")], headers=[("x-teelog-conversation-id", name)])) for name in names]
    store.take([*items, SetAside("", "it cannot be read", b"garbage")], "journal", Position(0, 0), NOW)
    store.close()
    return folder


def buried(folder):
    """Every row that waits becomes a dead letter."""
    store = Store(folder / "teelog.db", secret=b"")

    async def bury():
        for row in await store.lease("analytics", NOW, NOW + 1000, 100):
            await store.bury(row, row.wanted_rev, "refused", "the analytics API answered 400", NOW)

    asyncio.run(bury())
    store.close()


@pytest.fixture(params=["running", "stopped"])
def scene(request, tmp_path):
    """Three dead letters and a record that could not be read; beside a teelog whose sink is down, or alone."""
    data = filled(tmp_path / "data", "a", "b", "c")
    buried(data)
    if request.param == "stopped":
        yield data
        return
    with Teelog(tmp_path, "http://127.0.0.1:9/v1", TEELOG_DELIVERY__URL="http://127.0.0.1:9"):
        assert stat.S_IMODE((data / "control.sock").stat().st_mode) == 0o600
        yield data


def test_list_and_show(scene):
    """Dead letters and records are listed with their sum, and one is shown whole; running or not."""
    code, out, err = outbox(scene, "list")
    table = out.splitlines()
    assert (code, err, len(table)) == (0, "", 6)
    assert table[0].split() == ["ID", "KIND", "STATE", "TRIES", "SINCE", "DUE", "SIZE", "WHY"]
    assert table[1].split()[:4] == ["a", "conversation", "dead", "1"]
    assert table[1].endswith("refused: the analytics API answered 400")
    assert table[4].split()[:3] == ["unread-1", "exchange", "failed"]
    assert table[5] == "4 in all: 3 dead, 1 failed"
    assert "hi a" not in out

    lines, done = rows(scene, "--state", "dead", "--limit", "2")
    assert [line["id"] for line in lines] == ["a", "b"]
    assert done == {"matched": 3, "shown": 2, "by_state": {"dead": 3}}
    assert rows(scene, "--older-than", "30m", "--kind", "conversation")[1]["matched"] == 3
    assert rows(scene, "--reason", "nobody said this")[1]["matched"] == 0
    assert outbox(scene, "list", "--id", "never") == (1, "nothing matches\n", "")

    code, out, _ = outbox(scene, "show", "b")
    assert code == 0
    assert "dead_reason: refused" in out
    assert "hi b" in out
    assert json.loads(outbox(scene, "show", "b", "--json")[1])["body"]["messages"][0]["content"] == "hi b"
    assert outbox(scene, "show", "never")[0] == 1


def test_retry_and_drop(scene):
    """Dead letters become due, records are read again, and what is dropped is gone; each answer says how many."""
    assert outbox(scene, "retry", "a")[:2] == (0, "1 due now\n")
    assert outbox(scene, "retry", "a", "--state", "dead")[:2] == (1, "nothing matches\n")
    assert [line["state"] for line in rows(scene, "--id", "a")[0]] in (["ready"], ["leased"])
    assert outbox(scene, "retry", "--kind", "exchange")[1] == "0 due now; 0 records read and recorded, 1 failed again\n"

    code, out, err = outbox(scene, "drop", "--state", "dead")
    assert (code, out, err) == (2, "", "teelog: 2 would be dropped for good: say --yes\n")
    assert outbox(scene, "drop", "--state", "dead", "--limit", "1", "--yes")[:2] == (0, "1 dropped\n")
    assert json.loads(outbox(scene, "drop", "--state", "dead", "--yes", "--json")[1]) == {
        "matched": 1, "dropped": 1, "left": 0
    }  # fmt: skip
    assert outbox(scene, "drop", "--state", "failed", "--yes")[1] == "1 dropped\n"
    assert [line["id"] for line in rows(scene)[0]] == ["a"]


async def test_a_retry_delivers_what_the_sink_now_takes(tmp_path, upstream):
    """What the sink has refused arrives after `teelog outbox retry --all`, once the sink takes it."""
    data = filled(tmp_path / "data", "a", "b")
    async with FakeAnalytics(Answer(400), Answer(400)) as analytics:
        teelog = Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__URL=analytics.url)
        try:
            await asyncio.to_thread(teelog.start)
            await asyncio.to_thread(teelog.until, lambda: rows(data, "--state", "dead")[1]["matched"] == 2)
            code, out, _ = await asyncio.to_thread(outbox, data, "retry", "--all")
            assert (code, out) == (0, "2 due now; 0 records read and recorded, 1 failed again\n")
            await asyncio.to_thread(teelog.until, lambda: rows(data, "--kind", "conversation")[1]["matched"] == 0)
        finally:
            await asyncio.to_thread(teelog.kill)

    assert sorted(got.json["id"] for got in analytics.got[2:]) == ["a", "b"]


def test_it_waits_for_a_recorder_that_is_started_again(tmp_path):
    """While the recorder is gone for a moment, the command waits for the next one; it never opens the files beside it."""
    data = filled(tmp_path / "data", "a")
    with Teelog(tmp_path, "http://127.0.0.1:9/v1", TEELOG_DELIVERY__URL="http://127.0.0.1:9") as teelog:
        os.kill(teelog.recorder_pid(), signal.SIGKILL)

        assert rows(data)[1]["matched"] == 2
        assert teelog.status()["recorder"]["starts"] == 2


def test_a_teelog_that_is_started_meanwhile_waits(tmp_path):
    """While the command has the files open, a starting teelog waits for it, and then starts."""
    data = filled(tmp_path / "data", "a")
    lock = Folder(data).lock("teelog", lambda _seconds: None)
    teelog = Teelog(tmp_path, "http://127.0.0.1:9/v1", TEELOG_DELIVERY__URL="http://127.0.0.1:9")
    try:
        freed = []

        def free():
            if not freed and any(line["event"] == "teelog.waits" for line in teelog.lines()):
                freed.append(os.close(lock))
            return freed

        wait_for = teelog.wait_for
        teelog.wait_for = lambda event, offset=0: (teelog.until(free), wait_for(event, offset))[1]
        teelog.start()
    finally:
        teelog.kill()


def test_a_record_that_can_be_read_now_is_recorded_by_the_command_itself(tmp_path):
    """While nothing runs, a record is read again by the command: it says so on stdout alone, and logs on stderr."""
    data = filled(tmp_path / "data")
    store = Store(data / "teelog.db", secret=b"")
    payload = exchange([user("late")], headers=[("x-teelog-conversation-id", "late")])
    store.take([SetAside("e-1", "it could not be read then", payload)], "journal", Position(0, 0), NOW)
    store.close()

    code, out, err = outbox(data, "retry", "e-1", "--json")
    assert (code, json.loads(out)) == (0, {"matched": 1, "retried": 0, "recorded": 1, "failed_again": 0})
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["exchange.recorded", "outbox.retried"]
    assert [line["id"] for line in rows(data, "--state", "ready")[0]] == ["late"]


MISTAKES = {
    "verb": (["lits"], "invalid choice: 'lits'", "the nearest known one is list"),
    "filter": (["list", "--sate", "dead"], "--sate", "the nearest known one is --state"),
    "state": (["list", "--state", "deed"], "invalid choice: 'deed'", "the nearest known one is dead"),
    "span": (["list", "--older-than", "soon"], 'found "soon"', "7d"),
    "limit": (["list", "--limit", "0"], 'found "0"', "whole number"),
    "retry of what": (["retry"], "retry what?", "--all"),
    "drop of what": (["drop", "--yes"], "drop what?", "--all"),
    "no folder": (["list"], "there is no data_dir", "--data-dir"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_wrong_use(tmp_path, name):
    """What cannot be asked ends with 2, on stderr, with what was probably meant; nothing is made."""
    words, *said = MISTAKES[name]
    code, out, err = outbox(tmp_path / "gone", *words)

    assert (code, out) == (2, "")
    assert all(text in err for text in said)
    assert not (tmp_path / "gone").exists()


def test_a_folder_without_records(tmp_path):
    """A data folder in which nothing was ever recorded is said to be one, and stays as it is."""
    tmp_path.joinpath("empty").mkdir()
    code, _, err = outbox(tmp_path / "empty", "list")

    assert code == 2
    assert "nothing has been recorded" in err
    assert not (tmp_path / "empty" / "teelog.db").exists()


def test_the_flags_know_what_the_outbox_knows():
    """The command line's kinds and states are the outbox's own."""
    from proxy import asked

    assert (asked.KINDS, asked.STATES) == (KINDS, STATES)

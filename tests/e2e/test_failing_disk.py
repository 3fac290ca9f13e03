"""A disk on which one write and one sync in twenty fail: no client sees it, nothing is corrupted, and all is counted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.process import Teelog
from tests.e2e.shim import needs_compiler, shimmed
from tests.e2e.test_disk_full import chats

CHATS = 1500


@pytest.mark.slow
@needs_compiler
def test_a_disk_that_fails(tmp_path, upstream):
    """Every chat is answered; each that ended is in analytics once, or in the ledger; every file is in one piece."""
    settings = {"TEELOG_DELIVERY__RECOVERY_PER_SECOND": "10000"}
    teelog = Teelog(tmp_path, upstream.url, **settings)
    with teelog:
        assert teelog.stop() == 0  # the folder is made on a disk that works
    failing = Teelog(tmp_path, upstream.url, **settings, **shimmed(tmp_path, SHIM_FAIL="5"))
    with failing:
        finished, wrong = asyncio.run(chats(failing, "chat", CHATS, lambda: True))
        lost = failing.until(lambda: failing.status()["ledger"]["by_reason"])
        assert failing.stop(60) == 0
    failures = Counter(line.split()[1] for line in Path(tmp_path / "shim").read_text().splitlines())
    with teelog:
        counted = sum(teelog.status()["ledger"]["by_reason"].values())
        teelog.until(lambda: len(teelog.conversations()) + counted >= finished, patience=60)
        found = Counter(one["messages"][0]["content"] for one in teelog.conversations())
        damaged = teelog.status()["recorder"]["journal_damage"]
        set_aside = sorted(path.name for path in (tmp_path / "data").rglob("*.damaged"))
        assert teelog.stop() == 0
    for name in ("teelog.db", "analytics.db"):
        with closing(sqlite3.connect(tmp_path / "data" / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    print(
        f"5 % of writes and syncs fail ({dict(failures)}): {wrong} of {finished} chats went wrong, {len(found)} delivered + "
        f"{counted} counted {lost}, journal damage {damaged}, set aside {set_aside}"
    )
    assert wrong == 0
    assert set(found.values()) == {1}
    assert len(found) + counted == finished
    assert [name for name in set_aside if ".db." in name] == []

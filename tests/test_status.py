"""What `/status` puts together from the two processes."""

from __future__ import annotations

import asyncio

import structlog

from proxy.status import Status


class Counts:
    """The relay's record, with counts that a test sets."""

    def __init__(self):
        self.lost = {}
        self.journaled = 0
        self.looked = asyncio.Event()

    def status(self):
        self.looked.set()
        return {"not_recorded": dict(self.lost), "journaled": self.journaled, "forwarded": 0, "open": 4, "outcomes": {}}

    def newest_lost(self):
        return {"disk_full": ("x", 9)}


async def rests():
    return 100, 2.5


class Recorder:
    """A child process that says what a test sets."""

    starts = 1
    fault = ""

    def __init__(self, **told):
        self.answer = {"status": 7, "sinks": {}, "counters": {}, **told}

    async def ask(self):
        return dict(self.answer)


async def test_the_ledger_has_every_reason():
    """What the relay could not record and what was given up later stand in one ledger, by reason."""
    record = Counts()
    record.lost = {"disk_full": 2}
    told = await Status(record, Recorder(counters={"dropped": 3, "recorded": 9}), rests).told()

    assert told["ledger"] == {"by_reason": {"disk_full": 2, "dropped": 3}, "lately": {"disk_full": 2}}
    assert (told["health"], told["relay"]["open"]) == ("red", 4)
    assert "status" not in told["recorder"]
    assert told["journal"] == {"bytes": 100, "oldest_seconds": 2.5}


async def test_it_speaks_for_a_recorder_that_does_not():
    """Without an answer of the recorder there is a status, and it is red."""
    recorder = Recorder()
    recorder.answer = {}
    told = await Status(Counts(), recorder, rests).told()

    assert told["health"] == "red"
    assert told["recorder"] == {"starts": 1}


async def test_what_was_set_aside_is_told(tmp_path):
    """A damaged file that was set aside is spoken of for as long as it lies there."""
    (tmp_path / "journal").mkdir()
    aside = [tmp_path / "teelog.db.20261122T120000Z.damaged", tmp_path / "journal" / "1.log.unreadable"]
    status = Status(Counts(), Recorder(failed_exchanges={}), rests, tmp_path)
    for one in aside:
        one.touch()
    told = await status.told()

    assert told["health"] == "degraded"
    assert all(one.name in told["why"][0] for one in aside)
    for one in aside:
        one.unlink()
    assert (await status.told())["health"] == "green"


async def test_losses_are_seen_while_nobody_asks():
    """A loss is told in the log though nobody looks at `/status`."""
    record = Counts()
    record.lost = {"disk_full": 2}
    with structlog.testing.capture_logs() as lines:
        watching = asyncio.get_running_loop().create_task(Status(record, Recorder(), rests).watch())
        await record.looked.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    assert [line["event"] for line in lines] == ["journal.loses", "exchange.lost"]

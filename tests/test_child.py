"""The recorder process as the relay process sees it, with small scripts in its place."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys

import pytest
import structlog

from proxy.child import Child, StartedChild, next_wait
from tests.e2e.process import ROOT

#: Says it is ready, answers questions, ends when told to or when its stdin does.
OBEDIENT = f"""
import asyncio, os, sys
sys.path.insert(0, {str(ROOT)!r})
from proxy.child import Parent
async def main():
    parent = await Parent.connect()
    settings = await parent.settings()
    parent.say({{"ready": True}})
    async def status():
        return {{"pid": os.getpid(), "settings": settings}}
    drained = await parent.listen(status)
    open(settings["out"], "a").write("drained" if drained else "orphaned")
    os._exit(0)
asyncio.run(main())
"""


def child(tmp_path, script: str = OBEDIENT, healthy_seconds: float = 10.0, **settings) -> Child:
    told = {"out": str(tmp_path / "out"), **settings}
    return Child(lambda: StartedChild(told), (sys.executable, "-c", script), healthy_seconds)


async def test_it_is_started_asked_and_drained(tmp_path):
    """A child gets its settings, answers, and ends when it is told to."""
    it = child(tmp_path, secret="s")
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        told = await it.ask()
        assert told["pid"] == it.pid
        assert told["settings"]["secret"] == "s"
        await it.drain(10)

    assert (tmp_path / "out").read_text() == "drained"
    assert it.starts == 1


#: Asks what its parent tells, and gives it back as its status.
CURIOUS = OBEDIENT.replace('return {"pid": os.getpid(), "settings": settings}', "return heard").replace(
    "    async def status():",
    "    heard = {}\n    async def wonder():\n        heard['first'] = await parent.ask()\n"
    "    wondering = asyncio.create_task(wonder())\n    async def status():",
)


async def test_a_child_asks_how_all_of_it_is(tmp_path):
    """What the child asks is answered out of the parent, though the parent asks the child for that."""
    it = child(tmp_path, CURIOUS)

    async def told():
        return {"health": "grün", "child": await it.ask()}

    it.tell = told
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        while not (heard := await it.ask()).get("first"):
            await asyncio.sleep(0.01)
        await it.drain(10)

    assert heard["first"]["health"] == "grün"


async def test_a_child_whose_question_nobody_answers_goes_on(tmp_path):
    """With nobody to tell, the child hears that there is nothing to know."""
    it = child(tmp_path, CURIOUS)
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        while "first" not in (heard := await it.ask()):
            await asyncio.sleep(0.01)
        await it.drain(10)

    assert heard["first"] == {}


async def test_a_child_that_dies_is_started_again(tmp_path):
    """A killed child is replaced, and the new one answers."""
    it = child(tmp_path)
    it.start()
    async with asyncio.timeout(30):
        for _ in range(3):
            await it.ready.wait()
            old = it.pid
            os.kill(old, signal.SIGKILL)
            while it.pid == old or not it.ready.is_set():
                await asyncio.sleep(0.01)
        assert (await it.ask())["pid"] == it.pid
        await it.drain(10)

    assert it.starts == 4


async def test_a_child_that_does_not_answer_is_told_from_one_that_does(tmp_path):
    """A question that is not answered in time gets nothing, and holds nobody up."""
    it = child(tmp_path, "import sys; print('{\"ready\": true}', flush=True); sys.stdin.read()")
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        assert await it.ask(patience=0.05) == {}
        await it.drain(0.1)  # it does not know the word: it is killed

    assert it.pid is not None


async def test_why_it_cannot_start_is_heard(tmp_path):
    """A child that says what stops it is quoted."""
    it = child(tmp_path, 'print(\'{"fault": "the schema is newer"}\', flush=True)')
    it.start()
    async with asyncio.timeout(20):
        while not it.fault:
            await asyncio.sleep(0.01)
        await it.drain(0.1)

    assert it.fault == "the schema is newer"


async def test_a_start_that_the_machine_refuses_is_tried_again():
    """A recorder that cannot be started for want of descriptors is started once there are some, and all is well again."""
    refusals = [OSError(errno.EMFILE, "Too many open files")]
    heard = []

    def prepare() -> StartedChild:
        if refusals:
            raise refusals.pop()
        heard.append(it.fault)
        return StartedChild({})

    it = Child(prepare, (sys.executable, "-c", "print('{\"ready\": true}', flush=True); input()"))
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        await it.drain(0.1)

    assert heard == ["the recorder process cannot be started: Too many open files"]
    assert it.fault == ""


async def test_one_that_dies_at_once_is_started_ever_slower(tmp_path):
    """The wait before each new start is twice the last one; the log is told once, not at each start."""
    it = child(tmp_path, "raise SystemExit(3)")
    loop = asyncio.get_running_loop()
    with structlog.testing.capture_logs() as lines:
        began = loop.time()
        it.start()
        async with asyncio.timeout(30):
            while it.starts < 5:
                await asyncio.sleep(0.01)
        took = loop.time() - began
        it.kill()
        async with asyncio.timeout(10):
            await it.drain(0.1)

    assert [(line["event"], line["code"]) for line in lines] == [("recorder.died", 3)]
    assert took >= 1.5


async def test_its_end_and_its_return_are_told_once(tmp_path):
    """A recorder that dies for two reasons gets a line for each; one more says that it is back, once it has lived a while."""
    lives = tmp_path / "lives"
    script = f"""
import os, sys
lives = {str(lives)!r}
with open(lives, "a") as file:
    file.write("x")
number = os.path.getsize(lives)
if number < 4:
    sys.exit(3 if number < 3 else 4)
print('{{"ready": true}}', flush=True)
sys.stdin.read()
"""
    with structlog.testing.capture_logs() as lines:
        it = child(tmp_path, script, healthy_seconds=0.2)
        it.start()
        async with asyncio.timeout(20):
            while len(lines) < 3:
                await asyncio.sleep(0.01)
            await it.drain(0.1)

    assert [line["event"] for line in lines] == ["recorder.died", "recorder.died", "recorder.is_back"]
    assert [line.get("code") for line in lines[:2]] == [3, 4]
    assert lines[2]["starts"] == 4


def test_the_wait_has_an_end_and_begins_anew():
    """However often it dies the wait stays at five seconds; one that lived for long is started at once."""
    waits = [0.05]
    for _ in range(9):
        waits.append(next_wait(waits[-1], lived=0.1))

    assert waits[1:] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert next_wait(5.0, lived=11.0) == 0.05


async def test_noise_on_its_stdout_is_passed_over(tmp_path):
    """Lines that are no JSON, or no objects of ours, do no harm."""
    it = child(tmp_path, 'print(\'hello\\n[1]\\n5\\n{"status": "x"}\\n{"ready": true}\', flush=True); input()')
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        await it.drain(0.1)


async def test_a_line_without_end_ends_it(tmp_path):
    """A child that floods its stdout is ended, and started again."""
    it = child(tmp_path, "import sys; sys.stdout.write('x' * 3_000_000); sys.stdout.flush(); sys.stdin.read()")
    it.start()
    async with asyncio.timeout(20):
        while it.starts < 2:
            await asyncio.sleep(0.01)
        await it.drain(0.1)


def test_it_does_not_outlive_its_parent(tmp_path):
    """When the parent is killed, the child sees its stdin end, and ends."""
    import subprocess

    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import asyncio, os, signal\nfrom proxy.child import Child, StartedChild\n"
        "async def main():\n"
        f"    it = Child(lambda: StartedChild({{'out': {str(tmp_path / 'out')!r}}}), (sys.executable, '-c', {OBEDIENT!r}))\n"
        "    it.start()\n    await it.ready.wait()\n    print(it.pid, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)
    pid = int(done.stdout)
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        if (tmp_path / "out").exists():
            break
        signal.sigtimedwait([], 0.02)

    assert (tmp_path / "out").read_text() == "orphaned"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_are_the_parents_business(tmp_path, number):
    """Ctrl-C reaches the whole group; the child goes on until its parent tells it to end."""
    it = child(tmp_path)
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        os.kill(it.pid, number)
        assert (await it.ask())["pid"] == it.pid
        await it.drain(10)

    assert (tmp_path / "out").read_text() == "drained"

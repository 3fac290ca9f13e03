"""A recorder process that the machine would not start."""

from __future__ import annotations

import asyncio
import errno
import sys

from proxy.child import Child, StartedChild

READY = "print('{\"ready\": true}', flush=True); input()"


async def test_a_start_that_the_machine_refuses_is_tried_again():
    """A recorder that cannot be started for want of descriptors is started once there are some."""
    refusals = [OSError(errno.EMFILE, "Too many open files")]

    def prepare() -> StartedChild:
        if refusals:
            raise refusals.pop()
        return StartedChild({})

    it = Child(prepare, (sys.executable, "-c", READY))
    it.start()
    async with asyncio.timeout(20):
        await it.ready.wait()
        await it.drain(0.1)

    assert "Too many open files" in it.fault

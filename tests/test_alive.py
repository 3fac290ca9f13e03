"""`teelog health`: what it asks, and what it makes of each answer. The command itself, against sockets."""

import asyncio
import os
import socket
import sys

import pytest
from aiohttp import web

from proxy.alive import ask
from proxy.config import Listen
from tests.e2e.process import ROOT, Teelog


async def health(*arguments, **environ):
    """Exit code, stdout and stderr of `teelog health`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "health", *arguments),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def answering(aiohttp_raw_server):
    """Starts a server that answers with a status; gives its port and what it was asked."""

    async def start(status):
        asked = []

        async def handler(request):
            asked.append((request.method, request.raw_path, dict(request.headers)))
            return web.Response(status=status)

        return (await aiohttp_raw_server(handler)).port, asked

    return start


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (421, 1), (404, 1)])
async def test_only_a_200_is_health(answering, status, code):
    """The command asks /readyz of the configured port once, and ends with 0 for a 200 and with 1 for anything else."""
    port, asked = await answering(status)

    ended, out, err = await health(TEELOG_LISTEN__PORT=str(port), HTTP_PROXY="http://127.0.0.1:1")

    assert (ended, bool(out), bool(err)) == (code, code == 0, code == 1)
    assert (str(status) in err) is (code == 1)
    assert [one[:2] for one in asked] == [("GET", "/readyz")]


async def test_no_key_is_sent(answering):
    """The keys of the configuration stay at home; the proxy is asked by its address, whatever names it answers to."""
    port, asked = await answering(200)
    keys = {f"TEELOG_{name}": "planted" for name in ("LISTEN__CLIENT_KEYS", "LISTEN__ADMIN_KEY", "UPSTREAM__API_KEY")}

    ended, out, err = await health(
        TEELOG_LISTEN__HOST="0.0.0.0",
        TEELOG_LISTEN__PORT=str(port),
        TEELOG_LISTEN__ALLOWED_HOSTS="chat.example",
        **keys,
    )

    assert (ended, err) == (0, "")
    ((_, _, headers),) = asked
    assert headers["Host"] == f"127.0.0.1:{port}"
    assert "planted" not in f"{headers}{out}"


async def test_the_real_proxy_says_yes(tmp_path, unused_tcp_port):
    """A proxy on every address that asks for keys and answers to one name alone is found healthy with its own settings."""
    settings = {
        "TEELOG_LISTEN__HOST": "0.0.0.0",
        "TEELOG_LISTEN__PORT": str(unused_tcp_port),
        "TEELOG_LISTEN__CLIENT_KEYS": "planted",
        "TEELOG_LISTEN__ALLOWED_HOSTS": "chat.example",
    }
    with Teelog(tmp_path, "http://127.0.0.1:1/v1", **settings):
        assert await health(**settings) == (0, "ready\n", "")


async def test_nobody_is_there(unused_tcp_port):
    """A refused connection is said with the address, in one line."""
    assert await health("--port", str(unused_tcp_port)) == (
        1, "", f"teelog: http://127.0.0.1:{unused_tcp_port}/readyz: Connection refused\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"TEELOG_LISTEN__PORT": "0"}, "listen.port is 0"),
        ({"TEELOG_LISTEN__PORT": "x"}, "allowed: a whole number"),
    ],
    ids=["a port that nobody knows", "a wrong configuration"],
)
async def test_what_cannot_be_asked_is_no_health(settings, words):
    """Container engines keep exit code 2 for themselves, so whatever is wrong is a 1, with its reason."""
    code, out, err = await health(**settings)

    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_silent_proxy_is_given_up():
    """A socket that takes the connection and never answers is no health, after a while."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        assert ask(Listen(port=silent.getsockname()[1]), patience=0.2).endswith("no answer within 0.2 s")

"""The command: what it says, where it says it, and how it ends. Real processes, as a shell would start them."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web

from proxy import __version__
from proxy.cli import main

ROOT = Path(__file__).parent.parent
#: Whatever else listens on this machine is not in the way.
ANY_PORTS = {"TEELOG_LISTEN__PORT": "0", "TEELOG_ANALYTICS__PORT": "0"}


@pytest.fixture
def teelog(tmp_path):
    """Runs `python -m proxy` in an empty folder with a bare environment; gives exit code, stdout and stderr."""

    async def run(*arguments, **environ):
        path = os.pathsep.join(filter(None, (environ.pop("PYTHONPATH", ""), str(ROOT))))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", *arguments),
            cwd=tmp_path,
            env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


async def test_the_version_is_data(teelog):
    """`--version` goes to stdout alone."""
    assert await teelog("--version") == (0, f"teelog {__version__}\n", "")


async def test_help_names_every_command_but_our_own(teelog):
    """Help goes to stdout and leaves out what only we start."""
    code, out, err = await teelog("--help")

    assert "without a command: serve" in out.splitlines()[0]
    assert (code, err) == (0, "")
    names = {line.split()[0] for line in out.splitlines() if line.startswith("    ") and line[4:5].strip()}
    assert {"serve", "demo", "analytics", "check", "health", "status", "outbox", "export"} <= names
    assert "_recorder" not in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["serve", "--prot", "1"],
        ["check", "--once"],
        ["serve", "--por", "1"],
        ["demo", "--upstream", "http://127.0.0.1/v1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments, capsys):
    """What cannot be asked for is said on stderr; a flag is never guessed from its beginning."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.startswith("usage: teelog")
    assert "_recorder" not in err


NEAREST = {
    "a command": (["chek"], "check"),
    "a flag": (["serve", "--prot", "1"], "--port"),
    "a flag with its value": (["serve", "--upstraem=http://x/v1"], "--upstream"),
    "a flag of a verb": (["outbox", "list", "--josn"], "--json"),
    "a verb": (["outbox", "rtry"], "retry"),
    "a choice": (["export", "--format", "jsnl"], "jsonl"),
}


@pytest.mark.parametrize("name", NEAREST)
def test_wrong_usage_names_what_was_probably_meant(name, capsys):
    """A command, flag, verb or choice that there is not is told together with the nearest that there is."""
    arguments, meant = NEAREST[name]
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"; the nearest known one is {meant}\n")


@pytest.mark.parametrize("command", [[], ["serve"], ["demo"], ["demo", "--once"], ["check"]], ids=" ".join)
async def test_every_fault_of_the_configuration_is_on_a_line_of_its_own(teelog, tmp_path, command):
    """Every command that needs a configuration says all that is wrong with it, and ends with 2 having made nothing."""
    (tmp_path / "t.toml").write_text('[listen]\nprot = 1\n"a\\u001b[2J" = 2\n')

    code, out, err = await teelog(*command, "--config", "t.toml", "--port", "x", TEELOG_LOG__LEVEL="loud")

    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "teelog: listen.prot: unknown (file t.toml); the nearest known one is listen.port",
        "teelog: listen.a\\x1b[2J: unknown (file t.toml); config.example.toml has all of them",
        'teelog: listen.port: found "x" (flag --port); allowed: a whole number from 0 to 65535',
        'teelog: log.level: found "loud" (environment TEELOG_LOG__LEVEL); allowed: "debug" | "info" | "warning" | "error"',
    ]
    assert [one.name for one in tmp_path.iterdir()] == ["t.toml"]


async def test_check_shows_values_on_stdout_and_ends_with_0(teelog, aiohttp_raw_server):
    """When all is well, stdout holds the values, where they came from and what answered, and stderr nothing."""

    async def upstream(_request):
        return web.Response()

    url = (await aiohttp_raw_server(upstream)).make_url("/v1")

    code, out, err = await teelog("check", "--upstream", str(url), TEELOG_LISTEN__ADMIN_KEY="planted", **ANY_PORTS)

    assert (code, err) == (0, "")
    assert f'upstream.base_url = "{url}"' in out
    assert "# flag --upstream" in out
    assert f"ok: upstream: {url} is reachable" in out
    assert "planted" not in out


async def test_check_names_every_fault_and_ends_with_2(teelog, tmp_path, unused_tcp_port):
    """What cannot be reached is named on stderr, all at once; the values stand on stdout all the same."""
    gone = f"http://127.0.0.1:{unused_tcp_port}"
    (tmp_path / "file").touch()

    code, out, err = await teelog(
        "check", "--upstream", gone, "--data-dir", "file/data", TEELOG_DELIVERY__URL=gone, INKEEP_API_KEY="planted",
        **ANY_PORTS,
    )  # fmt: skip

    assert code == 2
    assert [line.split(": ")[1] for line in err.splitlines()] == ["data_dir", "upstream.base_url", "delivery.url"]
    assert 'data_dir = "file/data"' in out
    assert "planted" not in out + err


@pytest.mark.parametrize("command", ["serve", "demo", "check"])
async def test_another_owner_of_our_import_package_stops_the_start(teelog, tmp_path, command):
    """Beside PyPI's proxy.py, whose package has the same name, the command says so and stops."""
    metadata = tmp_path / "site" / "proxy.py-2.4.10.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: proxy.py\nVersion: 2.4.10\n")
    (metadata / "top_level.txt").write_text("proxy\n")

    code, out, err = await teelog(command, PYTHONPATH=str(tmp_path / "site"))

    assert (code, out) == (2, "")
    assert err.startswith("teelog: proxy.py is installed here too")
    assert err.count("\n") == 1


async def test_the_python_parser_of_aiohttp_stops_the_start(teelog):
    """Without aiohttp's C parser nothing that strangers send is read."""
    code, out, err = await teelog("serve", AIOHTTP_NO_EXTENSIONS="1")

    assert (code, out) == (2, "")
    assert err.startswith("teelog: aiohttp runs without its C parser")
    assert err.count("\n") == 1

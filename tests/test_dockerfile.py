"""The Dockerfile, walked step by step in an empty folder: no engine, and so no claim that an image was built."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from proxy.config import Config
from tests.e2e.process import ROOT

IS_ROOT = os.geteuid() == 0
#: Whom the image runs as, where we may become anybody.
USER = {"user": 10001, "group": 10001, "extra_groups": []} if IS_ROOT else {}
#: How the machine's own package index is found; the image's build has its own.
PIP = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "HOME")) or k.lower().endswith("_proxy")}


def steps() -> list[tuple[str, str]]:
    """(instruction, its words) in order, comments left out and continued lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in text.splitlines() if line.strip()]


def one(instruction: str) -> str:
    """The words of an instruction that stands once."""
    (words,) = [words for name, words in steps() if name == instruction]
    return words


def base_python() -> Path:
    """A Python that the image's user can run too, and that can make environments."""
    for path in (Path(sys._base_executable).resolve(), Path("/usr/bin/python3")):
        try:
            tried = subprocess.run(
                [path, "-c", "import venv, ensurepip"], cwd="/", capture_output=True, check=False, **USER
            )
        except OSError:
            continue
        if not tried.returncode:
            return path
    pytest.skip("there is no Python for other users here")


class Walk:
    """The stages' file systems as one folder: what a stage is not given by the one before is taken away."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root
        self.environ: dict[str, str] = {}
        self.tools = root / "image" / "bin"
        self.tools.mkdir(parents=True)
        # what the base image has
        (self.tools / "python").symlink_to(base_python())

    def here(self, text: str) -> str:
        """Absolute paths of the image, below our folder; the system's own stay."""
        return re.sub(r"(?<![\w./$])/(src|opt|data)\b", rf"{self.root}/\1", text)

    def step(self, instruction: str, words: str) -> None:
        if instruction == "FROM":
            shutil.rmtree(self.root / "src", ignore_errors=True)
            self.folder, self.environ = self.root, {"PATH": f"{self.tools}:/usr/bin:/bin"}
        elif instruction == "WORKDIR":
            self.folder = Path(self.here(words))
            self.folder.mkdir(parents=True)
        elif instruction == "COPY" and words.startswith("--from="):
            # a virtual environment cannot be moved, so it must keep its place
            _, source, target = words.split()
            assert source == target
            assert Path(self.here(source)).is_dir()
        elif instruction == "COPY":
            *sources, target = words.split()
            for name in sources:
                self.copy(ROOT / name, self.folder / target / (name if target.endswith("./") else ""))
        elif instruction == "RUN":
            command = self.here(words) if IS_ROOT else self.here(re.sub(r" -[og] \d+", "", words))
            subprocess.run(["sh", "-ec", command], cwd=self.folder, env=PIP | self.environ, check=True, timeout=540)
        elif instruction == "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", self.here(words)):
                self.environ[name] = value.replace("$PATH", self.environ["PATH"])
        else:
            assert instruction in {
                "LABEL", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"
            }  # fmt: skip

    def copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)

    def started(self, command: list[str], **settings: str) -> subprocess.Popen:
        """A command as the image runs it: its environment and nothing else, its user where we may."""
        return subprocess.Popen(
            [shutil.which(command[0], path=self.environ["PATH"]), *command[1:]], cwd=self.root, stderr=subprocess.PIPE,
            stdout=subprocess.PIPE, env=self.environ | settings, text=True, **USER,
        )  # fmt: skip


@pytest.fixture
def walk():
    # not pytest's own folder, which other users may not enter
    with tempfile.TemporaryDirectory(prefix="teelog-image-") as folder:
        Path(folder).chmod(0o755)
        yield Walk(Path(folder))


def words_of(instruction: str) -> list[str]:
    return ast.literal_eval(one(instruction)[one(instruction).index("[") :])


def said(process: subprocess.Popen, word: str) -> str:
    """The first line of a process's stderr with this word."""
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f"it ended without saying {word}: {process.wait(10)}")


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.slow
def test_its_steps_give_a_teelog_that_starts_is_healthy_and_ends(walk):
    """In an empty folder the steps install a command that serves on every address, passes its check, and obeys its signal."""
    for instruction, words in steps():
        walk.step(instruction, words)
    data = Path(walk.here(one("VOLUME")))
    assert data == Path(walk.environ["TEELOG_DATA_DIR"])
    assert (data.stat().st_mode & 0o777, list(data.iterdir())) == (0o700, [])
    ports = {"TEELOG_LISTEN__PORT": free_port(), "TEELOG_ANALYTICS__PORT": "0", "TEELOG_LOG__FORMAT": "json"}
    check = words_of("HEALTHCHECK")

    def health() -> int:
        with walk.started(check, **ports) as asked:
            asked.communicate(timeout=20)
            return asked.returncode

    assert health() == 1
    with walk.started([*words_of("ENTRYPOINT"), *words_of("CMD")], **ports) as served:
        try:
            said(served, '"teelog.ready"')
            # all of 127/8 is this machine, and only a listener on every address is at its second one too
            socket.create_connection(("127.0.0.2", int(ports["TEELOG_LISTEN__PORT"])), 5).close()
            assert health() == 0
            assert (data / "analytics.key").stat().st_mode & 0o777 == 0o600
            served.send_signal(signal.Signals[one("STOPSIGNAL")])
            said(served, '"teelog.stopped"')
            assert served.wait(20) == 0
            assert health() == 1
        finally:
            served.kill()


def test_it_is_cheap_to_ask_for_health():
    """The health check runs every few seconds, and so loads no server, no database and no templates."""
    script = (
        "import sys; from proxy.cli import main; code = main(['health', '--port', '1'])\n"
        "print(code, sorted({name.split('.')[0] for name in sys.modules} & {'aiohttp', 'sqlite3', 'jinja2'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout == "1 []\n"


def test_it_copies_all_that_the_build_needs():
    """README, licence and package are copied before pip runs; without the licence the build would pass, and lack it."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = build["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {
        "pyproject.toml",
        build["project"]["readme"],
        *(one for one in build["project"]["license-files"] if one.partition("/")[0] not in packages),
        *packages,
    }
    before = [words.split() for name, words in steps() if name == "COPY" and not words.startswith("--from")]

    assert {word.rstrip("/") for words in before for word in words[:-1]} == needed


def test_what_it_names_is_what_the_configuration_says():
    """The port, the address, the folder and the user are what a container needs, and the commands need no shell."""
    (environ,) = [words for name, words in steps() if name == "ENV"]
    settings = dict(re.findall(r"(\w+)=(\S+)", environ))
    stages = [words for name, words in steps() if name == "FROM"]

    assert one("EXPOSE") == str(Config().listen.port)
    assert settings["TEELOG_LISTEN__HOST"] == "0.0.0.0"
    assert settings["TEELOG_DATA_DIR"] == one("VOLUME") == "/data"
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", one("USER"))
    assert f"-o {one('USER').split(':')[0]} " in [words for name, words in steps() if name == "RUN"][-1]
    assert one("STOPSIGNAL") == "SIGTERM"
    assert words_of("HEALTHCHECK") == ["teelog", "health"]
    assert [words.endswith(" AS build") for words in stages] == [True, False]
    assert all("-slim" in words for words in stages)

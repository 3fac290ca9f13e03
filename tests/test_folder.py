"""The data folder: made, locked, and its secrets."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest
import structlog

from proxy.errors import StartError
from proxy.folder import Folder
from tests.e2e.process import ROOT
from tests.journal.journals import files_limited


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def never(_seconds: float) -> None:
    raise AssertionError("nothing is to be waited for")


def test_it_is_made_for_its_owner_alone(tmp_path):
    """The folder and what lies in it are readable by their owner only, whatever the umask."""
    before = os.umask(0)
    try:
        folder = Folder(tmp_path / "deep" / "data")
        folder.secret()
        folder.analytics_key()
        os.close(folder.lock("teelog", never))
    finally:
        os.umask(before)

    assert [mode(path) for path in (folder.path, folder.journal)] == [0o700, 0o700]
    assert {path.name: mode(path) for path in folder.path.iterdir() if path.is_file()} == {
        "secret": 0o600, "analytics.key": 0o600, "teelog.lock": 0o600,
    }  # fmt: skip


def test_its_secrets_stay(tmp_path):
    """The secret and the key are made once and are the same ever after; a key says whether it is new."""
    first, second = Folder(tmp_path), Folder(tmp_path)

    assert first.secret() == second.secret()
    assert len(first.secret()) == 32
    key, fresh = first.analytics_key()
    assert fresh
    assert second.analytics_key() == (key, False)
    assert Folder(tmp_path / "other").analytics_key()[0] != key


def test_an_empty_secret_is_made_anew(tmp_path):
    """A file that was cut to nothing by a crash does not become an empty key."""
    (tmp_path / "analytics.key").touch()

    assert Folder(tmp_path).analytics_key()[1]


@pytest.mark.parametrize("content", [b"no hex at all", b"\xff\xfe"], ids=["text", "bytes"])
def test_a_damaged_secret_is_set_aside(tmp_path, content):
    """A secret that cannot be read makes room for a new one, and is kept: teelog starts."""
    (tmp_path / "secret").write_bytes(content)
    secret = Folder(tmp_path).secret()

    assert len(secret) == 32
    assert Folder(tmp_path).secret() == secret
    [aside] = tmp_path.glob("secret.*.damaged")
    assert aside.read_bytes() == content


def test_a_full_disk_is_no_reason_not_to_start(tmp_path, monkeypatch):
    """A secret for which there is no room is used all the same, and kept as soon as there is."""
    monkeypatch.setattr("proxy.folder.KEEP_SECONDS", 0.01)
    folder = Folder(tmp_path)
    with structlog.testing.capture_logs() as logged, files_limited(0):
        secret = folder.secret()
    assert [line["event"] for line in logged] == ["folder.not_kept"]
    [keeping] = [one for one in threading.enumerate() if one.name == "keep secret"]
    keeping.join(10)

    assert Folder(tmp_path).secret() == secret


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_disk_without_inodes_is_no_reason_not_to_start(tmp_path):
    """Where no file can be made any more, a folder that was used before is used again; one that was not cannot be made."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=8", "tmpfs", tmp_path]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        os.close(Folder(tmp_path / "data").lock("teelog", never))
        with pytest.raises(OSError, match="No space left"):
            for number in range(8):
                (tmp_path / str(number)).touch()
        os.close(Folder(tmp_path / "data").lock("teelog", never))
        with pytest.raises(StartError, match="No space left"):
            Folder(tmp_path / "other")
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.mark.parametrize("name", ["teelog.lock", "secret", "analytics.key"])
def test_a_folder_where_a_file_belongs(tmp_path, name):
    """What is no file is set aside, whatever it holds."""
    (tmp_path / name / "within").mkdir(parents=True)
    folder = Folder(tmp_path)
    os.close(folder.lock("teelog", never))
    folder.secret()
    folder.analytics_key()

    [aside] = tmp_path.glob(f"{name}.*.damaged")
    assert (aside / "within").is_dir()


def test_a_second_owner_waits_then_gives_up(tmp_path):
    """While another has the lock it is tried again for a while; then the start ends and says whose the folder is."""
    waits: list[float] = []
    folder = Folder(tmp_path)
    held = folder.lock("teelog", never)
    with pytest.raises(StartError, match="belongs to a running teelog"):
        folder.lock("teelog", waits.append, patience=30)

    assert sum(waits) == pytest.approx(30)
    os.close(held)
    os.close(folder.lock("teelog", never))


def test_a_killed_owner_leaves_no_lock(tmp_path):
    """A process that is killed gives its lock up with its life."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; from proxy.folder import Folder;"
        f"Folder(Path({str(tmp_path)!r})).lock('teelog', None); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"locked\n"
        owner.kill()
        owner.wait()
        owner.stdin.close()

    os.close(Folder(tmp_path).lock("teelog", never))


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    """A path that cannot be a folder ends the start with the key and what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StartError, match=r"data_dir .*file/data cannot be written .*--data-dir"):
        Folder(tmp_path / "file" / "data")

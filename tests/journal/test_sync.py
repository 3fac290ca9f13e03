"""The sync thread: what is appended reaches the disk, and a disk that refuses is remembered."""

import os

import pytest

from proxy.journal.sync import Syncer, sync_folder


@pytest.fixture
def file(tmp_path):
    """A file descriptor that is the syncer's to close."""
    return os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT, 0o600)


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_retired(tmp_path, file):
    """A retired file is closed; one that was touched only is not. At the end nothing is waited for."""
    syncer = Syncer(tmp_path)
    other = os.dup(file)
    syncer.touched(other)
    syncer.retire(file)
    syncer.close()

    assert not is_open(file)
    assert is_open(other)
    assert syncer.failures == 0
    os.close(other)


def test_failure(tmp_path, file):
    """A disk that cannot sync is counted, and the thread goes on."""
    syncer = Syncer(tmp_path)
    reading, writing = os.pipe()
    named = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY)
    syncer.retire(named)
    syncer.retire(file)
    syncer.close()
    os.close(reading)
    os.close(writing)

    assert syncer.failures == 1
    assert not is_open(file)


def test_removed(tmp_path, file):
    """A file that was removed already is closed without asking anything of the disk."""
    (tmp_path / "file").unlink()
    syncer = Syncer(tmp_path / "gone")
    syncer.retire(file)
    syncer.close()

    assert syncer.failures == 0
    assert not is_open(file)


def test_folder(tmp_path):
    """A folder can be synced; one that is gone is an error."""
    sync_folder(tmp_path)

    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")

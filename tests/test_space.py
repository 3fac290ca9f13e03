"""How full the disk is, and the ballast that is let go when it is; the disk is a small one that root has mounted."""

import os
import subprocess

import pytest
import structlog

from proxy.space import LARGEST_PART, Ballast, fullness, reserve_of

MIB = 1024**2


@pytest.fixture
def disk(tmp_path):
    if os.geteuid():
        pytest.skip("needs a disk of its own, which only root can mount")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def fill(disk, left):
    """Leave so many bytes free."""
    found = os.statvfs(disk)
    size = found.f_bavail * found.f_frsize - left
    with (disk / "filler").open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), size)


def test_the_reserve_fits_the_disk(disk, tmp_path_factory):
    """It is what was asked for, but no more than a part of a small disk."""
    assert reserve_of(disk, 64 * MIB) == 20 * MIB // LARGEST_PART
    assert reserve_of(disk, 1000) == 1000
    assert reserve_of(disk / "none", 1000) == 1000


def test_how_full_it_is(disk):
    """There is room, then nearly none, then none; a disk that cannot be asked is unknown."""
    said = [fullness(disk, MIB)]
    for left in (2 * MIB - 8192, MIB - 8192, 0):
        fill(disk, left)
        said.append(fullness(disk, MIB))

    assert said == ["", "nearly", "full", "full"]
    assert fullness(disk / "none", MIB) == "unknown"


def test_the_ballast_goes_and_comes(disk):
    """It lies there while there is room, goes when the disk is full, and comes again; one line is said of each."""
    ballast = Ballast(disk, MIB)
    with structlog.testing.capture_logs() as lines:
        ballast.look()
        assert (disk / "ballast").stat().st_size == MIB
        assert ballast.reason() == ""
        fill(disk, 0)
        for _ in range(3):
            ballast.look()
        assert not (disk / "ballast").exists()
        assert "full" in ballast.reason()
        (disk / "more").write_bytes(bytes(MIB // 2))  # what the ballast was for
        (disk / "filler").unlink()
        for _ in range(3):
            ballast.look()

    assert (disk / "ballast").exists()
    assert ballast.reason() == ""
    assert [line["event"] for line in lines] == ["disk.full", "disk.has_room"]


def test_a_disk_that_starts_full(disk):
    """Without room for a ballast there is none, and nothing is said against recording until the rest is gone too."""
    fill(disk, 2 * MIB)
    ballast = Ballast(disk, MIB)
    ballast.look()
    assert not (disk / "ballast").exists()
    assert ballast.reason() == ""
    fill(disk, 1000)
    ballast.look()
    assert "full" in ballast.reason()

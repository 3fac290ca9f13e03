"""The loss ledger on disk: it counts on over restarts, and neither a full disk nor a crash takes it."""

import pytest

from proxy.ledger_file import SLOT_BYTES, LedgerFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger"


def test_it_counts_on(path):
    """What runs have lost adds up, by reason."""
    first = LedgerFile(path)
    first.keep({"disk_full": 2})
    first.keep({"disk_full": 3, "too_large": 1})
    second = LedgerFile(path)
    second.keep({"disk_full": 4})

    assert second.before == {"disk_full": 3, "too_large": 1}
    assert LedgerFile(path).before == {"disk_full": 7, "too_large": 1}


def test_it_never_grows(path):
    """The file has its size from the beginning, so that a full disk has room for it."""
    ledger = LedgerFile(path)
    size = path.stat().st_size
    for count in range(1, 50):
        ledger.keep({"disk_full": count})

    assert path.stat().st_size == size == 2 * SLOT_BYTES


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_slot(path, slot):
    """A slot that a crash has torn leaves the count before it."""
    ledger = LedgerFile(path)
    for count in range(1, 5):
        ledger.keep({"disk_full": count})
    data = bytearray(path.read_bytes())
    data[slot * SLOT_BYTES + 10] ^= 0xFF
    path.write_bytes(data)

    assert LedgerFile(path).before["disk_full"] in (3, 4)


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * SLOT_BYTES, b"\xff" * 3 * SLOT_BYTES])
def test_a_damaged_file(path, content):
    """A file of which nothing can be read counts from nothing."""
    path.write_bytes(content)
    ledger = LedgerFile(path)
    ledger.keep({"disk_full": 1})

    assert ledger.before == {}
    assert LedgerFile(path).before == {"disk_full": 1}


def test_a_folder_that_is_gone(tmp_path):
    """What cannot be written now is written with the next count."""
    ledger = LedgerFile(tmp_path / "later" / "ledger")
    ledger.keep({"disk_full": 1})
    assert not ledger.has({"disk_full": 1})
    (tmp_path / "later").mkdir()
    ledger.keep({"disk_full": 1})

    assert ledger.has({"disk_full": 1})
    assert LedgerFile(tmp_path / "later" / "ledger").before == {"disk_full": 1}

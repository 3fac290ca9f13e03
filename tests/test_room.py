"""What is left on the disk, and how long it lasts."""

from proxy.room import Room


def test_what_lies_there_and_how_long_it_lasts(tmp_path):
    """Files are weighed in folders below too; what grows lasts as long as the disk has room."""
    room = Room(tmp_path)
    room.look(0.0)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "1.log").write_bytes(b"x" * 40_000)
    (tmp_path / "teelog.db").write_bytes(b"x" * 60_000)
    room.look(100.0)

    told = room.told()
    assert (told["bytes"], told["growth_bytes_per_second"]) == (100_000, 1000.0)
    assert told["lasts_seconds"] == round(told["free_bytes"] / 1000)
    assert told["lasts"].endswith(" at the present rate")


def test_what_does_not_grow_has_no_end(tmp_path):
    """While nothing grows nothing is said of an end."""
    room = Room(tmp_path)
    room.look(0.0)
    room.look(100.0)

    assert (room.told()["lasts"], room.told()["lasts_seconds"]) == (None, None)


def test_a_folder_that_is_gone(tmp_path):
    """What cannot be seen is unknown, and no error."""
    room = Room(tmp_path / "gone")
    room.look(0.0)

    told = room.told()
    assert (told["bytes"], told["free_bytes"], told["lasts"]) == (0, None, None)

"""What was not recorded lately, and that it is said once when it begins and once when it ends."""

import structlog

from proxy.health import LATELY_SECONDS
from proxy.ledger import CALM_SECONDS, LINE_SECONDS, Ledger


def spells(lines):
    """The lines of beginnings and ends."""
    return [line for line in lines if line["event"].startswith("journal.")]


def test_a_loss_counts_for_a_while():
    """A loss is a recent one for a quarter of an hour, however often somebody looks."""
    ledger = Ledger()
    ledger.look({}, 0, 0.0)
    ledger.look({"disk_full": 2}, 0, 10.0)
    ledger.look({"disk_full": 3}, 0, 11.0)
    ledger.look({"disk_full": 3}, 0, 12.0)

    assert ledger.lately(12.0) == {"disk_full": 3}
    assert ledger.lately(10.0 + LATELY_SECONDS - 30) == {"disk_full": 3}
    assert ledger.lately(11.0 + LATELY_SECONDS + 15) == {}


def test_reasons_are_counted_apart():
    """An old loss of one reason does not stay for a new one of another."""
    ledger = Ledger()
    ledger.look({"disk_full": 2}, 0, 0.0)
    ledger.look({"disk_full": 2, "too_large": 1}, 0, LATELY_SECONDS)

    assert ledger.lately(LATELY_SECONDS + 15) == {"too_large": 1}


def test_one_line_when_it_begins_and_one_when_it_ends():
    """A spell of losses is two lines, with all that was lost in the second, however long it was."""
    ledger, said = Ledger(), []
    with structlog.testing.capture_logs() as all_lines:
        for second in range(100):
            ledger.look({"disk_full": second}, 5, float(second))
            said.append(len(spells(all_lines)))
        ledger.look({"disk_full": 99}, 6, 99.0 + CALM_SECONDS - 1)
        before = len(spells(all_lines))
        ledger.look({"disk_full": 99}, 6, 99.0 + CALM_SECONDS)
        ledger.look({"disk_full": 99}, 7, 300.0)

    lines = spells(all_lines)
    assert (said[0], said[1], said[-1], before) == (0, 1, 1, 1)
    assert [line["event"] for line in lines] == ["journal.loses", "journal.goes_on"]
    assert lines[1]["lost"] == {"disk_full": 99}


def test_silence_is_no_recovery():
    """While nobody talks, nothing shows that the journal takes exchanges again, and nothing is said."""
    ledger = Ledger()
    with structlog.testing.capture_logs() as lines:
        ledger.look({"disk_full": 1}, 5, 0.0)
        ledger.look({"disk_full": 1}, 5, 1000.0)

    assert [line["event"] for line in spells(lines)] == ["journal.loses"]


def test_a_second_spell_is_told_too():
    """What fails again is told again."""
    ledger = Ledger()
    with structlog.testing.capture_logs() as lines:
        ledger.look({"disk_full": 1}, 0, 0.0)
        ledger.look({"disk_full": 1}, 1, CALM_SECONDS)
        ledger.look({"disk_full": 2}, 1, 60.0)

    assert [line["event"] for line in spells(lines)] == ["journal.loses", "journal.goes_on", "journal.loses"]


def test_a_large_exchange_is_no_trouble_of_the_journal():
    """What is over the bound on single exchanges is counted and told, and is no spell."""
    ledger = Ledger()
    with structlog.testing.capture_logs() as lines:
        ledger.look({"too_large": 1}, 0, 0.0)

    assert ledger.lately(0.0) == {"too_large": 1}
    assert spells(lines) == []


def test_one_line_a_minute_for_each_reason():
    """A lost exchange is told at once with id, size and reason; further ones a minute later, together, with the newest."""
    ledger = Ledger()
    with structlog.testing.capture_logs() as lines:
        for second in range(int(LINE_SECONDS) + 1):
            newest = {"too_large": (f"x-{second}", 1000 + second)} | ({"disk_full": ("", 7)} if second >= 30 else {})
            ledger.look({"too_large": second + 1} | ({"disk_full": 1} if second >= 30 else {}), 0, second, newest)
        for second in range(100, 300):
            ledger.look({"too_large": 61, "disk_full": 1}, 0, second, newest)

    told = [line for line in lines if line["event"] == "exchange.lost"]
    assert [(line["log_level"], line["reason"], line["count"], line["newest"], line["bytes"]) for line in told] == [
        ("warning", "too_large", 1, "x-0", 1000),
        ("warning", "disk_full", 1, None, 7),
        ("warning", "too_large", 60, "x-60", 1060),
    ]

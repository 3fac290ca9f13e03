"""What `teelog outbox` says to a person."""

import pytest

from proxy.outbox_lines import sentence, summary, table, told_whole

NOW = 1_700_000_000_000
LINE = {
    "id": "chat-1", "kind": "conversation", "state": "ready", "sink": "analytics", "tries": 3,
    "since": "2023-11-14T20:13:20.000Z", "due": "2023-11-14T22:14:20.000Z", "last_error": "503", "dead_reason": None,
    "bytes": 12_345,
}  # fmt: skip


def cells(**changes):
    _, line = table([LINE | changes], NOW)
    return line.split()


def test_a_line_in_words():
    """Times are spans, sizes have a unit."""
    assert cells() == ["chat-1", "conversation", "ready", "3", "2", "h", "in", "60", "s", "12", "KB", "503"]


CELLS = {
    "due": ({"due": "2023-11-14T22:13:19.000Z"}, "now"),
    "never due": ({"due": None}, "-"),
    "reason first": ({"dead_reason": "refused", "last_error": "400"}, "refused: 400"),
    "escaped": ({"last_error": "a\nb\x1b[2J"}, "a\\nb\\x1b[2J"),
    "cut": ({"last_error": "x" * 1000}, "x" * 159 + "…"),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells(name):
    """What strangers wrote stays one cell of one line."""
    changes, expected = CELLS[name]
    (_, line) = table([LINE | changes], NOW)

    assert expected in line
    assert line.count("\n") == 1


def test_nothing_has_no_headings():
    """A list of nothing has no table."""
    assert list(table([], NOW)) == []


SUMS = {
    "nothing": ({"matched": 0, "shown": 0, "by_state": {}}, "nothing matches"),
    "all shown": ({"matched": 2, "shown": 2, "by_state": {"dead": 2}}, "2 in all: 2 dead"),
    "cut": (
        {"matched": 5012, "shown": 50, "by_state": {"ready": 5000, "dead": 12}},
        "5,012 in all: 5,000 ready, 12 dead; 50 shown, --limit shows more",
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums(name):
    """The last line says how many there are, and of what."""
    done, said = SUMS[name]

    assert summary(done) == said


SENTENCES = {
    "nothing": ("drop", {"matched": 0}, "nothing matches"),
    "dropped": ("drop", {"matched": 3, "dropped": 3, "left": 0}, "3 dropped"),
    "left": ("drop", {"matched": 3, "dropped": 2, "left": 1}, "2 dropped; 1 are being sent now and were left"),
    "retried": ("retry", {"matched": 3, "retried": 3, "recorded": 0, "failed_again": 0}, "3 due now"),
    "read again": (
        "retry",
        {"matched": 3, "retried": 0, "recorded": 2, "failed_again": 1},
        "0 due now; 2 records read and recorded, 1 failed again",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences(name):
    """`retry` and `drop` say what they did."""
    verb, done, said = SENTENCES[name]

    assert sentence(verb, done) == said


def test_all_of_one():
    """Fields come a line each, what is long indented below, and nothing steers the terminal."""
    shown = told_whole(LINE | {"request": "one\ntwo\x1b[2J", "body": {"id": "chat-1"}})

    assert "id: chat-1\n" in shown
    assert "dead_reason" not in shown
    assert "request:\n  one\n  two\\x1b[2J" in shown
    assert 'body:\n  {\n    "id": "chat-1"\n  }' in shown

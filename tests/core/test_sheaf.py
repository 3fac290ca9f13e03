"""Tallies out of a sheaf, held against those of its sessions one by one."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.sheaf import packed, row_of, unpacked
from proxy.core.tally import COUNTS, Tally, letter_of, times_of

START = 1_763_337_600_000
#: Few times, such as are there twice in a session, or any of the more than 255 that there are.
TIMES = st.one_of(
    st.lists(st.sampled_from([3, 120, 4500]), max_size=5), st.lists(st.integers(0, 10**9 - 1), max_size=40)
)
LETTERS = TIMES.map(lambda times: "".join(map(letter_of, times)))
MOMENTS = st.integers(0, 600_000_000)
SESSIONS = st.lists(
    st.tuples(
        *(MOMENTS, st.integers(0, 1), st.sampled_from("mn"), st.sampled_from(["", "chat"])),
        *(st.sampled_from([None, 1, 2, 2**40]), LETTERS, LETTERS),
        *[st.integers(0, 3)] * (len(COUNTS) - 2),
        st.integers(0, 10**12),
    ),
    min_size=1,
    max_size=25,
)


def added_up(rows):
    tally = Tally()
    for row in rows:
        people = {row.person} - {None}
        tally.add(Tally(1, *row.counts, times_of(row.first), times_of(row.whole), people))
    return tally


@given(SESSIONS, st.data())
def test_any_sessions_add_up(sessions, data):
    """Whichever of a sheaf's sessions are meant, by their numbers, their marks and when they began, their tally is theirs."""
    rows = [row_of(number, START + began, *told) for number, (began, *told) in enumerate(sessions)]
    numbers = data.draw(st.one_of(st.just(set(range(len(rows)))), st.sets(st.integers(0, len(rows)))))
    since, until = data.draw(st.one_of(st.just((0, 10**9)), st.tuples(MOMENTS, MOMENTS).map(sorted)))
    sheaf = unpacked(packed(rows, START))
    meant = sheaf.among(numbers)

    for stretch in sheaf.stretches:
        told = sheaf.tally(*sheaf.within(stretch, since, until), meant)
        expected = added_up(
            row
            for row in rows
            if row.marks == stretch.marks and row.number in numbers and since <= row.began - START < until
        )
        assert (told or Tally()) == expected
        assert {stretch.mark("model"), stretch.mark("endpoint")} == {*stretch.marks[1:]}
    assert sum(one.end - one.first for one in sheaf.stretches) == len(rows)


def test_more_times_than_bytes():
    """A sheaf with more different times than there are bytes tells all of them."""
    times = [first * 10**tens for tens in range(6) for first in range(10, 100)]
    rows = [row_of(n, START, 0, "m", "", None, letter_of(time), "", *COUNTS[1:]) for n, time in enumerate(times)]
    rows = [row._replace(counts=(0,) * len(row.counts)) for row in rows]
    sheaf = unpacked(packed(rows, START))
    (stretch,) = sheaf.stretches

    for meant in (set(range(10)), set(range(20, len(times)))):
        told = sheaf.tally(stretch.first, stretch.end, sheaf.among(meant))
        assert told.first == times_of("".join(letter_of(times[one]) for one in meant))

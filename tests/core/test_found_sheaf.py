"""What is found of some of a sheaf's sessions, held against what is counted of those alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.findings import DISLIKED
from proxy.core.found_sheaf import Seen, packed, unpacked

START = 1_763_337_600_000
SESSIONS = st.lists(
    st.builds(
        Seen,
        number=st.just(0),
        began=st.integers(0, 600_000_000),
        side=st.integers(0, 1),
        question=st.one_of(st.just(0), st.integers(1, 9), st.integers(1, 2**63 - 1)),
        again=st.integers(0, 3),
        marks=st.integers(0, 7),
        pages=st.lists(st.integers(1, 5), max_size=3, unique=True),
        failures=st.lists(st.sampled_from(["refused", "interrupted:ä"]), max_size=3),
        reasons=st.lists(st.sampled_from(["", "inaccurate"]), max_size=3),
    ),
    min_size=1,
    max_size=25,
)


def pairs(things):
    """How often each is there, and with how many."""
    times, having = Counter(one for some in things for one in some), Counter(one for some in things for one in {*some})
    return {name: [times[name], having[name]] for name in times}


@given(SESSIONS, st.data(), st.booleans())
def test_what_is_found_of_any(sessions, data, with_side):
    """Whichever sessions are meant, by their numbers and by when they began, what is found is theirs, in their order."""
    sessions = sorted(sessions, key=lambda one: one.began)
    sessions = [one if one.marks & DISLIKED else one._replace(reasons=[]) for one in sessions]
    rows = [one._replace(number=place + 7, began=START + one.began) for place, one in enumerate(sessions)]
    numbers = data.draw(st.one_of(st.just({row.number for row in rows}), st.sets(st.integers(0, 40))))
    since, until = data.draw(st.one_of(st.just((-5, 10**9)), st.tuples(*[st.integers(0, 10**9)] * 2).map(sorted)))

    found = unpacked(packed(rows, START)).findings(numbers, since, until, with_side=with_side)

    meant = [row for row in rows if row.number in numbers and since <= row.began - START < until]
    meant = [row for row in meant if with_side or not row.side]
    assert [*found.questions] == [row.question for row in meant]
    assert [*found.numbers] == [row.number for row in meant]
    assert [*found.again] == [row.again for row in meant]
    assert [*found.marks] == [row.marks for row in meant]
    told = {page: [cited, down] for page, cited, down in zip(found.pages, found.cited, found.disliked, strict=True)}
    disliked = Counter(page for row in meant if row.marks & DISLIKED for page in row.pages)
    cited = Counter(page for row in meant for page in row.pages)
    assert told == {page: [cited[page], disliked[page]] for page in cited}
    assert found.failures == pairs([row.failures for row in meant])
    assert found.reasons == pairs([row.reasons for row in meant])


def test_more_pages_than_letters_of_a_plane():
    """A sheaf tells its pages however many there are, beyond the halves of pairs, which are no letters."""
    rows = [Seen(place, START, 0, 1, 0, 0, range(50 * place, 50 * place + 50)) for place in range(1200)]

    found = unpacked(packed(rows, START)).findings({3, 1199}, 0, 1, with_side=False)

    assert sorted(found.pages) == [*range(150, 200), *range(50 * 1199, 50 * 1200)]

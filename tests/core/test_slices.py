"""Columns bit by bit, held against the numbers themselves."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.slices import OTHERS, Bundle, Column, Reading, flags_of, mask_between, mask_of, spans_of

CHOSEN = st.lists(st.tuples(st.integers(-(2**40), 2**70), st.booleans()), max_size=40)


@given(CHOSEN)
def test_the_sum_of_any(chosen):
    """The sum of those that are meant is that of their numbers, whatever those are."""
    column = Column.of([number for number, _ in chosen])

    assert column.sum(mask_of(is_meant for _, is_meant in chosen)) == sum(number for number, meant in chosen if meant)


@given(st.lists(st.booleans(), min_size=1), st.data())
def test_masks_are_flags(flags, data):
    """A mask told as flags is those that it was made of; between two places are those that lie there."""
    first, end = sorted(data.draw(st.tuples(st.integers(0, len(flags)), st.integers(0, len(flags)))))

    assert list(flags_of(mask_of(flags), len(flags))) == flags
    assert [bool(one) for one in flags_of(mask_of(flags), len(flags)).translate(OTHERS)] == [not one for one in flags]
    assert [place for span in spans_of(bytes(flags)) for place in range(*span)] == [
        place for place, is_meant in enumerate(flags) if is_meant
    ]
    assert list(flags_of(mask_between(first, end), len(flags))) == [first <= place < end for place in range(len(flags))]


@given(
    st.lists(st.integers(0, 2**63), min_size=1, max_size=20),
    st.binary(max_size=20),
    st.lists(st.integers(0, 2**40), max_size=9),
)
def test_a_bundle_is_read_as_it_was_put(numbers, text, small):
    """What is put into a bundle comes out of it in the same order."""
    bundle = Bundle(len(numbers))
    bundle.put_numbers(small)
    bundle.put_column(Column.of(numbers))
    bundle.put_told({"a": [1]})
    bundle.put_text(text)
    bundle.put_numbers(numbers)
    reading = Reading(bundle.packed())

    assert [*reading.numbers()] == small
    assert reading.column() == Column.of(numbers)
    assert (reading.told(), reading.text()) == ({"a": [1]}, text)
    assert [*reading.numbers()] == numbers
    assert reading.sessions == len(numbers)

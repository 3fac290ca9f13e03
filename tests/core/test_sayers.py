"""Who says what, as it is kept."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.sayers import packed, sayers_of

NUMBERS = st.lists(st.integers(1, 2**31), min_size=1, max_size=30, unique=True)


@given(NUMBERS, st.dictionaries(st.sampled_from(["so", "ä", "why"]), st.frozensets(st.integers(1, 40))))
def test_who_says_a_word(numbers, sayers):
    """Those that say a word are told in the order in which they are kept; of a word that is not kept, nothing."""
    stored = packed(numbers, [*sayers], sayers.values())

    for word, them in sayers.items():
        assert sayers_of(stored, word) == [number for number in numbers if number in them]
    assert sayers_of(stored, "never") is None

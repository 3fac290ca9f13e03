"""What full-text search takes as words."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.db.tokens import common_tokens, tokens

TOKENIZER = "unicode61 remove_diacritics 2"
TEXTS = {
    "words": ("Two words", ["two", "words"]),
    "letters with marks": ("Größe café", ["große", "cafe"]),
    "what is no word": ("a-b, c.", ["a", "b", "c"]),
    "twice": ("so so", ["so", "so"]),
    "nothing": ("… !", []),
}


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
def test_tokens(text, words):
    """They come in the order of the text, as the index has them."""
    assert tokens(text, TOKENIZER) == words


@given(st.text(string.ascii_letters + string.digits, min_size=1))
def test_a_plain_word_is_one(word):
    """What has nothing but plain letters and digits is one word, as among others."""
    assert tokens(f"… {word}", TOKENIZER) == tokens(word, TOKENIZER)


@pytest.mark.parametrize(
    ("least", "most", "words"), [(2, 9, ["a", "b", "c"]), (3, 9, ["a", "b"]), (2, 1, ["a"]), (5, 9, [])]
)
def test_common_tokens(least, most, words):
    """Words are those that so many texts have, however often, the most frequent first."""
    assert common_tokens(["a b", "A, b c", "a; b", "a c c", "d d d"], TOKENIZER, least, most) == words

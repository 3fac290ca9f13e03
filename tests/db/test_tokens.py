"""What full-text search takes as words."""

import pytest

from proxy.db.tokens import tokens

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
    assert tokens(text, "unicode61 remove_diacritics 2") == words

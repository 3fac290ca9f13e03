"""What is looked for, and what is indexed."""

import pytest

from proxy.core.search_words import Words, read_words, spaced, spaced_text

ASKED = {
    "words": ("refund  my\torder", [Words("refund"), Words("my"), Words("order")]),
    "a phrase": ('"in full" refund', [Words("in full"), Words("refund")]),
    "a phrase without its end": ('say "in full', [Words("say"), Words("in full")]),
    "a beginning": ("refun*", [Words("refun", begins=True)]),
    "a star inside of a phrase": ('"refun*"', [Words("refun*")]),
    "operators are words": ("a OR NOT b", [Words("a"), Words("OR"), Words("NOT"), Words("b")]),
    "columns and brackets": ("text:x NEAR(y", [Words("text:x"), Words("NEAR(y")]),
    "a word twice": ("a a", [Words("a")]),
    "no letters": ('!!! "--" * ""', []),
    "control characters": ("a\x00b\x1fc", [Words("a"), Words("b"), Words("c")]),
    "han": ("退款", [Words("退  款")]),
    "thai begun": ("กา*", [Words("ก  า", begins=True)]),
    "emoji": ("🙂", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("asked", "found"), ASKED.values(), ids=ASKED)
def test_what_is_looked_for(asked, found):
    """Words, phrases and beginnings come out; quotes, operators and signs mean nothing."""
    assert list(read_words(asked)) == found
    assert not any('"' in one.text or "\0" in one.text for one in read_words(asked))


@pytest.mark.parametrize("text", ["plain", "Größe", "Привет мир", "x" * 100_000])
def test_spaced_scripts_stay_as_they_are(text):
    """Scripts with spaces are left to the engine."""
    assert spaced(text) == text


def test_letters_of_unspaced_scripts_stand_alone():
    """Each letter becomes a word, what is between stays."""
    assert spaced("我想refund。환불을").split() == ["我", "想", "refund。", "환", "불", "을"]


def test_a_damaged_text_is_taken():
    """Bytes that are no UTF-8 stop nothing, and no text stays none."""
    assert spaced_text(b"a\xffb") == "a\ufffdb"
    assert spaced_text(None) is None

"""Full-text search, as far as it is about text: what is indexed of a message, and what somebody looks for in it.

An engine's tokenizer takes a run of letters as a word, which finds nothing inside of scripts that are written without
spaces (or, as Korean, with particles joined to the word). There every letter is made a word of its own, on both sides,
so that `退款` is a phrase of two.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Thai, Lao, Myanmar, Khmer; kana, Bopomofo, Hangul; Han, with what is beyond the basic plane (Unicode's blocks).
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff"
    "\uaa60-\uaa7f\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff])"
)
#: A phrase in quotes (a last one may lack its end), or a word.
_ASKED = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Words:
    """Words that stand one after the other."""

    text: str
    #: The last of them may go on.
    begins: bool = False
    #: All that is said and begins so, where that is known.
    spelled: tuple[str, ...] = ()


def spaced(text: str) -> str:
    """A text with every letter of unspaced scripts standing alone."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def spaced_text(stored: bytes | None) -> str | None:
    """The same of a text as it is stored, for SQL; what a disk has damaged in it does not stop anything."""
    return None if stored is None else spaced(stored.decode("utf-8", "replace"))


def read_words(asked: str) -> tuple[Words, ...]:
    """What is looked for: words, `"phrases in quotes"` and `beginn*`; nothing else in it means anything."""
    found = []
    for phrase, word in _ASKED.findall("".join(" " if unicodedata.category(one) == "Cc" else one for one in asked)):
        text = spaced(phrase or word).strip()
        if any(unicodedata.category(one)[0] in "LN" for one in text):
            found.append(Words(text.rstrip("* ") if word else text, bool(word) and text.endswith("*")))
    return tuple(dict.fromkeys(found))

"""What people ask, so that the same question is the same, and one that is asked again in other words is seen. Pure.

Two questions are the same when their words are: without case, punctuation, spacing and a greeting before them. A question
is asked again when most words that mean something in the shorter of both are in the other too. That is all of it: no model,
and who reads the figures can tell why two belong together.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Letters of a question that count: who pastes a log asks before it.
LENGTH_LIMIT = 2000
#: Questions before one that it is held against.
LOOK_BACK = 20
#: Of the words of the shorter question, in both, and how many at the least.
_SHARE, _LEAST = 0.6, 2
_WORD = re.compile(r"\w+")
_GREETINGS = frozenset(["hi", "hello", "hey", "dear", "please", "good", "morning", "afternoon", "evening", "thanks"])
#: Words that stand in any English question.
_EMPTY = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "so",
        "if",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "about",
        "into",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "done",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
        "should",
        "may",
        "might",
        "must",
        "i",
        "me",
        "my",
        "we",
        "us",
        "our",
        "you",
        "your",
        "he",
        "she",
        "it",
        "its",
        "they",
        "them",
        "their",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "how",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "not",
        "no",
        "yes",
        "please",
        "tell",
        "show",
        "give",
        "get",
    ]
)


def normalised(text: str) -> str:
    """A question as its words."""
    words = _words(text)
    begin = 0
    while begin < len(words) - 1 and words[begin] in _GREETINGS:
        begin += 1
    return " ".join(words[begin:])


def digest_of(text: str) -> int:
    """A number (63 bits) that the same questions have, and no others; 0 for one without words."""
    words = normalised(text)
    if not words:
        return 0
    return int.from_bytes(hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


def times_again(questions: Sequence[str]) -> int:
    """How many of the questions of a conversation, in their order, were asked before in it, in these or other words."""
    heard: list[frozenset[str]] = []
    count = 0
    for question in questions:
        words = frozenset(_words(question)) - _EMPTY
        count += any(_is_again(words, earlier) for earlier in heard[-LOOK_BACK:])
        heard.append(words)
    return count


def _is_again(words: frozenset[str], earlier: frozenset[str]) -> bool:
    shared = len(words & earlier)
    return shared >= _LEAST and shared >= _SHARE * min(len(words), len(earlier))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text[:LENGTH_LIMIT]).casefold())

"""The words that SQLite's full-text search makes of texts: asked of itself, since nobody else folds letters quite as it does."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def tokens(text: str, tokenizer: str) -> list[str]:
    """The words of a text in their order, by the tokenizer of an index (its `tokenize` option)."""
    if text.isascii() and text.isalnum():  # a word, by every tokenizer; to ask takes half a millisecond
        return [text.lower()]
    with _index([text], tokenizer) as index:
        return [term for (term,) in index.execute("SELECT term FROM word ORDER BY offset")]


def common_tokens(texts: Iterable[str], tokenizer: str, least: int, most: int) -> list[str]:
    """The words that at least so many of some texts have, those of the most texts first, and at most so many words."""
    with _index(texts, tokenizer) as index:
        counted = "SELECT term FROM word_count WHERE doc >= ? ORDER BY doc DESC, term LIMIT ?"
        return [term for (term,) in index.execute(counted, (least, most))]


@contextmanager
def _index(texts: Iterable[str], tokenizer: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE said USING fts5 (text, content = '', tokenize = '{tokenizer}')")
        connection.execute("CREATE VIRTUAL TABLE word USING fts5vocab (said, 'instance')")
        connection.execute("CREATE VIRTUAL TABLE word_count USING fts5vocab (said, 'row')")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO said (text) VALUES (?)", ((text,) for text in texts))
        connection.execute("COMMIT")
        yield connection

"""The words that SQLite's full-text search makes of a text: asked of itself, since nobody else folds letters quite as it does."""

from __future__ import annotations

import sqlite3
from contextlib import closing


def tokens(text: str, tokenizer: str) -> list[str]:
    """The words of a text in their order, by the tokenizer of an index (its `tokenize` option)."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE said USING fts5 (text, content = '', tokenize = '{tokenizer}')")
        connection.execute("CREATE VIRTUAL TABLE word USING fts5vocab (said, 'instance')")
        connection.execute("INSERT INTO said (rowid, text) VALUES (1, ?)", (text,))
        return [term for (term,) in connection.execute("SELECT term FROM word ORDER BY offset")]

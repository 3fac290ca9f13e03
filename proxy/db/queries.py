"""SQL as text with names: one file of statements, each under a line that says its name and its purpose.

    -- name: insert_message — a message takes its place in its conversation
    INSERT INTO message (conversation, place) VALUES (:conversation, :place);

The text is read once at start; a file that breaks the form is a fault of ours and stops it with `ValueError`.
"""

from __future__ import annotations

import re

_HEADING = re.compile(r"^-- name:[ \t]*([a-z][a-z0-9_]*)[ \t]+—[ \t]+(\S.*)$", re.MULTILINE)
_ANY_HEADING = re.compile(r"^--\s*name:.*$", re.MULTILINE)


def load_queries(text: str) -> dict[str, str]:
    """
    Every statement of a file by its name.

    A statement keeps its name as a comment, so that it can be told in a trace; comments before the first heading are
    for the reader. `ValueError` names a heading without a purpose, a name that comes twice, a name without a statement.
    """
    headings = list(_HEADING.finditer(text))
    if len(headings) != len(_ANY_HEADING.findall(text)):
        well_formed = {heading.group() for heading in headings}
        bad = next(line for line in _ANY_HEADING.findall(text) if line not in well_formed)
        raise ValueError(f"not of the form '-- name: its_name — its purpose': {bad}")
    queries: dict[str, str] = {}
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        name = heading.group(1)
        statement = text[heading.end() : following.start() if following else len(text)].strip()
        if not statement:
            raise ValueError(f"the query {name} has no statement")
        if name in queries:
            raise ValueError(f"the query {name} stands twice")
        queries[name] = f"-- {name}\n{statement}"
    return queries

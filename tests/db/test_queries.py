"""SQL as text with names."""

import pytest

from proxy.db.queries import load_queries

TEXT = """\
-- What stands before the first heading is for the reader.

-- name: put_note — a note is kept
INSERT INTO note (text)
VALUES (:text);  -- with a remark

-- name: notes — every note, oldest first
SELECT text FROM note ORDER BY id
"""


def test_statements_by_name():
    """Each statement stands under its name, from its heading to the next."""
    queries = load_queries(TEXT)

    assert list(queries) == ["put_note", "notes"]
    assert "VALUES (:text);  -- with a remark" in queries["put_note"]
    assert queries["notes"].endswith("SELECT text FROM note ORDER BY id")


def test_a_statement_carries_its_name():
    """A statement begins with its name as a comment, so that it can be told in a trace."""
    assert load_queries(TEXT)["notes"].startswith("-- notes\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-- name: notes\nSELECT 1", id="no purpose"),
        pytest.param("-- name: Not A Name — purpose\nSELECT 1", id="not a name"),
        pytest.param("-- name: a — first\nSELECT 1\n-- name: a — second\nSELECT 2", id="twice"),
        pytest.param("-- name: a — first\n\n-- name: b — second\nSELECT 2", id="no statement"),
    ],
)
def test_bad_form_is_refused(text):
    """A file that breaks the form is refused at once."""
    with pytest.raises(ValueError):
        load_queries(text)

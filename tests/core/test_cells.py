"""Lines of CSV that a spreadsheet opens without running what is in them."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.cells import csv_lines, safe


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1), max_size=4))
def test_what_is_written_is_read(rows):
    """Whatever is in the cells, the rows that are read are those that were written."""
    assert list(csv.reader(io.StringIO(csv_lines(rows).decode(), newline=""))) == rows


@given(st.text())
def test_no_cell_begins_as_a_formula(text):
    """A cell is the text itself, or the text after an apostrophe where it would be run."""
    assert safe(text).removeprefix("'") == text.removeprefix("'")
    assert not safe(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))

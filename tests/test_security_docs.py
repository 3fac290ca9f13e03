"""What is said of security, and that what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
POLICY = (ROOT / ".github" / "SECURITY.md").read_text()
TABLE = README.partition("\n## Security\n")[2].partition("\n## ")[0]
NAMED = sorted(set(re.findall(r"`([a-z0-9]+(?:/test_\w+\.py)?)`", TABLE.partition("|---")[2])))


@pytest.mark.parametrize("name", NAMED)
def test_what_the_threat_table_names_is_there(name):
    """Every test that the table of threats names exists."""
    assert (ROOT / "tests" / name).exists()


def test_the_table_has_its_rows():
    """Each threat has an outcome and a test."""
    rows = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]

    assert len(rows) >= 10
    assert all(line.count("|") == 4 and "`" in line.split("|")[3] for line in rows)


@pytest.mark.parametrize("said", ["## Telling us", "## What is defended", "## What is not defended"])
def test_the_policy_has_its_parts(said):
    """The policy tells what is defended, what is not, and how to report; README points to it."""
    assert said in POLICY
    assert "(.github/SECURITY.md)" in TABLE

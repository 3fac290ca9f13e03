"""Operator's patterns are judged before they are used."""

import re

import pytest

from proxy.core.linear import linear


@pytest.mark.parametrize(
    "pattern",
    [
        r"EMP-\d{6}",
        r"EMP-\d+",
        r"(?i)project\s{1,5}(?:falcon|eagle)",
        r"\b[A-Z]{2}\d{6,9}\b",
        r"[A-Z]{1,20}-\d+",
        r"\w{1,63}\.corp\.example\.com",
        r"(?:\d{4}-){3}\d{4}",
        r"(?P<prefix>secret|confidential):.*",
        r"(?<![\w-])(?>[ab]{1,9}c?){1,9}d",
        r"[\w.]{1,64}+@[\w-]{1,63}+\.internal",
        r"(?s:x.{0,100}?y)(?=z)",
        r"ab??c*",
        r"^secret$",
        r"straße|[^\W\d_]{3}\Z",
    ],
)
def test_allowed(pattern):
    """A pattern whose attempts are bounded compiles to what `re` makes of it."""
    assert linear("name", pattern) == re.compile(pattern)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        pytest.param(r"(a+)+b", "without an upper end", id="nested"),
        pytest.param(r"(?:a{1,30}){1,30}b", "too many ways", id="nested, bounded"),
        pytest.param(r"(?:a|aa){1,30}b", "too many ways", id="overlapping branches"),
        pytest.param(r"(?:a?){1,30}a{30}", "too many ways", id="optional, repeated"),
        pytest.param(r"a+b", "without an upper end", id="square"),
        pytest.param(r".*secret", "without an upper end", id="square from the start"),
        pytest.param(r"a++b", "without an upper end", id="square, possessive"),
        pytest.param(r"x(?=.*y)", "without an upper end", id="looks far ahead"),
        pytest.param(r"\d+\b", "without an upper end", id="boundary behind it"),
        pytest.param(r"(?:\d+|x)y", "without an upper end", id="in a branch"),
        pytest.param(r"\d{1,99}\d{1,99}x", "too many ways", id="neighbours"),
        pytest.param(r"a{60000}b", "too many ways", id="long"),
        pytest.param(r"(a)\1", "back-references", id="back-reference"),
        pytest.param(r"(a)?(?(1)b|c)", "back-references", id="condition"),
        pytest.param(r"\d*", "nothing at all", id="matches nothing"),
        pytest.param(r"(?=x)", "nothing at all", id="only looks"),
        pytest.param(r"(a", "unterminated", id="no pattern"),
        pytest.param("(" * 5000 + "a" + ")" * 5000, "", id="too deep"),
        pytest.param("a{99999999999999999999}", "", id="too large"),
    ],
)
def test_refused(pattern, says):
    """A pattern that some text could make slow, or that is none, is refused by its name, with what is wrong."""
    with pytest.raises(ValueError, match=rf"privacy\.patterns\.mine: .*{says}"):
        linear("mine", pattern)

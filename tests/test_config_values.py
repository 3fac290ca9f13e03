"""Reading and showing values, by type."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from proxy.config_rules import Range
from proxy.config_values import Secret, is_secret, parse, read, show

Mode = Literal["a", "b"]
Port = Annotated[int, Range(0, 9)]

READ = [
    (8, Port, 8),
    (1, float, 1.0),
    (True, bool, True),
    ("a", Mode, "a"),
    ("x", str, "x"),
    ("", str | None, None),
    ("x", str | None, "x"),
    ("p/q", Path, Path("p/q")),
    (" k\n", Secret, Secret("k")),
    (["k", "l"], tuple[Secret, ...], (Secret("k"), Secret("l"))),
    ([], tuple[str, ...], ()),
    ({"n": "r"}, dict[str, str], {"n": "r"}),
]
REFUSED = [
    ("8", int, "a whole number"),
    (True, int, "a whole number"),
    (1.5, int, "a whole number"),
    (10, Port, "a whole number from 0 to 9"),
    ("x", Port, "a whole number from 0 to 9"),
    ("x", float, "a number"),
    (float("inf"), float, "a number"),
    (float("nan"), float, "a number"),
    (10**400, int, "a whole number"),
    (-(10**400), float, "a number"),
    (1, bool, "true or false"),
    ("c", Mode, '"a" | "b"'),
    (["a"], Mode, '"a" | "b"'),
    (3, str, "a string"),
    ("a\x00b", Path, "a string"),
    ("", Path, "a path"),
    ("", Secret, "a key of printable ASCII characters, not empty"),
    ("a\r\nx: y", Secret, "a key of printable ASCII characters, not empty"),
    ([""], tuple[Secret, ...], "a key of printable ASCII characters, not empty"),
    ("a", tuple[str, ...], "a list"),
    ({"n": 1}, dict[str, str], "a table of strings"),
]
PARSED = [
    ("8", int, 8),
    ("eight", int, "eight"),
    ("1.5", float, 1.5),
    ("yes", bool, True),
    ("OFF", bool, False),
    ("perhaps", bool, "perhaps"),
    ("a, b,", tuple[str, ...], ["a", "b"]),
    ('["a,b"]', tuple[str, ...], ["a,b"]),
    ("[a", tuple[str, ...], "[a"),
    ("", tuple[str, ...], []),
    ('{"n": "r"}', dict[str, str], {"n": "r"}),
    ("[1]", str, "[1]"),
    ("8", Annotated[int, Range(0, 9)] | None, 8),
]


@pytest.mark.parametrize(("raw", "wanted", "value"), READ, ids=repr)
def test_a_toml_value_is_read_by_type(raw, wanted, value):
    """A value of the right form becomes the typed one."""
    assert read(raw, wanted) == value


@pytest.mark.parametrize(("raw", "wanted", "allowed"), REFUSED, ids=repr)
def test_a_value_of_another_form_is_refused(raw, wanted, allowed):
    """Forms are strict, so that "8080" and true are no numbers; the refusal says what is allowed."""
    with pytest.raises(ValueError, match=".") as refused:
        read(raw, wanted)

    assert str(refused.value) == allowed


@pytest.mark.parametrize(("text", "wanted", "raw"), PARSED, ids=repr)
def test_text_takes_the_form_of_its_type(text, wanted, raw):
    """Text of the environment becomes what TOML would have given, or stays text for `read` to refuse."""
    assert parse(text, wanted) == raw


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (Secret("k"), "***"),
        ((Secret("k"), Secret("l")), "[***, ***]"),
        ("a\x1b[2Jb", '"a\\u001b[2Jb"'),
        ("x" * 500, f'"{"x" * 200}…"'),
        (Path("data"), '"data"'),
        (True, "true"),
        (60.0, "60.0"),
        ({"n": "(?:r)"}, '{n = "(?:r)"}'),
        ("https://u:hidden@h/p?k=hidden", '"https://***h/p?***"'),
        ("bücher", '"bücher"'),
    ],
    ids=repr,
)
def test_a_value_is_shown_on_one_line_without_secrets(value, shown):
    """What is shown looks like TOML, is escaped, is not long, and holds no credential of a URL."""
    assert show(value) == shown


@pytest.mark.parametrize(
    ("wanted", "secret"),
    [(Secret, True), (Secret | None, True), (tuple[Secret, ...], True), (Port, False), (Mode, False)],
)
def test_types_that_hold_secrets_are_known(wanted, secret):
    """A secret is told by its type, also inside a list."""
    assert is_secret(wanted) is secret

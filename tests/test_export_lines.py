"""A conversation as lines of a file."""

import csv
import io

import orjson
import pytest

from proxy.core.wire import emit_conversation
from proxy.export_lines import COLUMNS, csv_lines, heading, jsonl, safe

MESSAGE = {"id": "m", "role": "user", "content": "hi", "createdAt": 0, "updatedAt": 0}


def conversation(*messages, **fields):
    return emit_conversation(
        {"id": "c", "type": "openai", "createdAt": 0, "updatedAt": 0,
         "messages": [{**MESSAGE, "id": f"m{n}", **message} for n, message in enumerate(messages)], **fields}
    )  # fmt: skip


def rows(told):
    return list(csv.DictReader(io.StringIO((heading() + csv_lines(told)).decode(), newline="")))


def test_jsonl_is_the_answer_on_a_line():
    """A line is what the server answers, whatever breaks the texts have."""
    told = conversation({"content": "a\nb\u2028c"})

    line = jsonl(told)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert orjson.loads(line) == told


def test_csv_has_a_line_for_each_message():
    """Each message comes with its conversation's id and user, its place, and what was called."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    told = conversation(
        {"content": 'said "this",\nand that'},
        {"role": "assistant", "content": None, "tool_calls": [call], "properties": {"model": "m-1"}},
        userProperties={"userId": "ada"},
    )

    asked, answered = rows(told)
    assert tuple(asked) == COLUMNS
    assert (asked["conversationId"], asked["userId"], asked["place"]) == ("c", "ada", "0")
    assert asked["content"] == 'said "this",\nand that'
    assert (answered["role"], answered["content"], answered["model"]) == ("assistant", "", "m-1")
    assert orjson.loads(answered["toolCalls"]) == [call]
    assert answered["createdAt"] == "1970-01-01T00:00:00.000Z"


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_shown_as_text(text):
    """A cell that begins as a formula does gets a quote before it, whoever wrote it and wherever it stands."""
    told = conversation({"content": text, "name": text, "role": text}, id=text, userProperties={"userId": text})

    (row,) = rows(told)
    for column in ("conversationId", "userId", "content", "name", "role"):
        assert row[column] == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", " =1", "'=1", "{}", "1-1"])
def test_other_texts_stay(text):
    """What is no formula is left as it is."""
    assert safe(text) == text

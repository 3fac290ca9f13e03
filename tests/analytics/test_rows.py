"""Rows and records on paper: what lists show, and who gave feedback."""

import pytest

from proxy.analytics import rows


def conversation(*messages):
    return {"id": "c", "type": "openai", "createdAt": 1, "updatedAt": 1, "messages": list(messages)}


def said(content, role="user", **more):
    return {"id": "m", "role": role, "content": content, "createdAt": 5, "updatedAt": 5} | more


@pytest.mark.parametrize(
    ("messages", "question"),
    [
        pytest.param(
            [said("be kind", "system"), said(" what \n now? ")], "what now?", id="the first of a user, on one line"
        ),
        pytest.param([said("hello", "assistant")], "hello", id="no user"),
        pytest.param([said(None)], "", id="nothing"),
        pytest.param(
            [said([{"type": "image_url", "image_url": {"url": "u"}}, {"type": "text", "text": "this?"}])],
            "this?",
            id="text beside a picture",
        ),
        pytest.param([said("word " * 1000)], "word " * 59 + "word…", id="a long one is cut"),
    ],
)
def test_the_question(messages, question):
    """A conversation is shown by the beginning of what its user first said."""
    assert rows.conversation_row(conversation(*messages), None)["question"] == question


def test_what_lists_show():
    """The derived columns come from the messages."""
    messages = [
        said("a"),
        said("b", "assistant", createdAt=3, properties={"interrupted": "client"}),
        said("c"),
    ]

    row = rows.conversation_row(conversation(*messages), 7)

    assert (row["user_message_count"], row["first_message_time"], row["interrupted"], row["rev"]) == (2, 3, 1, 7)
    assert rows.conversation_row(conversation(said("a")), None)["interrupted"] == 0


@pytest.mark.parametrize(
    ("user", "author"),
    [
        ({"id": 7}, "7"),
        ({"id": "a", "userId": "b"}, "a"),
        ({"id": None, "userId": "b"}, "b"),
        ({"id": 0}, "0"),
        ({}, None),
        (None, None),
    ],
)
def test_authors(user, author):
    """The author of feedback is the user properties' id, as text."""
    assert rows.author_of({"userProperties": user}) == author


@pytest.mark.parametrize(("text", "value"), [(None, None), ('{"a": 1}', {"a": 1}), ('{"a": \x01}', None), ("", None)])
def test_a_damaged_value(text, value):
    """A value that the disk has damaged is as if it were not there."""
    assert rows.json_value(text) == value

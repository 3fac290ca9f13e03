"""Output items, each put together from the events that speak of it."""

import pytest

from proxy.core.items import FIELDS, OutputItem

TEXT, ARGUMENTS = FIELDS["output_text"], FIELDS["function_call_arguments"]
CITED = {"type": "url_citation", "url": "https://a.example/"}


def text(said, **more):
    return {"type": "output_text", "text": said, **more}


def streamed(item):
    item.begin({"type": "message", "id": "msg_1", "content": []})
    item.add(TEXT, 0, "Hel")
    item.add(TEXT, 0, "lo")


def settled(item):
    streamed(item)
    item.settle(TEXT, 0, "Hello")


def finished(item):
    settled(item)
    item.finish({"type": "message", "id": "msg_2", "status": "completed", "content": [text("Hello!")]})


TOLD = {
    "nothing": (lambda item: None, {}),
    "opened": (lambda item: item.begin({"type": "message"}), {"type": "message"}),
    "in pieces": (streamed, {"type": "message", "id": "msg_1", "content": [text("Hello")]}),
    "field by field": (settled, {"type": "message", "id": "msg_1", "content": [text("Hello")]}),
    "whole": (finished, {"type": "message", "id": "msg_2", "status": "completed", "content": [text("Hello!")]}),
    "never opened": (lambda item: item.add(ARGUMENTS, 0, "{}"), {"type": "function_call", "arguments": "{}"}),
    "an object for a text": (
        lambda item: item.settle(ARGUMENTS, 0, {"a": 1}),
        {"type": "function_call", "arguments": '{"a":1}'},
    ),
    "parts in disorder": (
        lambda item: (item.add(TEXT, 1, "b"), item.add(TEXT, 0, "a")),
        {"type": "message", "content": [text("a"), text("b")]},
    ),
    "a whole part": (lambda item: item.settle_part(0, text("a")), {"type": "message", "content": [text("a")]}),
    "what is no part": (lambda item: (item.settle_part(0, "a"), item.settle_part(0, {"type": "b"})), {}),
    "cited": (
        lambda item: (item.add(TEXT, 0, "a"), item.annotate(0, CITED), item.annotate(0, "?")),
        {"type": "message", "content": [text("a", annotations=[CITED])]},
    ),
    "empty pieces": (lambda item: (item.add(TEXT, 0, ""), item.add(TEXT, 0, 5), item.settle(TEXT, 0, None)), {}),
}


@pytest.mark.parametrize(("tell", "expected"), TOLD.values(), ids=TOLD)
def test_result(tell, expected):
    """What was told last and says something is the item."""
    item = OutputItem()
    tell(item)

    assert item.result() == expected


def test_a_kept_item_goes_on():
    """Text and citations of an item that was kept come before what is added."""
    item = OutputItem({"type": "message", "content": [text("Hel", annotations=[CITED]), {"type": "refusal"}]})
    item.add(TEXT, 0, "lo")
    item.annotate(0, {**CITED, "url": "https://b.example/"})

    (part,) = item.result()["content"]
    assert part["text"] == "Hello"
    assert [one["url"] for one in part["annotations"]] == ["https://a.example/", "https://b.example/"]


SPOKEN = {"type": "function_call", "id": "fc_1", "call_id": "c_1"}


@pytest.mark.parametrize(
    ("told", "spoken", "same"),
    [
        pytest.param({"type": "function_call", "id": "fc_9", "call_id": "c_1"}, True, True, id="another id, its call"),
        pytest.param({"type": "function_call"}, True, True, id="no id"),
        pytest.param({"type": "message", "id": "fc_1"}, False, False, id="another type"),
        pytest.param({"type": "function_call", "id": "fc_1", "call_id": "c_2"}, False, False, id="another call"),
        pytest.param({"type": "function_call", "id": "fc_9"}, False, True, id="another id, nothing said yet"),
        pytest.param({"type": "function_call", "id": "fc_9"}, True, False, id="another id, and something was said"),
    ],
)
def test_is_opened_again(told, spoken, same):
    """An item that goes on is known by its type and call, and by its ids once it has spoken."""
    item = OutputItem()
    item.begin(SPOKEN)
    if spoken:
        item.add(ARGUMENTS, 0, "{")

    assert item.is_same(told, opens=True) is same


@pytest.mark.parametrize(
    ("told", "same"),
    [
        pytest.param({"id": "msg_2"}, True, id="by id"),
        pytest.param({"id": "msg_9"}, False, id="another id"),
        pytest.param({}, False, id="without an id"),
    ],
)
def test_is_same(told, same):
    """An item is known by the ids it was last told with."""
    item = OutputItem()
    finished(item)

    assert item.is_same(told, opens=False) is same

"""Messages out of items, beyond the streams of `test_streams.py`."""

import pytest

from proxy.core.item_messages import ItemMessages, chat_part, output_text, reasoning_text


def messages(*items):
    made = ItemMessages()
    for item in items:
        made.add(item)
    return made.result()


def test_nothing():
    """No items are no messages, and silent ones are none either."""
    assert messages({"type": "compaction"}, {"type": "additional_tools"}, {}, {"type": "reasoning"}) == []


def test_what_nothing_follows():
    """Calls of the server's own and reasoning that nothing follows are a message without words."""
    (one,) = messages({"type": "web_search_call"}, {"type": "reasoning", "summary": [{"type": "text", "text": "Hm."}]})

    assert (one.content, one.reasoning) == (None, "Hm.")
    assert one.extra == {"server_tool_calls": [{"type": "web_search_call"}]}


def test_an_empty_message_is_filled():
    """A message item without words is the message that the next one speaks in."""
    (one,) = messages({"type": "message", "content": []}, {"type": "message", "content": "Hi", "id": "msg_2"})

    assert (one.content, one.id) == ("Hi", "msg_2")


def test_a_refusal_without_words():
    """A refusal that says nothing yet is no refusal."""
    (one,) = messages({"type": "message", "content": [{"type": "refusal", "refusal": ""}]})

    assert one.refusal is None


@pytest.mark.parametrize(
    ("result", "told"),
    [
        pytest.param("AAECAw==", "[image, 4 bytes, sha256 054edec1d0211f62]", id="base64"),
        pytest.param("A", "[image, 1 bytes, sha256 559aead08264d579]", id="not base64"),
        pytest.param("é", "[image, 2 bytes, sha256 ", id="no ASCII"),
    ],
)
def test_pictures_are_described(result, told):
    """A picture that the server made is told by its size and hash."""
    (one,) = messages({"type": "image_generation_call", "result": result})

    assert one.extra["server_tool_calls"][0]["result"].startswith(told)


def test_reasoning_is_not_said_twice():
    """Of a reasoning's own words and their summary only the words count."""
    both = {
        "content": [{"type": "reasoning_text", "text": "Long."}],
        "summary": [{"type": "summary_text", "text": "S."}],
    }

    assert reasoning_text(both) == "Long."
    assert reasoning_text({**both, "content": None}) == "S."


@pytest.mark.parametrize(
    ("output", "told"),
    [
        pytest.param("sunny", "sunny", id="text"),
        pytest.param(None, None, id="nothing"),
        pytest.param([{"type": "input_text", "text": "sunny"}], "sunny", id="parts"),
        pytest.param([1], "[1]", id="a list of something else"),
        pytest.param({"a": 1}, '{"a":1}', id="an object"),
    ],
)
def test_outputs(output, told):
    """A tool's output is a text, parts, or JSON as text."""
    assert output_text(output) == told


def test_parts_without_what_they_need():
    """A picture by file id stays as it came; a file keeps all it says."""
    picture = {"type": "input_image", "file_id": "file-1"}

    assert chat_part(picture) == picture
    assert chat_part({"type": "input_file", "file_url": "u", "detail": None}) == {
        "type": "file",
        "file": {"file_url": "u"},
    }

"""Responses requests become messages."""

import orjson
import pytest

from proxy.core.message import Message, chain
from proxy.core.responses import Responses
from proxy.core.responses_request import reference_of
from proxy.errors import RecordUnreadable

from .exchanges import exchange

RESPONSES = Responses()


def asked(**request):
    return RESPONSES.read_request(exchange(request=request, target="/v1/responses"))


def text(role, said, kind="input_text"):
    return {"type": "message", "role": role, "content": [{"type": kind, "text": said}]}


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"in":"Rome"}'}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"in":"Rome"}'}}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
PICTURE = {"type": "input_image", "image_url": "https://a.example/p.png", "detail": "low"}
FILE = {"type": "input_file", "file_id": "file-1", "filename": "a.pdf"}
SCREEN = {"type": "computer_screenshot", "file_id": "file-2"}

INPUTS = {
    "a string": ("Hi", [Message("user", "Hi")]),
    "strings": (["Hi"], [Message("user", "Hi")]),
    "a message without a type": ([{"role": "user", "content": "Hi"}], [Message("user", "Hi")]),
    "parts of text": ([text("user", "Hi")], [Message("user", "Hi")]),
    "developer": ([text("developer", "Be kind"), "Hi"], [Message("developer", "Be kind"), Message("user", "Hi")]),
    "picture": (
        [{"role": "user", "content": [{"type": "input_text", "text": "See"}, PICTURE]}],
        [
            Message(
                "user",
                [
                    {"type": "text", "text": "See"},
                    {"type": "image_url", "image_url": {"url": "https://a.example/p.png", "detail": "low"}},
                ],
            )
        ],
    ),
    "file": (
        [{"role": "user", "content": [FILE]}],
        [Message("user", [{"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}}])],
    ),
    "an answer brought back": (
        [{**text("assistant", "Hello", "output_text"), "id": "msg_1"}],
        [Message("assistant", "Hello", id="msg_1")],
    ),
    "a refusal brought back": (
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        [Message("assistant", refusal="No.")],
    ),
    "a call and its output": (
        [CALL, OUTPUT],
        [Message("assistant", tool_calls=[CALLED]), Message("tool", "sunny", tool_call_id="call_1")],
    ),
    "calls in one go": (
        [CALL, {**CALL, "call_id": "call_2"}, OUTPUT],
        [
            Message("assistant", tool_calls=[CALLED, {**CALLED, "id": "call_2"}]),
            Message("tool", "sunny", tool_call_id="call_1"),
        ],
    ),
    "a call after a text": (
        [text("assistant", "Let me see", "output_text"), CALL],
        [Message("assistant", "Let me see", tool_calls=[CALLED])],
    ),
    "two texts": (
        [text("assistant", "One", "output_text"), text("assistant", "Two", "output_text")],
        [Message("assistant", "One"), Message("assistant", "Two")],
    ),
    "custom tool": (
        [
            {"type": "custom_tool_call", "call_id": "call_1", "name": "sh", "input": "ls"},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "a"},
        ],
        [
            Message(
                "assistant",
                tool_calls=[{"id": "call_1", "type": "custom", "function": {"name": "sh", "arguments": "ls"}}],
            ),
            Message("tool", "a", tool_call_id="call_1"),
        ],
    ),
    "output in parts": (
        [{**OUTPUT, "output": [{"type": "input_text", "text": "sun"}, {"type": "input_text", "text": "ny"}]}],
        [Message("tool", "sunny", tool_call_id="call_1")],
    ),
    "output of another kind": (
        [{"type": "computer_call_output", "call_id": "call_1", "output": SCREEN}],
        [Message("tool", '{"type":"computer_screenshot","file_id":"file-2"}', tool_call_id="call_1")],
    ),
    "an output that names its call by id": (
        [{"type": "local_shell_call_output", "id": "call_1", "output": "a"}],
        [Message("tool", "a", tool_call_id="call_1")],
    ),
    "what nobody said": (
        [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "compaction", "encrypted_content": "x"},
            {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "some_day"},
            17,
            "Hi",
        ],
        [Message("user", "Hi")],
    ),
}


@pytest.mark.parametrize(("given", "expected"), INPUTS.values(), ids=INPUTS)
def test_input(given, expected):
    """Each form of input becomes the messages that stand beside it."""
    assert asked(input=given).messages == expected


@pytest.mark.parametrize("item", [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}])
def test_references(item):
    """An item that the upstream has stored is named by its id; the name keeps its place."""
    first, second = asked(input=[item, "Hi"]).messages

    assert (first.role, reference_of(first), reference_of(second)) == ("assistant", "msg_1", None)


def test_everything_else():
    """Model, user and metadata are told, as are what the request goes on with and the instructions of its turn."""
    told = asked(
        input="Hi", model="m-1", stream=True, user="ann", metadata={"a": "b"}, instructions="Be kind",
        previous_response_id="resp_1",
    )  # fmt: skip

    assert told.messages == [Message("system", "Be kind"), Message("user", "Hi")]
    assert (told.model, told.stream, told.user, told.metadata) == ("m-1", True, "ann", {"a": "b"})
    assert (told.previous_id, told.conversation_ref) == ("resp_1", None)


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_conversation(conversation):
    """A stored conversation is named by its id or by an object that has it."""
    assert asked(input="Hi", conversation=conversation).conversation_ref == "conv_1"


def test_instructions_in_items():
    """Instructions may be items, as the answers echo them."""
    assert asked(input="Hi", instructions=[text("developer", "Be kind")]).messages[0] == Message("developer", "Be kind")


@pytest.mark.parametrize("request_body", [{"prompt": {"id": "pmpt_1"}}, {"previous_response_id": "resp_1"}])
def test_no_input(request_body):
    """A prompt that is stored upstream, or an answer to go on from, stands for the input."""
    assert asked(**request_body).messages == []


@pytest.mark.parametrize("request_body", [{}, {"input": 5}, {"messages": []}])
def test_unreadable(request_body):
    """A request with neither input nor what stands for it is refused with the reason."""
    with pytest.raises(RecordUnreadable, match="no input"):
        asked(**request_body)


def test_an_answer_that_comes_back_is_recognised():
    """The items of an answer, sent back as they came, have the hashes that the answer had."""
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {**text("assistant", "Let me see", "output_text"), "id": "msg_1", "phase": "commentary"},
        CALL,
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {**text("assistant", "Done", "output_text"), "id": "msg_2"},
    ]
    response = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
    (choice,) = RESPONSES.read_answer(exchange(orjson.dumps(response), target="/v1/responses")).choices
    back = asked(input=output).messages

    assert chain([*choice.earlier, choice.message]) == chain(back)
    assert len(back) == 2


def test_later_answers_have_no_question():
    """A GET asks nothing, but whether it wants a stream."""
    told = RESPONSES.read_request(exchange(method="GET", target="/v1/responses/resp_1?stream=true&starting_after=4"))

    assert (told.messages, told.stream) == ([], True)

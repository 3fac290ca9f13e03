"""Content in parts; `test_chat_request` and the streams show the rest."""

import pytest

from proxy.core.parts import PartsBuilder, content_said, reasoning_in

PICTURE = {"type": "image_url", "image_url": {"url": "https://pictures.example/1"}}
BUILT = {
    "nothing": ([], None, None),
    "empty strings": (["", None, []], None, None),
    "strings": (["a", "b"], "ab", None),
    "strings and lists": (["a", [{"type": "text", "text": "b"}], {"type": "output_text", "text": "c"}], "abc", None),
    "strings in a list": ([["a", "b"]], "ab", None),
    "pair of surrogates over two pieces": (["\ud83c", "\udf75"], "\U0001f375", None),
    "attachment first": ([[PICTURE], "a"], [PICTURE, {"type": "text", "text": "a"}], None),
    "refusal": ([[{"type": "refusal", "refusal": "no"}]], [{"type": "refusal", "refusal": "no"}], None),
    "text that is none": ([[{"type": "text", "text": {}}, {"type": []}, {}, 7]], [{"type": []}], None),
    "reasoning": ([[{"type": "reasoning", "summary": [{"text": "hm"}]}], "a"], "a", "hm"),
}


@pytest.mark.parametrize(("said", "content", "reasoning"), BUILT.values(), ids=BUILT)
def test_builder(said, content, reasoning):
    """Pieces become a string, or parts where there is more than text; reasoning stands apart."""
    builder = PartsBuilder()
    for one in said:
        builder.add(one)

    assert (builder.result(), builder.reasoning()) == (content, reasoning)


REASONING = {
    "none": ({"content": "a", "thinking": True}, None),
    "first that says something": ({"reasoning_content": "", "reasoning": "b", "thinking": "c"}, "b"),
    "nested": ({"thinking": [{"type": "text", "text": "a"}, "b"]}, "ab"),
    "nested without end": ({"thinking": [[[[[[[["a"]]]]]]]]}, None),
}


@pytest.mark.parametrize(("said", "expected"), REASONING.values(), ids=REASONING)
def test_reasoning_in(said, expected):
    """One reasoning key counts."""
    assert reasoning_in(said) == expected


def test_only_reasoning_said():
    """A content of reasoning alone leaves no content."""
    assert content_said([{"type": "thinking", "thinking": "hm"}]) == (None, "hm")

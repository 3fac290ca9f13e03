"""Hypothesis strategies: messages as clients might say them, right and wrong."""

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = (
    st.sampled_from(["text", "image_url", "input_audio", "file", "refusal", "thinking", "function", "custom"]) | JSON
)
PARTS = st.fixed_dictionaries(
    {"type": KINDS}, optional={"text": JSON, "image_url": JSON, "thinking": JSON, "file": JSON}
)
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b"]) | JSON,
        "type": KINDS,
        "function": st.fixed_dictionaries({}, optional={"name": JSON, "arguments": JSON}) | JSON,
        "custom": JSON,
    },
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function", "developer", "critic"])},
    optional={
        "content": st.text(max_size=20) | st.lists(PARTS | JSON, max_size=3) | JSON,
        "name": st.sampled_from(["f", "g"]) | JSON,
        "tool_calls": st.lists(CALLS | JSON, max_size=3) | JSON,
        "tool_call_id": st.sampled_from(["a", "b"]) | st.none(),
        "function_call": st.fixed_dictionaries({"name": st.sampled_from(["f", "g"])}) | JSON,
        "refusal": JSON,
        "audio": JSON,
        "properties": st.none() | st.dictionaries(st.sampled_from(["toolResults", "x"]), JSON, max_size=2),
    },
)

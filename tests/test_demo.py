"""The demo's judgement: what it leaves out of the configuration, and what it takes for missing or wrong."""

from pathlib import Path

import pytest

from proxy.config import Config, Conversation
from proxy.config_sources import load
from proxy.demo import Client, Logged, demo_config, faults_of

CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
SAID = [
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "snow"},
        {"role": "assistant", "content": "It snows."},
    ],
]


def logged(*conversations, thumbs=("x",)):
    return Logged(
        [{"id": f"c{n}", "messages": messages} for n, messages in enumerate(conversations)],
        [{"id": f"f{n}", "messageId": target} for n, target in enumerate(thumbs)],
    )


CHAT = SAID[0]
TOOLS = [
    {"role": "user", "content": "weather?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [CALL],
        "properties": {"toolResults": [{"tool_call_id": "call_1", "content": "snow"}]},
    },
    {"role": "assistant", "content": "It snows."},
]
OTHER_CALL = {**CALL, "function": {"name": "get_weather", "arguments": "{}"}}
CASES = {
    "as said": (logged(CHAT, TOOLS), 0),
    "in another order": (logged(TOOLS, CHAT), 0),
    "nothing": (logged(thumbs=()), 3),
    "one missing": (logged(CHAT), 1),
    "one doubled": (logged(CHAT, CHAT, TOOLS), 1),
    "one not said": (logged(CHAT, TOOLS, [{"role": "user", "content": "?"}]), 1),
    "another answer": (logged([CHAT[0], {"role": "assistant", "content": "hallo"}], TOOLS), 2),
    "a turn missing": (logged(CHAT[:1], TOOLS), 2),
    "no result": (logged(CHAT, [TOOLS[0], {**TOOLS[1], "properties": None}, TOOLS[2]]), 2),
    "another call": (logged(CHAT, [TOOLS[0], {**TOOLS[1], "tool_calls": [OTHER_CALL]}, TOOLS[2]]), 2),
    "no thumb": (logged(CHAT, TOOLS, thumbs=()), 1),
    "a thumb elsewhere": (logged(CHAT, TOOLS, thumbs=("y",)), 1),
    "two thumbs": (logged(CHAT, TOOLS, thumbs=("x", "x")), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_missing_or_wrong_is_found(name):
    """Every way in which the log can differ from what was said is a fault, and nothing else is."""
    found, count = CASES[name]
    client = Client(session=None, proxy="", key="", said=SAID, liked="x")

    assert len(faults_of(client, found)) == count


def test_what_was_there_before_is_not_compared():
    """Of a folder with earlier conversations and thumbs only the new ones are looked at."""
    before = logged(CHAT)
    after = Logged([{"id": "new", "messages": TOOLS}, *before.conversations], [{"id": "f9"}, *before.thumbs])

    since = after.since(before)

    assert ([one["id"] for one in since.conversations], since.thumbs) == (["new"], [{"id": "f9"}])


def test_nothing_leads_the_demo_to_what_is_real():
    """Beside a real configuration the demo has no other sink, upstream, key or folder, and records every conversation."""
    environ = {
        "INKEEP_API_KEY": "planted",
        "TEELOG_DATA_DIR": "real",
        "TEELOG_LISTEN__CLIENT_KEYS": "one",
        "TEELOG_LISTEN__ALLOWED_HOSTS": "chat.example",
        "TEELOG_LISTEN__PORT": "0",
        "TEELOG_UPSTREAMS__X__BASE_URL": "http://x.example",
        "TEELOG_ANALYTICS__DATABASE": "sqlite:///real.db",
        "TEELOG_CONVERSATION__TENANT": "header:x-team",
        "TEELOG_PRIVACY__SAMPLE_RATE": "0",
        "TEELOG_PRIVACY__REDACT": "true",
    }

    config = demo_config(load({}, environ, None), Path("demo"))

    assert (config.data_dir, config.analytics.database) == (Path("demo"), "")
    assert (config.delivery.url, config.delivery.api_key, config.upstreams) == (None, None, {})
    assert (config.listen.client_keys, config.listen.allowed_hosts) == ((), ())
    assert (config.conversation, config.privacy.sample_rate) == (Conversation(), 1.0)
    # what cannot harm is kept
    assert config.listen.port == 0
    assert config.privacy.redact


def test_a_folder_named_by_the_flag_is_used():
    """`--data-dir` keeps what the demo logs; without a word the log is quiet."""
    config = demo_config(load({"data_dir": "mine"}, {}, None), Path("demo"))

    assert config.data_dir == Path("mine")
    assert (Config().log.level, config.log.level) == ("info", "warning")

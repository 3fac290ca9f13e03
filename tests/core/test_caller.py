"""What a request says of itself."""

import re

import pytest

from proxy.config import Conversation
from proxy.core.caller import Caller, caller_of, checked_id
from proxy.core.capture import KEPT_HEADERS
from proxy.core.turn import Asked

NAMES = Conversation()


def said(headers, body=None, names=NAMES, **refs):
    body = body or {}
    metadata = body["metadata"] if isinstance(body.get("metadata"), dict) else {}
    asked = Asked([], None, stream=False, n=1, user=None, metadata=metadata, body=body, **refs)
    return caller_of(headers, asked, names)


def test_nothing_said():
    """A request that says nothing has no conversation, no user and no properties."""
    assert said({}) == Caller("", "", {})


@pytest.mark.parametrize(
    ("headers", "body", "conversation"),
    [
        pytest.param({"x-teelog-conversation-id": "a"}, {}, "a", id="ours"),
        pytest.param({"x-conversation-id": "b"}, {}, "b", id="configured"),
        pytest.param({"x-chat-id": "c", "x-conversation-id": "b"}, {}, "b", id="in the configured order"),
        pytest.param({"x-conversation-id": "b", "x-teelog-conversation-id": "a"}, {}, "a", id="ours first"),
        pytest.param({"x-conversation-id": "b", "x-teelog-conversation-id": "null"}, {}, "b", id="unusable: skipped"),
        pytest.param({"x-openwebui-chat-id": "o"}, {}, "o", id="Open WebUI"),
        pytest.param({"thread-id": "t", "session-id": "s"}, {}, "t", id="Codex"),
        pytest.param({}, {"metadata": {"thread_id": "m"}}, "m", id="in metadata"),
        pytest.param({}, {"chat_id": 7}, "7", id="a number in the body"),
        pytest.param({"x-chat-id": "c"}, {"chat_id": "d"}, "c", id="headers before the body"),
        pytest.param({}, {"chat_id": True, "thread_id": ["x"], "metadata": "y"}, "", id="of no use in the body"),
        pytest.param({"x-task": "d"}, {}, "", id="not configured"),
    ],
)
def test_the_conversation(headers, body, conversation):
    """The chat is named by our header, else by the first configured header or field that is usable."""
    assert said(headers, body).conversation_id == conversation


def test_a_stored_conversation():
    """What the Responses API names counts before what is configured, and after our header."""
    refs = {"conversation_ref": "conv_1", "previous_id": "resp_1"}

    assert said({"x-chat-id": "c"}, **refs).conversation_id == "conv_1"
    assert said({"x-teelog-conversation-id": "a"}, **refs).conversation_id == "a"
    assert said({}, **refs).previous_id == "resp_1"


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        pytest.param({"helicone-session-id": "h"}, {}, "h", id="Helicone"),
        pytest.param({"x-litellm-session-id": "l"}, {}, "l", id="LiteLLM"),
        pytest.param({"x-session-affinity": "o"}, {}, "o", id="opencode"),
        pytest.param({}, {"litellm_session_id": "l"}, "l", id="LiteLLM, in the body"),
        pytest.param({}, {"tensorzero::episode_id": "e"}, "e", id="TensorZero"),
        pytest.param({}, {"metadata": {"user_id": "user_1_account_2_session_3"}}, "3", id="Claude clients"),
        pytest.param({}, {"prompt_cache_key": "p"}, "", id="a cache's key is shared by strangers"),
    ],
)
def test_the_session(headers, body, session):
    """Sessions are told by the headers and fields that gateways and agents use, and name no chat."""
    caller = said(headers, body)

    assert (caller.session_id, caller.conversation_id) == (session, "")


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        pytest.param({"x-portkey-trace-id": "p"}, "p", id="Portkey"),
        pytest.param({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}, "a" * 32, id="W3C"),
    ],
)
def test_the_trace(headers, trace):
    """A trace is neither chat nor session."""
    assert said(headers) == Caller(trace_id=trace)


@pytest.mark.parametrize(
    ("headers", "body", "user"),
    [
        pytest.param({"x-teelog-user": "ann", "x-openwebui-user-id": "ben"}, {"user": "cho"}, "ann", id="our header"),
        pytest.param({"x-openwebui-user-id": "ben"}, {"user": "cho"}, "ben", id="a configured header"),
        pytest.param({}, {"user": "cho"}, "cho", id="the body"),
        pytest.param({}, {"metadata": {"user_id": "user_1_session_3"}}, "user_1", id="without its session"),
        pytest.param({"x-portkey-metadata": '{"_user": "dan"}'}, {}, "dan", id="Portkey"),
        pytest.param({"x-teelog-user": "undefined"}, {}, "", id="nobody"),
    ],
)
def test_the_user(headers, body, user):
    """The user is named by our header, else a configured one, else the body."""
    assert said(headers, body).user == user


def test_names_of_ones_own():
    """Every list can be replaced."""
    lists = ("id", "session", "trace", "user")
    names = Conversation(
        **{f"{one}_headers": (f"my-{one}",) for one in lists}, **{f"{one}_fields": () for one in lists}
    )

    mine = said({f"my-{one}": one for one in lists} | {"x-chat-id": "other"}, {"user": "other"}, names)
    assert (mine.conversation_id, mine.session_id, mine.trace_id, mine.user) == lists


def test_all_headers_that_are_read_are_recorded():
    """The relay records what is configured; what it records in any case needs no configuration."""
    assert NAMES.headers >= {"x-openwebui-chat-id", "x-session-affinity", "traceparent", "x-portkey-metadata"}
    assert not [name for name in NAMES.headers if not re.fullmatch(r"[a-z_-]+", name)]
    assert {"helicone-session-path", "helicone-session-name", "x-litellm-tags"} <= KEPT_HEADERS


def test_properties_told_together():
    """Metadata of the body and JSON in headers are properties, where they are plain values; broken JSON is none."""
    headers = {"cf-aig-metadata": '{"team": "a", "n": 1, "deep": {}}', "x-tfy-metadata": "{", "x-litellm-tags": "x,y"}

    assert said(headers, {"metadata": {"team": "b", "kind": "k", "long": "x" * 2000}}).properties == {
        "team": "a",
        "n": 1,
        "user.kind": "k",
        "tags": "x,y",
    }


def test_properties():
    """Properties keep their names, but for those that are ours: these step aside under `user.`."""
    headers = {"x-teelog-property-plan": "pro", "x-teelog-property-model": "m", "x-teelog-property-teelogrev": "7"}

    assert said(headers | {"x-teelog-property-": "nameless", "x-other": "1"}).properties == {
        "plan": "pro",
        "user.model": "m",
        "user.teelogrev": "7",
    }


@pytest.mark.parametrize(("count", "retries"), [(None, False), ("0", False), ("1", True), ("2", True)])
def test_an_sdk_that_tries_again(count, retries):
    """OpenAI's SDKs say how often they have sent a request before."""
    assert said({"x-stainless-retry-count": count} if count else {}).retries is retries


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param("conv 1/ü", "conv 1/ü", id="any text"),
        pytest.param("  a  ", "a", id="blanks around it"),
        pytest.param("x" * 256, "x" * 256, id="256 characters"),
        pytest.param("x" * 257, "", id="257 characters"),
        pytest.param("a\x00b", "", id="NUL"),
        pytest.param("a\tb", "", id="tab"),
        pytest.param("a\x85b", "", id="C1 control"),
        pytest.param("null", "", id="null"),
        pytest.param("[object Object]", "", id="an object of JavaScript's, as text"),
        pytest.param("default", "", id="everybody's"),
        pytest.param("\u200b", "", id="nothing that is seen"),
        pytest.param("\ufeffchat-1\u200b", "chat-1", id="unseen marks around it"),
        pytest.param("chat-\u202e1", "", id="turned around"),
        pytest.param("chat\u20281", "", id="two lines"),
        pytest.param(
            "\u0646\u0627\u0645\u200c\u0647\u0627",
            "\u0646\u0627\u0645\u200c\u0647\u0627",
            id="a name that needs a joiner",
        ),
        pytest.param("Undefined", "", id="undefined"),
        pytest.param("NONE", "", id="none"),
        pytest.param("{{LIBRECHAT_BODY_CONVERSATIONID}}", "", id="unfilled template"),
        pytest.param("nullable", "nullable", id="a word that begins so"),
        pytest.param("   ", "", id="blank"),
        pytest.param(None, "", id="absent"),
    ],
)
def test_what_an_id_may_be(value, kept):
    """An id is up to 256 characters without controls, and not what programs write for nothing."""
    assert checked_id(value) == kept


def test_inkeep_filters_are_a_property():
    """The filters that Inkeep's chat API is sent are told with the conversation."""
    assert said({"inkeep-filters": '{"attributes":{}}'}).properties == {"inkeepFilters": '{"attributes":{}}'}

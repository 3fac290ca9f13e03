"""What a request says of itself."""

import pytest

from proxy.core.caller import Caller, caller_of, checked_id

ID_HEADERS = ("x-conversation-id", "x-chat-id")
USER_HEADERS = ("x-openwebui-user-id",)


def said(headers, user=None):
    return caller_of(headers, user, ID_HEADERS, USER_HEADERS)


def test_nothing_said():
    """A request that says nothing has no conversation, no user and no properties."""
    assert said({}) == Caller("", "", {})


@pytest.mark.parametrize(
    ("headers", "conversation"),
    [
        pytest.param({"x-teelog-conversation-id": "a"}, "a", id="ours"),
        pytest.param({"x-conversation-id": "b"}, "b", id="configured"),
        pytest.param({"x-chat-id": "c", "x-conversation-id": "b"}, "b", id="in the configured order"),
        pytest.param({"x-conversation-id": "b", "x-teelog-conversation-id": "a"}, "a", id="ours first"),
        pytest.param(
            {"x-conversation-id": "b", "x-teelog-conversation-id": "null"}, "b", id="unusable ones are skipped"
        ),
        pytest.param({"x-thread-id": "d"}, "", id="not configured"),
    ],
)
def test_the_conversation(headers, conversation):
    """The conversation is named by our header, else by the first configured one that is usable."""
    assert said(headers).conversation_id == conversation


@pytest.mark.parametrize(
    ("headers", "in_body", "user"),
    [
        pytest.param({"x-teelog-user": "ann", "x-openwebui-user-id": "ben"}, "cho", "ann", id="our header"),
        pytest.param({"x-openwebui-user-id": "ben"}, "cho", "ben", id="a configured header"),
        pytest.param({}, "cho", "cho", id="the body"),
        pytest.param({"x-teelog-user": "undefined"}, None, "", id="nobody"),
    ],
)
def test_the_user(headers, in_body, user):
    """The user is named by our header, else a configured one, else the body."""
    assert said(headers, in_body).user == user


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
    assert caller_of({"inkeep-filters": '{"attributes":{}}'}, None, (), ()).properties == {
        "inkeepFilters": '{"attributes":{}}'
    }

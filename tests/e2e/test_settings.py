"""What is configured holds in the running program: each setting that only `app.py` hands on, seen from outside."""

from __future__ import annotations

import json
import signal
import threading
import urllib.error
import urllib.request

import pytest

from tests.e2e.process import KEY, Teelog
from tests.e2e.upstream import ChatUpstream


def post(url: str, body: dict, **fields: str) -> tuple[int, dict]:
    """Status and JSON of one POST; header names are written with `_`."""
    headers = {"Authorization": "Bearer sk-1"} | {name.replace("_", "-"): value for name, value in fields.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=20) as got:
            return got.status, json.load(got)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def ask(teelog: Teelog, text: str, **fields: str) -> int:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return post(f"{teelog.base_url}/chat/completions", body, **fields)[0]


def test_redaction_is_done_when_it_is_asked_for(tmp_path, upstream):
    """With `privacy.redact` the log has placeholders, for patterns of one's own too; the upstream has what was said."""
    settings = {"TEELOG_PRIVACY__REDACT": "true", "TEELOG_PRIVACY__PATTERNS": '{"order": "ORD-[0-9]+"}'}
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        assert ask(teelog, "ada@example.com wants ORD-17") == 200
        (logged,) = teelog.until(teelog.conversations)

        assert upstream.requests[0]["messages"][0]["content"] == "ada@example.com wants ORD-17"
        assert logged["messages"][0]["content"] == "[email] wants [order]"
        assert "ORD-17" not in json.dumps(logged)


def test_conversations_by_headers_of_ones_own(tmp_path, upstream):
    """Headers that were named tell conversation and user; with tenant "none" callers are one."""
    settings = {
        "TEELOG_CONVERSATION__ID_HEADERS": "x-chat",
        "TEELOG_CONVERSATION__USER_HEADERS": "x-person",
        "TEELOG_CONVERSATION__TENANT": "none",
    }
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        for key, text in (("sk-1", "first"), ("sk-2", "second")):
            assert ask(teelog, text, x_chat="mine", x_person="ada", Authorization=f"Bearer {key}") == 200
        (logged,) = teelog.until(
            lambda: (found := teelog.conversations()) and sum(len(c["messages"]) for c in found) == 4 and found
        )

        assert (logged["id"], logged["userProperties"]) == ("mine", {"userId": "ada"})


def test_callers_are_kept_apart_unless_told_otherwise(tmp_path, upstream):
    """By default another caller's equal conversation id is another conversation."""
    with Teelog(tmp_path, upstream.url) as teelog:
        for key in ("sk-1", "sk-2"):
            assert ask(teelog, "hi", x_conversation_id="mine", Authorization=f"Bearer {key}") == 200
        logged = teelog.until(lambda: (found := teelog.conversations()) and len(found) == 2 and found)

        assert sorted(one["id"].partition("~")[0] for one in logged) == ["mine", "mine"]


def test_client_keys_admit_and_go_no_further(tmp_path, upstream):
    """With `client_keys` nobody else is served; the upstream sees its own key instead, which is nowhere in the log."""
    own = "an-upstream-key-of-no-known-form"
    settings = {"TEELOG_LISTEN__CLIENT_KEYS": "client-1", "TEELOG_UPSTREAM__API_KEY": own}
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        assert ask(teelog, "hi", Authorization="Bearer sk-1") == 401
        assert ask(teelog, f"is it {own}?", Authorization="Bearer client-1") == 200
        (logged,) = teelog.until(teelog.conversations)

        assert [dict(head)["Authorization"] for head in upstream.heads] == [f"Bearer {own}"]
        assert own not in json.dumps(logged)


def test_a_named_upstream_is_reached_by_its_name(tmp_path, upstream):
    """`/side/*` goes to `upstreams.side`, and its conversations are logged like the others."""
    with (
        ChatUpstream() as side,
        Teelog(tmp_path, upstream.url, TEELOG_UPSTREAMS__SIDE__BASE_URL=side.url) as teelog,
    ):
        url = teelog.base_url.removesuffix("/v1") + "/side/chat/completions"
        status, _ = post(url, {"model": "m", "messages": [{"role": "user", "content": "hi"}]})
        teelog.until(teelog.conversations)

        assert (status, len(side.requests), upstream.requests) == (200, 1, [])


def test_web_keys_write_and_do_not_list(tmp_path, upstream):
    """A key of `analytics.web_keys` may send feedback, to the proxy too, and may not read what all have said."""
    with Teelog(tmp_path, upstream.url, TEELOG_ANALYTICS__WEB_KEYS="web-1") as teelog:
        for server in (teelog.base_url.removesuffix("/v1"), teelog.analytics):
            thumb = {"type": "positive", "messageId": "anything"}
            assert post(f"{server}/feedback", thumb, Authorization="Bearer web-1")[0] == 200
        with pytest.raises(urllib.error.HTTPError) as refused:
            teelog.get(f"{teelog.analytics}/conversations", key="web-1")
        with refused.value as answer:
            assert answer.code == 403


@pytest.mark.parametrize(("setting", "status"), [("false", 403), ("true", 404)])
def test_web_keys_delete_as_configured(tmp_path, upstream, setting, status):
    """A web key may not delete a conversation unless `analytics.web_delete` says so."""
    settings = {"TEELOG_ANALYTICS__WEB_KEYS": "web-1", "TEELOG_ANALYTICS__WEB_DELETE": setting}
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        asked = urllib.request.Request(
            f"{teelog.analytics}/conversations/none", method="DELETE", headers={"Authorization": "Bearer web-1"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=10)
        with refused.value as answer:
            assert answer.code == status


def test_a_share_of_nothing_records_nothing(tmp_path, upstream):
    """With `sample_rate` 0 chats are served, read past, and not kept."""
    with Teelog(tmp_path, upstream.url, TEELOG_PRIVACY__SAMPLE_RATE="0") as teelog:
        assert ask(teelog, "hi") == 200
        teelog.wait_for("exchange.passed")

        assert teelog.conversations() == []


def test_the_local_server_keeps_its_data_where_it_is_told(tmp_path, upstream):
    """`analytics.database` names the file, and `retention_days` is what the local server goes by."""
    file = tmp_path / "elsewhere.db"
    settings = {"TEELOG_ANALYTICS__DATABASE": f"sqlite:///{file}", "TEELOG_PRIVACY__RETENTION_DAYS": "7"}
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        assert teelog.wait_for("analytics.forgotten")["retention_days"] == 7

    assert file.exists()
    assert not (tmp_path / "data" / "analytics.db").exists()


def test_a_second_signal_ends_it_at_once(tmp_path, upstream):
    """While a stream that never ends is waited for, a second signal ends all processes; nobody has to kill them."""
    upstream.pause = None
    with Teelog(tmp_path, upstream.url) as teelog:
        pids = teelog.pids()
        streaming = threading.Thread(target=endless, args=(teelog,))
        streaming.start()
        assert upstream.arrived.wait(5)
        teelog.process.send_signal(signal.SIGINT)
        teelog.wait_for("teelog.draining")
        teelog.process.send_signal(signal.SIGINT)

        assert teelog.process.wait(5) == 0
        assert len(pids) == 2
        streaming.join(10)
        assert not streaming.is_alive()


def endless(teelog: Teelog) -> None:
    """A client of a stream that does not end by itself."""
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": "Bearer sk-1", "x-test-scene": "slow"}
    request = urllib.request.Request(f"{teelog.base_url}/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
    except OSError:  # cut, as a stream that did not end must be
        pass
    except Exception as error:  # http.client's own word for a body that was cut
        assert "IncompleteRead" in repr(error), error


def test_status_says_how_it_is_and_shows_no_key(tmp_path, upstream):
    """`/status` answers on this machine, with what both processes count and without the analytics key."""
    with Teelog(tmp_path, upstream.url) as teelog:
        status = teelog.status()

        assert status["health"] == "green"
        assert status["relay"]["open"] == 0
        assert set(status) == {"version", "health", "why", "ledger", "relay", "journal", "recorder"}
        assert "status" not in status["recorder"]
        assert KEY not in json.dumps(status)

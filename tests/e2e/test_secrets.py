"""A planted secret: in headers, cookies and the query string; found nowhere afterwards."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from aiohttp import web

from tests.e2e.process import Teelog
from tests.e2e.sinks import Says, ThreadSink
from tests.e2e.test_outbox_command import outbox
from tests.e2e.upstream import ChatUpstream

CANARY = "canary-5ecre7-0123456789"


def test_a_planted_secret_is_found_nowhere(tmp_path, upstream):
    """Keys in headers, cookies and query strings reach the upstream, and are on no disk, in no log, status or answer."""
    fields = {
        "Authorization": f"Bearer {CANARY}-a", "api-key": f"{CANARY}-b", "x-api-key": f"{CANARY}-c",
        "x-goog-api-key": f"{CANARY}-d", "Cookie": f"session={CANARY}-e; other={CANARY}-f",
        "X-Unheard-Of": f"{CANARY}-g", "Proxy-Authorization": f"Basic {CANARY}-h", "OpenAI-Organization": f"{CANARY}-i",
    }  # fmt: skip
    with Teelog(tmp_path, upstream.url, TEELOG_LOG__LEVEL="debug") as teelog:
        for path in ("chat/completions", "completions", "responses", "nowhere"):
            for stream in (True, False):
                # a key that is quoted in one piece, by the client or the upstream, must not be kept either
                content = "hello" if stream else f"my key is {CANARY}-a"
                body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": content}]}
                url = f"{teelog.base_url}/{path}?key={CANARY}-q&api-version=1&token={CANARY}-t"
                request = urllib.request.Request(url, json.dumps(body).encode(), fields)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answer.read()
        try:
            urllib.request.urlopen(urllib.request.Request(f"{teelog.base_url}/../{CANARY}-p", headers=fields))
        except urllib.error.HTTPError as error:
            error.close()
        assert len(upstream.requests) == 2
        assert dict(upstream.heads[0])["Authorization"] == f"Bearer {CANARY}-a"
        logged = teelog.until(lambda: (found := teelog.conversations()) and len(found) == 2 and found)
        status = json.dumps(teelog.status())
        assert teelog.stop() == 0

        assert CANARY not in json.dumps(logged)
        assert CANARY not in status
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} >= {".db", ".jsonl"}
        assert [str(path) for path in files if CANARY.encode() in path.read_bytes()] == []


def test_a_secret_is_not_in_the_journal_either(tmp_path, upstream):
    """The journal's own files never hold a credential, not even for the moment before they are recorded."""
    with Teelog(tmp_path, upstream.url) as teelog:
        import os
        import signal

        os.kill(teelog.recorder_pid(), signal.SIGSTOP)
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        request = urllib.request.Request(
            f"{teelog.base_url}/chat/completions?key={CANARY}", json.dumps(body).encode(),
            {"Authorization": f"Bearer {CANARY}", "Cookie": f"a={CANARY}"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        segments = list((tmp_path / "data" / "journal").glob("*.log"))

        assert any(b"echo of hello" in path.read_bytes() for path in segments)
        assert [path for path in segments if CANARY.encode() in path.read_bytes()] == []


class Tattler(ChatUpstream):
    """Gives back whatever key it was shown: in words, calls, names, fields, errors, and in what is no JSON."""

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        key = request.headers["Authorization"].partition(" ")[2]
        self.heads.append(list(request.headers.items()))
        function = {"name": f"call_{key}", "arguments": json.dumps({"key": key, "deep": [{key: 1}]})}
        call = {"id": f"call_{len(self.heads)}", "type": "function", "function": function}
        message = {"role": "assistant", "content": f"Your key is {key}.", "tool_calls": [call]}
        base = {"id": f"chatcmpl-{len(self.heads)}", "object": "chat.completion", "created": 1, "model": key}
        fields = {"x-request-id": f"req-{key}", "Set-Cookie": f"k={key}"}
        whole = json.dumps({**base, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        how = asked["model"]
        if how == "refused":
            said = {"error": {"message": f"Incorrect API key provided: {key}", "code": key}}
            return web.json_response(said, status=401, headers=fields)
        if how == "garbage":
            return web.Response(text=f"<html>{key}", content_type="application/json", headers=fields)
        if how == "cut":
            response = web.StreamResponse(headers={"Content-Type": "application/json", **fields})
            await response.prepare(request)
            for at in range(0, len(whole), 9):  # in chunks that end within the key
                await response.write(whole[at : at + 9].encode())
            return response
        if how == "streamed":
            delta = {"role": "assistant", "content": key, "tool_calls": [{**call, "index": 0}]}
            chunks = [
                {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                {"error": {"message": key}},
            ]
            text = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks)
            return web.Response(text=text, content_type="text/event-stream", headers=fields)
        return web.Response(text=whole, content_type="application/json", headers=fields)


@pytest.fixture
def tattler():
    with Tattler() as server:
        yield server


def refusal(told: dict) -> Says:
    return Says(422)


@pytest.mark.parametrize(
    "sink", [pytest.param("the local server", marks=pytest.mark.slow), "one that refuses everything"]
)
def test_a_secret_that_everybody_repeats_is_found_nowhere(tmp_path, tattler, sink):
    """A key that client and upstream quote in words, names, calls, fields and errors is on no disk, in no log, nowhere."""
    key = f"{CANARY}-own+/="
    settings = {
        "TEELOG_LOG__LEVEL": "debug", "TEELOG_LISTEN__CLIENT_KEYS": f"{CANARY}-client", "TEELOG_UPSTREAM__API_KEY": f"{CANARY}-up",
        "TEELOG_LISTEN__ADMIN_KEY": f"{CANARY}-admin", "TEELOG_DELIVERY__DEBOUNCE_SECONDS": "0",
    }  # fmt: skip
    with ThreadSink(refusal) as refusing:
        if sink != "the local server":
            settings |= {"TEELOG_DELIVERY__URL": refusing.url, "TEELOG_DELIVERY__API_KEY": f"{CANARY}-sink"}
        with Teelog(tmp_path, tattler.url, **settings) as teelog:
            for shown in ({"Authorization": f"Bearer {key}", "x-teelog-key": f"{CANARY}-client"},
                          {"Authorization": f"Bearer {CANARY}-client"}):  # fmt: skip
                quoted = shown["Authorization"].partition(" ")[2]
                fields = shown | {
                    "Content-Type": "application/json", "Cookie": f"sid={quoted}", "x-teelog-property-key": quoted,
                    "x-teelog-user": f"user {quoted}", "x-teelog-conversation-id": f"chat {quoted}", "User-Agent": quoted,
                }  # fmt: skip
                tool = {"type": "function", "function": {"name": quoted, "description": quoted, "parameters": {}}}
                asked = [
                    {"role": "system", "content": f"Use {quoted}"},
                    {"role": "user", "content": f"my key is {quoted}", "name": quoted},
                    {"role": "assistant", "content": None, "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": quoted, "arguments": json.dumps({"k": quoted})}},
                    ]},
                    {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": quoted}]},
                ]  # fmt: skip
                for how in ("whole", "cut", "streamed", "refused", "garbage"):
                    body = {
                        "model": how,
                        "messages": asked,
                        "tools": [tool],
                        "metadata": {"key": quoted},
                        "user": quoted,
                    }
                    url = f"{teelog.base_url}/chat/completions?key={quoted}"
                    ask(urllib.request.Request(url, json.dumps(body).encode(), fields))
                for path, kind in (("feedback", {"type": "positive", "messageId": "chatcmpl-1", "details": quoted}),
                                   ("events", {"type": quoted, "entityType": "search", "searchQuery": quoted})):  # fmt: skip
                    told = kind | {"properties": {"key": quoted}, "userProperties": {"userId": quoted}}
                    ask(
                        urllib.request.Request(
                            f"http://127.0.0.1:{teelog.port}/{path}", json.dumps(told).encode(), fields
                        )
                    )
            ask(urllib.request.Request(f"{teelog.base_url}/../{key}", headers=fields))
            ask(urllib.request.Request(f"http://127.0.0.1:{teelog.port}/{key}", headers={"Host": f"{CANARY}.example"}))
            recorder = teelog.until(
                lambda: (told := teelog.status()["recorder"])["counters"].get("recorded", 0) >= 6 and told
            )
            teelog.until(lambda: teelog.status()["recorder"]["sinks"]["analytics"]["depth"] == 0)
            logged = [teelog.status(), recorder, teelog.conversations() if teelog.analytics else None]
            with urllib.request.urlopen(f"http://127.0.0.1:{teelog.port}/metrics") as answer:
                logged.append(answer.read().decode())
            assert teelog.stop() == 0
    done = [outbox(tmp_path / "data", "list"), outbox(tmp_path / "data", "list", "--json")]

    assert len(tattler.heads) == 10
    assert CANARY not in json.dumps(logged)
    assert CANARY not in str(done)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [str(path) for path in files if CANARY.encode() in path.read_bytes()] == []
    if sink != "the local server":
        assert "422" in str(done[0])


def ask(request: urllib.request.Request) -> None:
    """Send a request, whatever it is answered."""
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()

"""Two tenants at one proxy: whatever the one sends with the other's ids, no row of the other's is seen, changed or joined."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from contextlib import closing

import pytest

from tests.e2e.process import Teelog
from tests.e2e.responses_upstream import ResponsesUpstream

ALPHA, BRAVO = "client-key-of-alpha", "client-key-of-bravo"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
TABLES = ("conversation", "message", "feedback", "event")


@pytest.fixture
def upstream():
    with ResponsesUpstream() as server:
        yield server


class Tenant:
    """A client with a key; keeps the ids that it was told."""

    def __init__(self, teelog: Teelog, key: str) -> None:
        self._teelog, self._key = teelog, key

    def ask(self, path: str, body=None, method: str = "POST", **headers: str) -> tuple[str, dict]:
        """The id of the exchange, and the answer."""
        fields = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self._teelog.port}{path}"
        request = urllib.request.Request(url, body and json.dumps(body).encode(), fields, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers.get("x-teelog-id", ""), json.load(answer)

    def chat(self, messages: list[dict], more=None, **headers: str) -> tuple[str, dict]:
        return self.ask("/v1/chat/completions", {"model": "m", "messages": messages, **(more or {})}, **headers)

    def respond(self, given, **more) -> tuple[str, dict]:
        return self.ask("/v1/responses", {"model": "m", "input": given, **more})

    def thumb(self, name: str, message: str, **more) -> None:
        self.ask("/feedback", {"id": name, "type": "positive", "messageId": message, **more})

    def event(self, name: str, kind: str, **more) -> None:
        self.ask("/events", {"id": name, "type": "copied", "entityType": kind, **more})


def rows(teelog: Teelog) -> dict[tuple[str, str], tuple]:
    """Everything in analytics: (table, id) -> the row."""
    with closing(sqlite3.connect(teelog.folder / "data" / "analytics.db")) as plain:
        found = {}
        for table in TABLES:
            at = plain.execute(f"SELECT * FROM {table}")
            columns = [one[0] for one in at.description]
            for row in at:
                found[table, str(row[columns.index("id")])] = tuple(zip(columns, row, strict=True))
        return found


def counts(teelog: Teelog) -> tuple:
    """How many of each kind analytics has, and what is still to be sent."""
    found = rows(teelog)
    sink = teelog.status()["recorder"]["sinks"]["analytics"]
    return tuple(sum(key[0] == table for key in found) for table in TABLES), sink["depth"]


HELLO = [{"role": "user", "content": "hello", "id": "m-1"}]
NAMED = {"x_teelog_conversation_id": "chat-1", "x_teelog_user": "u-1"}
FURTHER = [*HELLO, {"role": "assistant", "content": "echo of hello"}, {"role": "user", "content": "alpha again"}]
CHATS = ("chat-1", "conv_alpha")


def held_by(alpha: Tenant) -> dict:
    """A tenant's conversations of every kind, thumbs and events on them; their ids."""
    chat, told = alpha.chat(HELLO, **NAMED)
    second, again = alpha.chat(FURTHER, **NAMED)
    _, called = alpha.chat([{"role": "user", "content": "what?"}], {"tools": [TOOL]})
    _, first = alpha.respond("alpha one")
    _, further = alpha.respond("alpha two", previous_response_id=first["id"])
    alpha.respond("alpha three", conversation="conv_alpha")
    _, later = alpha.respond("alpha four", background=True)
    messages = (chat, second, told["id"], again["id"], "m-1", first["id"], further["id"])
    for number, message in enumerate(messages):
        alpha.thumb(f"f-{number}", message)
        alpha.event(f"e-{number}", "message", messageId=message)
    for number, name in enumerate(CHATS):
        alpha.event(f"c-{number}", "conversation", conversationId=name)
    return {
        "messages": messages, "responses": (first["id"], further["id"], later["id"]), "item": further["output"][0]["id"],
        "call": called["choices"][0]["message"]["tool_calls"][0]["id"],
    }  # fmt: skip


def intrude(bravo: Tenant, held: dict) -> None:
    """Chats and responses with another's names, history, calls and ids."""
    for name in CHATS:
        bravo.chat([{"role": "user", "content": "bravo"}], x_teelog_conversation_id=name, x_teelog_user="u-1")
        title = [{"role": "user", "content": "Generate a concise title for this chat: bravo"}]
        bravo.chat(title, {"max_tokens": 20}, x_openwebui_chat_id=name)
        bravo.respond("bravo", conversation=name)
    bravo.chat(HELLO, **NAMED)
    bravo.chat(FURTHER, **NAMED)
    bravo.chat(FURTHER)
    bravo.chat(HELLO, x_stainless_retry_count="1")
    bravo.chat(
        [*FURTHER, {"role": "assistant", "content": "echo of alpha again"}, {"role": "user", "content": "bravo"}]
    )
    tool = {"id": held["call"], "type": "function", "function": {"name": "look_up", "arguments": '{"what": "what?"}'}}
    bravo.chat([
        {"role": "user", "content": "what?"}, {"role": "assistant", "content": None, "tool_calls": [tool]},
        {"role": "tool", "tool_call_id": held["call"], "content": "bravo"},
    ])  # fmt: skip
    for name in held["responses"]:
        bravo.respond("bravo", previous_response_id=name)
        bravo.ask(f"/v1/responses/{name}", method="GET")
        bravo.ask(f"/v1/responses/{name}", method="GET")
    bravo.respond([{"type": "item_reference", "id": held["item"]}, {"role": "user", "content": "bravo"}])


def annotate(bravo: Tenant, held: dict, conversations: set[str]) -> None:
    """Thumbs and events on another's messages and conversations, under its ids for them and under own ones."""
    chat = held["messages"][0]
    for number, message in enumerate(held["messages"]):
        bravo.thumb(f"f-{number}", message, details="bravo")
        bravo.thumb(f"b-{number}", message, details="bravo", properties={"conversationId": "chat-1"})
        bravo.event(f"e-{number}", "message", messageId=message, conversationId="chat-1")
    for name in {*CHATS, *conversations}:
        both = {"conversationId": name, "messageId": chat}
        bravo.event(f"bc-{name}", "conversation", **both)
        bravo.event(f"bs-{name}", "search", searchQuery="bravo", **both)
        bravo.event(f"bp-{name}", "search", searchQuery="bravo", properties=both)


def test_nothing_crosses_between_tenants(tmp_path, upstream):
    """With all of another's ids, on every endpoint, a tenant changes no row of it, and puts nothing into its conversations."""
    settings = {"TEELOG_LISTEN__CLIENT_KEYS": f"{ALPHA},{BRAVO}", "TEELOG_UPSTREAM__API_KEY": "up"}
    settings["TEELOG_DELIVERY__DEBOUNCE_SECONDS"] = "0"
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        alpha, bravo = Tenant(teelog, ALPHA), Tenant(teelog, BRAVO)
        held = held_by(alpha)
        teelog.until(lambda: counts(teelog) == ((5, 14, 7, 9), 0))
        before = rows(teelog)
        intrude(bravo, held)
        annotate(bravo, held, {key[1] for key in before if key[0] == "conversation"})
        last, _ = bravo.chat([{"role": "user", "content": "bravo is done"}])
        teelog.until(lambda: ("message", last) in rows(teelog) and counts(teelog)[1] == 0)

        after = rows(teelog)
        assert {key: after.get(key) for key in before} == before
        new = {key: row for key, row in after.items() if key not in before}
        foreign = {key[1] for key in before if key[0] in ("conversation", "message")}
        joined = [
            (key, column) for key, row in new.items() for column, value in row
            if value in foreign or any(f'"{name}"' in str(value) for name in foreign)
        ]  # fmt: skip
        assert joined == []
        assert sum(key[0] == "message" for key in new) > 20
        assert sum(key[0] == "event" for key in new) >= 2 * len(CHATS)


def test_a_tenant_is_not_who_it_says_it_is(tmp_path, upstream):
    """Where keys go through to the upstream, a key shown beside the own one does not make a caller another tenant."""
    with Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__DEBOUNCE_SECONDS="0") as teelog:
        alpha, bravo = Tenant(teelog, "sk-alpha-0123456789"), Tenant(teelog, "sk-bravo-0123456789")
        named = {"x_teelog_conversation_id": "chat-1"}
        alpha.chat([{"role": "user", "content": "alpha"}], **named)
        teelog.until(lambda: counts(teelog) == ((1, 2, 0, 0), 0))
        before = rows(teelog)
        for field in ("x_teelog_key", "api_key", "x_api_key"):
            bravo.chat([{"role": "user", "content": "bravo"}], **named, **{field: "sk-alpha-0123456789"})
        teelog.until(lambda: len(rows(teelog)) >= len(before) + 3 and counts(teelog)[1] == 0)

        assert {key: rows(teelog).get(key) for key in before} == before

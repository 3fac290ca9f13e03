"""What README tells of the local server is done as it stands there, in a shell, against a real server."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from proxy.analytics.api import make_app
from proxy.core.wire import read_conversation, read_feedback
from tests.sdk_query_rules import QUERIES
from tests.sdk_rules import CONVERSATION, DELETED, faults_of

README = (Path(__file__).parents[2] / "README.md").read_text()
PORT = 8081
SSO = ["What is SSO?", "One sign-in for all."]
SCIM = ["And SCIM?", "It keeps the users in step."]
LDAP = ["And LDAP?", "A directory of users."]


def script(heading):
    """The commands below a heading of README, up to the next one."""
    section = README.partition(f"\n{heading}\n")[2].partition("\n##")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


@pytest.fixture
def printed(aiohttp_client, store, tmp_path):
    """Runs commands; what they print, one JSON value after the other. What fails, fails here."""

    async def run(commands):
        if not shutil.which("curl"):
            pytest.skip("no curl here")
        client = await aiohttp_client(make_app(store, api_keys=["an-api-key"], web_keys=["pk-of-the-site"]))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "analytics.key").write_text("an-api-key\n")
        # the port that README names is this server's, and a refused request is a failure
        options = f'connect-to = "127.0.0.1:{PORT}:127.0.0.1:{client.port}"\nnoproxy = "*"\nfail\nsilent\nshow-error\n'
        (tmp_path / ".curlrc").write_text(options)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", commands, cwd=tmp_path, env=os.environ | {"CURL_HOME": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told, complaints = await shell.communicate()
        assert (shell.returncode, complaints.decode()) == (0, "")
        return list(values(told.decode()))

    return run


def values(text):
    """The JSON values that stand in a text one after the other."""
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]


def contents(answer):
    return [message["content"] for message in answer["messages"]]


def ids(answer):
    return {message["id"] for message in answer["messages"]}


async def test_saved_and_shared_chats(printed, store):
    """A chat is saved, found and opened; its copy is public; a fork goes on from it; then the copy is gone."""
    answers = await printed(script("### Saved and shared chats"))
    first, second, found, opened, copied, read, forked, gone = answers

    for answer in (first, second, opened, copied, read, forked):
        assert faults_of(CONVERSATION, answer) == []
    assert faults_of(QUERIES["conversations"], found) == []
    assert faults_of(DELETED, gone) == []
    assert (contents(first), contents(second)) == (SSO, SSO + SCIM)
    assert second["userProperties"] == {"userId": "ada"}
    assert [row["id"] for row in found["data"]["result"]] == ["ada-1"]
    assert opened == second
    assert (read, contents(read)) == (copied, SSO + SCIM)
    assert (read["visibility"], read["userProperties"], opened["visibility"]) == ("public", None, "private")
    assert contents(forked) == SSO + SCIM + LDAP
    assert forked["properties"] == {"forkedFrom": read["id"]}
    assert not ids(read) & (ids(opened) | ids(forked))
    assert {one["id"] for one in (await store.conversations(9, 0))["conversations"]} == {"ada-1", "bob-1"}
    assert await store.conversation("ada-1") == opened


async def test_a_question(printed):
    """The question that README asks is answered."""
    (answer,) = await printed(script("### Queries"))

    assert faults_of(QUERIES["conversations"], answer) == []


async def test_finding_conversations(printed, store):
    """The search that README shows finds what it says, and only that."""
    said = {"c1": "How is Single Sign-On configured?", "c2": "single sign-on", "c3": "Configure single sign-on"}
    for name, question in said.items():
        messages = [{"role": "user", "content": question, "id": f"{name}-m"}]
        fields = {"properties": {"source": "teelog"}, "updatedAt": "2026-11-02T00:00:00Z"}
        await store.log_conversation(read_conversation({"type": "openai", "id": name, "messages": messages} | fields))
    for name in ("c1", "c2"):
        await store.log_feedback(read_feedback({"type": "negative", "messageId": f"{name}-m"}))

    (answer,) = await printed(script("### Finding conversations"))

    assert [one["id"] for one in answer["conversations"]] == ["c1"]
    assert (answer["total"], "nextCursor" in answer) == (1, False)

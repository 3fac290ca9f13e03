"""Inkeep's official SDK and its MCP server before the local analytics server, which holds what breaks them elsewhere."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager

import pytest

from tests.analytics import hostile
from tests.clients.inkeep import SDK, WEB_KEY, post
from tests.clients.installs import run
from tests.e2e.process import KEY

pytestmark = pytest.mark.slow

#: Every operation of the SDK's newest version on npm.
OPERATIONS = {
    "conversation.getConversationByExternalId", "conversations.delete", "conversations.get", "conversations.list",
    "conversations.log", "events.log", "feedback.getFeedbackById", "feedback.list", "feedback.submit",
    "query.conversations", "query.exportSemanticThreadsQueryResults", "query.queryEvents", "query.queryFeedback",
    "query.queryPropertyKeys", "query.queryPropertyValues", "query.querySemanticThreads", "topSearchQueries",
    "weeklySearchUsers",
}  # fmt: skip


def test_the_sdk(sdk_folder, analytics):
    """Every operation of the SDK gives what it must, and everything that others logged can be listed and read."""
    settings = {"ANALYTICS_URL": analytics, "API_KEY": KEY, "WEB_KEY": WEB_KEY}
    told = json.loads(run("node", "inkeep_sdk.mjs", cwd=sdk_folder, patience=120, **settings))
    print(f"{sum(told['calls'].values())} calls of {SDK}: {told['calls']}")

    assert told["wrong"] == []
    assert told["calls"].keys() == OPERATIONS
    assert sum(told["calls"].values()) >= 60


class Mcp:
    """The SDK's MCP server, spoken to over its standard input and output."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process
        self._asked = 0

    def ask(self, method, **params):
        """The result of a request."""
        self._asked += 1
        self.tell(method, id=self._asked, params=params)
        answer = json.loads(self._process.stdout.readline())
        assert answer["id"] == self._asked
        return answer["result"]

    def tell(self, method, **fields):
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method} | fields) + "\n")
        self._process.stdin.flush()

    def use(self, tool, **request):
        """What a tool answers, read as JSON."""
        result = self.ask("tools/call", name=tool, arguments={"request": request})
        assert not result.get("isError"), result
        return json.loads(result["content"][0]["text"])


@contextmanager
def mcp_server(sdk_folder, url):
    command = ["node", sdk_folder / "node_modules" / SDK / "bin" / "mcp-server.js", "start"]
    options = ["--server-url", url, "--api-integration-key", KEY]
    with subprocess.Popen([*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Mcp(process)
        finally:
            process.kill()


def test_the_mcp_server(sdk_folder, analytics):
    """The MCP server lists all conversations, finds one of them, and runs queries."""
    chat = {"type": "openai", "id": "mcp", "externalId": "for/mcp", "messages": [{"role": "user", "content": "hi"}]}
    post(f"{analytics}/conversations", chat | {"projectId": "mcp"})
    count = {"type": "aggregation", "aggregation": "count"}
    ours = {"condition": {"field": "projectId", "operator": "eq", "value": "mcp"}}
    with mcp_server(sdk_folder, analytics) as mcp:
        mcp.ask("initialize", protocolVersion="2024-11-05", capabilities={}, clientInfo={"name": "t", "version": "1"})
        mcp.tell("notifications/initialized")
        tools = {tool["name"] for tool in mcp.ask("tools/list")["tools"]}
        listed = mcp.use("conversations-list", limit=100)
        found = mcp.use("conversation-get-conversation-by-external-id", externalId="for/mcp")
        counted = mcp.use("query-conversations", select=[count], where=ours)
        by_type = mcp.use("query-query-feedback", select=[count], groupBy=[{"field": "type"}])

    print(f"{len(tools)} tools")
    assert {"conversations-list", "query-conversations"} <= tools
    assert listed["count"] == min(listed["total"], 100) > len(hostile.CONVERSATIONS)
    assert found["id"] == "mcp"
    assert counted["data"]["result"] == [{"count": 1}]
    assert {row["type"] for row in by_type["data"]["result"]} >= {"negative"}

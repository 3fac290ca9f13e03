"""Texts that mean something elsewhere, and here nothing but themselves: by what would take them for its own.

With what asks a server about them: every answer is checked, and a bystander shows whatever went wrong.
"""

import csv
import io
from contextlib import asynccontextmanager
from urllib.parse import quote

import orjson
import pytest
from yarl import URL

from tests.sdk_query_rules import export_faults
from tests.sdk_rules import problem_faults

API = {"Authorization": "Bearer key-api"}
MOMENT = "2026-11-02T10:00:00.000Z"

INJECTIONS = {
    "SQL that ends a text": "x'; DROP TABLE conversation; --",
    "SQL that is true": "' OR '1'='1",
    "SQL in double quotes": '" OR 1=1 --',
    "SQL that ends a call": "properties') FROM event --",
    "SQL that unites": "1 UNION SELECT id, type, text FROM message",
    "SQL's own names": "v.id",
    "a bound name": ":v0",
    "a bound place": "?1",
    "SQL's wildcards": "%_[a-z]*",
    "an escaped quote": "\\' OR 1=1 --",
    "a path of JSON": "$.a",
    "a path of JSON with quotes": '$."a"[#-1]',
    "a pointer": "/a/0/~1",
    "JSON": '{"a":1}',
    "JSON that ends early": '"}],"type":"openai","x":[{"y":"',
    "HTML": "<script>alert(1)</script>",
    "an attribute of HTML": '" onmouseover="alert(1)',
    "a character of HTML": "&lt;b&gt;&#x0;",
    "a template": "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "a line of a head": "x\r\nSet-Cookie: a=b\r\n\r\n<p>",
    "another line": "a\nb\u2028c\x85d",
    "a path upwards": "../../../etc/passwd",
    "a path upwards, encoded": "..%2F..%2fetc%2Fpasswd",
    "encoded twice": "%252e%252e%252f",
    "a slash": "a/b",
    "a slash, encoded": "a%2Fb",
    "a part of our paths": "external/x?limit=1#y",
    "a query string": "a?limit=5&offset=1;c=d+e%20f",
    "dots": "..",
    "a file": "file:///etc/passwd",
    "a shell": "$(touch /tmp/x); `id` | cat",
    "a format": "%s%n{0}{id!r}%(id)s",
    "NUL": "a\x00b",
    "control characters": "\x1b[31mred\x07\x7f",
    "Unicode's directions": "\u202egnp.exe\u2066",
    "letters that fold": "ﬀİıſKÅ",
    "two ways to write a letter": "é e\u0301",
    "beyond the first plane": "😀👩‍👩‍👧\U0010ffff\ufffe",
    "an operator of full text": 'a OR b AND NOT "c',
    "nearness in full text": "NEAR(a b, 5) title:x ^a b*",
    "a formula": "=cmd|'/c calc'!A1",
    "a number": "1e309",
    "nothing": "null",
    "a prototype": "__proto__",
}
#: Those that are tried every time; the others are slow together.
OFTEN = {
    "SQL that ends a text", "JSON that ends early", "HTML", "a line of a head", "a slash, encoded", "dots", "NUL",
    "an operator of full text",
}  # fmt: skip
each = pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name, marks=[] if name in OFTEN else pytest.mark.slow) for name, text in INJECTIONS.items()],
)


def chat(text, **fields):
    """A conversation that says a text wherever one may stand."""
    call = {"id": text, "type": "function", "function": {"name": text, "arguments": text}}
    link = dict.fromkeys(("url", "title", "label", "description", "type"), text) | {"breadcrumbs": [text]}
    shared = {"externalId": text, "externalUrl": text, "properties": {text: text, "k": text}}
    person = dict.fromkeys(("id", "userId", "userType", "supportAgentName", text), text)
    said = shared | {"id": text, "name": text, "userProperties": person, "links": [link], "tool_calls": [call]}
    messages = [
        said | {"role": "user", "content": text},
        said | {"id": f"{text}2", "role": "assistant", "content": [{"type": "text", "text": text}]},
    ]
    more = {"projectId": text, "integrationId": text, "supportTicketConversationId": text, "tags": [text]}
    times = {"createdAt": MOMENT, "updatedAt": MOMENT}
    whole = {"type": "openai", "id": text, "userProperties": person, "visibility": "private"} | shared | more | times
    return whole | {"messages": [one | times for one in messages]} | fields


class Server:
    """Asked with an api key; what is no success must be a problem."""

    def __init__(self, client):
        self._client = client

    async def ask(self, method, path, body=None, **query):
        data = None if body is None else orjson.dumps(body)
        # encoded: the path goes out as it is, dots and all
        url = URL(f"http://{self._client.host}:{self._client.port}{path}", encoded=True)
        answer = await self._client.session.request(method, url.with_query(query or None), data=data, headers=API)
        told = await answer.read()
        if answer.content_type == "text/csv":
            assert export_faults(answer.headers["Content-Type"], told) == []
            return answer.status, list(csv.reader(io.StringIO(told.decode(), newline="")))
        if answer.status != 200:
            assert problem_faults(answer.status, answer.content_type, orjson.loads(told)) == []
        return answer.status, orjson.loads(told)

    async def get(self, path, **query):
        return await self.ask("GET", path, **query)

    async def post(self, path, body):
        return await self.ask("POST", path, body)

    async def rows(self, view="conversations", **body):
        """The rows of a query, or the status of its refusal."""
        status, told = await self.post(f"/query/{view}", body)
        return told["data"]["result"] if status == 200 else status


@asynccontextmanager
async def beside_a_bystander(client):
    """A server with a bystander, which everything that goes wrong would change."""
    server = Server(client)
    bystander = {"type": "openai", "id": "by", "messages": [{"role": "user", "content": "by", "id": "by-m"}]}
    more = {"projectId": "by", "properties": {"k": "by"}, "userProperties": {"id": "by"}}
    for path, body in (
        ("/conversations", bystander | more),
        ("/feedback", {"type": "positive", "messageId": "by-m", "id": "by-f", "details": "by"}),
        ("/events", {"type": "by", "searchQuery": "by", "id": "by-e"} | more),
    ):
        assert (await server.post(path, body))[0] == 200
    before = [await seen(server, "by"), await server.rows("events", where=is_("id", "by-e"))]

    yield server

    assert [await seen(server, "by"), await server.rows("events", where=is_("id", "by-e"))] == before


async def seen(server, name):
    return await server.get(f"/conversations/{name}"), await server.get(f"/feedback/{name}-f")


def is_(field, value, operator="eq"):
    return {"condition": {"field": field, "operator": operator, "value": value}}


def encoded(text):
    """A path segment; clients resolve dots of their own accord unless they are encoded."""
    return quote(text, safe="").replace(".", "%2E")

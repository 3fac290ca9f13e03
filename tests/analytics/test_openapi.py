"""The description of the API: that it describes what is served, and that what is served keeps to it."""

import asyncio
import itertools
import re
import socket
import sys

import orjson
import pytest

from proxy.analytics.api import make_app, serve_on
from proxy.analytics.openapi import describe
from proxy.core.session_filter import PARAMETERS
from proxy.core.wire import read_conversation, read_feedback

METHODS = ("get", "post", "delete")
#: What schemathesis looks for. Not among it: that whatever the schema does not allow is refused (we are liberal in what we
#: take), and that all it allows is taken (a schema cannot say which keys a result will have).
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,use_after_free,ignored_auth"
)


@pytest.fixture
def document():
    return orjson.loads(describe())


def described(document):
    """Every operation: method, path with its parameters' names left out, and what is said of it."""
    return {
        (method.upper(), re.sub(r"{\w+}", "{}", path)): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def routes(app):
    """Every route: method, and path with its parameters' names left out."""
    found = set()
    for route in app.router.routes():
        known = route.resource.get_info()
        path = known.get("path") or re.sub(r"{[^}]*}", "{}", known["formatter"])
        found.add((route.method, path))
    return found


def test_what_is_served_is_described(store, document):
    """Every route of the API is an operation of the description, and every operation has a route."""
    served = routes(make_app(store, api_keys=["k"], pages=False))

    assert {one for one in served if one[0] != "HEAD"} == described(document).keys()


def refs(value):
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from refs(one)


def test_the_description_is_whole(document):
    """Every schema that is referred to is there and used, every operation has a name of its own, and so has each error."""
    used = set(refs(document))
    names = [operation["operationId"] for operation in described(document).values()]

    assert used == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert len(names) == len(set(names))
    for operation in described(document).values():
        problems = [one for status, one in operation["responses"].items() if status != "200"]
        assert problems
        assert all("application/problem+json" in one["content"] for one in problems)


def test_every_filter_is_described(document):
    """The parameters of the list are those that the filter reads; what Inkeep's list does not have is marked."""
    told = {one["name"]: one for one in document["paths"]["/conversations"]["get"]["parameters"]}

    assert told.keys() == set(PARAMETERS)
    assert [name for name, one in told.items() if not one.get("x-teelog-extra")] == ["limit", "offset"]


def kinds(operation):
    return [next(iter(one)) for one in operation["security"]]


async def test_keys_may_what_is_described(client, document, seconds):
    """Each operation lets in the kinds of keys that it names, turns others away with 403, and strangers with 401."""
    for (method, path), operation in described(document).items():
        seconds.now += 60  # so that nobody is held for guessing
        for key, kind in (("key-api", "api"), ("key-web", "web"), ("key-none", None)):
            answer = await client.request(
                method, path.replace("{}", "none"), headers={"Authorization": f"Bearer {key}"}, data=b"{}"
            )
            if operation["security"] == [] or kind in kinds(operation):
                assert answer.status in (200, 400, 404), (method, path, kind)
            else:
                assert answer.status == (403 if kind else 401), (method, path, kind)


def test_the_description_tells_who_may_delete():
    """With `web_delete` a web key is named at the deletion of a conversation, and only there more than before."""
    plain, more = described(orjson.loads(describe())), described(orjson.loads(describe(web_delete=True)))

    changed = [one for one in plain if kinds(plain[one]) != kinds(more[one])]
    assert changed == [("DELETE", "/conversations/{}")]
    assert kinds(more[changed[0]]) == ["api", "web"]


async def test_it_is_served_to_anybody(client):
    """The description needs no key."""
    answer = await client.get("/openapi.json")

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert (await answer.json())["openapi"].startswith("3.1")


@pytest.mark.slow
async def test_whatever_is_allowed_is_answered_as_described(store, tmp_path):
    """Schemathesis asks thousands of things, right and wrong ones: no 5xx, no answer that is not described."""
    said = [{"role": "user", "content": "hi", "id": "0"}, {"role": "assistant", "content": "hello", "id": "m"}]
    await store.log_conversation(
        read_conversation({"type": "openai", "id": "0", "externalId": "0", "messages": said, "properties": {"a": 1}})
    )
    await store.log_feedback(read_feedback({"type": "positive", "id": "0", "messageId": "m"}))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        # a minute goes by with every look at the clock, so that nobody is held for guessing
        minutes = itertools.count(0, 60)
        app = make_app(store, api_keys=["key-api"], web_keys=["key-web"], monotonic=lambda: float(next(minutes)))
        runner = await serve_on(app, listening)
        try:
            asking = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", CHECKS),
                *("--header", "Authorization: Bearer key-api", "--max-examples", "20", "--seed", "1", "--no-shrink"),
                *("--continue-on-failure", "--request-timeout", "30", "--suppress-health-check", "all"),
                cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            told, _ = await asking.communicate()
        finally:
            await runner.cleanup()

    assert asking.returncode == 0, told.decode(errors="replace")[-8000:]
    assert re.search(rb"[0-9]{4,} generated", told), told.decode(errors="replace")[-2000:]

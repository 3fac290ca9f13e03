"""Two hundred wrong posts, keys and paths: the documented error each time, and it goes on serving."""

import io

import orjson
import pytest

from tests.analytics import wrong_bodies, wrong_posts
from tests.analytics.wrong_posts import BROKEN, CHAT, KEYS, WRONG
from tests.sdk_rules import problem_faults

KEY = {"Authorization": "Bearer key-api"}
LOGS = ("/conversations", "/feedback", "/events")


@pytest.fixture
async def refused(client):
    """Sends something wrong; the problem that it is answered with. Afterwards something right is taken."""

    async def send(method, path, status, *, body=None, headers=KEY):
        answer = await client.request(method, path, data=None if body is None else io.BytesIO(body), headers=headers)
        told = orjson.loads(await answer.read())
        assert answer.status == status, told
        assert problem_faults(status, answer.content_type, told) == []
        assert answer.headers["X-Request-ID"] == told["requestId"]
        async with client.post("/conversations", data=orjson.dumps(CHAT | {"id": "c"}), headers=KEY) as right:
            assert right.status == 200
        return told

    yield send
    async with client.get("/conversations", headers=KEY) as listed:
        assert [one["id"] for one in (await listed.json())["conversations"]] == ["c"]


async def test_wrong_posts_are_pointed_at(refused):
    """Each wrong value of each field that is logged is refused, and named by its JSON pointer."""
    for name, (path, body, status, pointer) in WRONG.items():
        told = await refused("POST", path, status, body=orjson.dumps(body))
        assert told["errors"][0]["pointer"] == pointer, name


@pytest.mark.parametrize("path", LOGS)
async def test_what_is_no_json_is_refused(refused, path):
    """Broken, hostile and deeply nested JSON is refused on every path that takes a body."""
    for body in BROKEN.values():
        await refused("POST", path, 400, body=body)


async def test_wrong_keys_open_nothing(refused, seconds):
    """Whatever a stranger gives as a key is a 401, on every path."""
    for key in KEYS.values():
        seconds.now += 60  # so that nobody is held for guessing
        headers = {} if key is None else {"Authorization": key}
        for method, path in (("POST", "/events"), ("GET", "/conversations"), ("DELETE", "/conversations/c")):
            await refused(method, path, 401, headers=headers)


@pytest.mark.parametrize("path", [*LOGS, "/query/conversations", "/query/events/export", "/query/property-keys"])
async def test_bodies_over_the_size_are_refused(refused, path):
    """A body over the limit is a 413, and one in a coding a 415."""
    await refused("POST", path, 413, body=b'{"a":"' + b"x" * 4_200_000 + b'"}')
    await refused("POST", path, 415, body=b"x", headers=KEY | {"Content-Encoding": "gzip"})


PATHS = {
    "nothing there": ("GET", "/nothing", 404),
    "another method": ("PUT", "/conversations", 404),
    "a method of files": ("PROPFIND", "/feedback", 404),
    "patched": ("PATCH", "/conversations/c", 404),
    "no id": ("GET", "/conversations/", 404),
    "an unknown id": ("GET", "/conversations/none", 404),
    "half an id": ("GET", "/conversations/a/b", 404),
    "NUL": ("GET", "/conversations/%00", 404),
    "no UTF-8": ("GET", "/conversations/%ff%fe", 404),
    "a surrogate": ("GET", "/conversations/%ed%a0%80", 404),
    "an encoded slash": ("DELETE", "/conversations/c%2F..", 404),
    "an injection": ("GET", "/conversations/'%20OR%201=1%20--", 404),
    "a wildcard": ("DELETE", "/conversations/%25", 404),
    "an unknown external id": ("GET", "/conversations/external/none", 404),
    "unknown feedback": ("GET", "/feedback/none", 404),
    "unknown feedback deleted": ("DELETE", "/feedback/none", 404),
    "another view": ("POST", "/query/messages", 404),
    "an export of nothing": ("POST", "/query/property-keys/export", 404),
    "a page too large": ("GET", "/conversations?limit=1000", 400),
    "a filter that is none": ("GET", "/conversations?feedbak=positive", 400),
    "a time that is none": ("GET", "/query/top-search-queries?after=never", 400),
}


async def test_wrong_paths(refused):
    """What is not there is a 404 whatever the method, and a wrong parameter a 400."""
    for method, path, status in PATHS.values():
        await refused(method, path, status)


def test_there_are_two_hundred():
    """The wrong posts and questions are more than two hundred different bodies."""
    posts = {(path, orjson.dumps(body)) for path, body, _, _ in WRONG.values()}
    posts |= {(path, body) for path in LOGS for body in BROKEN.values()}
    questions = {orjson.dumps(body) for body in wrong_bodies.WRONG.values()} | {*wrong_bodies.BROKEN.values()}

    assert len({body for _, body in posts} | questions) > 200
    assert len(posts) > 200
    assert len(wrong_posts.KEYS) > 10

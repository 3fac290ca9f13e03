"""The door: host names, origins, the shape of errors, and the headers of every answer."""

import pytest

from tests.sdk_rules import problem_faults

API = {"Authorization": "Bearer key-api"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("localhost:8081", 200, id="localhost"),
        pytest.param("app.localhost", 200, id="under localhost"),
        pytest.param("127.0.0.1:8081", 200, id="loopback address"),
        pytest.param("[::1]:8081", 200, id="IPv6"),
        pytest.param("10.1.2.3", 200, id="any address: no name can be rebound to it"),
        pytest.param("Analytics.Example.com:443", 200, id="the configured name"),
        pytest.param("analytics.example.com.", 200, id="with its root dot"),
        pytest.param("evil.example.net", 403, id="another name"),
        pytest.param("localhost.evil.example.net", 403, id="a name that begins well"),
        pytest.param("analytics.example.com@evil.example.net", 403, id="a name with a user"),
        pytest.param("", 403, id="no name"),
    ],
)
async def test_hosts(client, host, status):
    """Names that are not ours are refused, so that no site can rebind its own to us."""
    answer = await client.get("/conversations", headers=API | {"Host": host})

    assert answer.status == status
    if status != 200:
        assert problem_faults(status, answer.content_type, await answer.json(content_type=None)) == []


async def test_no_trailer_becomes_a_field_of_the_next_request(client):
    """Behind a chunked body the connection ends, for what the parser makes of its trailers would be the next one's fields."""

    async def body():
        yield b"{}"

    answers = [
        await client.post("/conversations", data=body(), headers=API),
        await client.post("/conversations", data=b"{}"),
    ]

    assert [answer.headers.get("Connection") for answer in answers] == ["close", None]


async def test_a_probe_may_use_any_name(client):
    """`/livez` answers by any name, without a key."""
    answer = await client.get("/livez", headers={"Host": "whatever"})

    assert (answer.status, await answer.text()) == (200, "ok\n")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://docs.example.com", True), ("https://DOCS.example.com", True), ("https://evil.example.net", False)],
)
async def test_preflights(client, origin, allowed):
    """A browser is told that pages of configured origins may call, and others not."""
    answer = await client.options("/conversations", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})

    assert answer.status == (204 if allowed else 403)
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    if allowed:
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, DELETE"


async def test_guessing_is_braked(client):
    """After ten wrong keys not even a right one is looked at, unless it was used from there before."""
    other = {"Authorization": "Bearer never-used-before"}
    assert (await client.get("/conversations", headers=API)).status == 200
    guesses = [(await client.get("/feedback", headers={"Authorization": f"Bearer {n}"})).status for n in range(12)]
    braked = await client.get("/conversations", headers=other)

    assert guesses == [401] * 10 + [429] * 2
    assert braked.status == 429
    assert 0 < int(braked.headers["Retry-After"]) <= 60
    assert problem_faults(429, braked.content_type, await braked.json(content_type=None)) == []
    assert (await client.get("/conversations", headers=API)).status == 200


async def test_what_anybody_may_ask_makes_no_key_right(client):
    """A guess that was shown where no key is needed is a guess all the same."""
    guess = {"Authorization": "Bearer a-guess"}
    assert (await client.get("/livez", headers=guess)).status == 200
    for number in range(10):
        await client.get("/feedback", headers={"Authorization": f"Bearer {number}"})

    assert (await client.get("/conversations", headers=guess)).status == 429


async def test_a_right_key_that_asks_wrongly_is_a_right_key(client):
    """Whose key is ours is not locked out beside others who guess, even if all that it has asked was refused."""
    web = {"Authorization": "Bearer key-web"}
    assert (await client.get("/conversations", headers=web)).status == 403
    for number in range(10):
        await client.get("/feedback", headers={"Authorization": f"Bearer {number}"})

    assert (await client.get("/conversations", headers=web)).status == 403


ELSEWHERE = ("https://evil.example.net", "http://localhost:3000", "null", "", "http://127.0.0.1.evil.example")


@pytest.mark.parametrize("origin", ELSEWHERE)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/chats"), ("GET", "/conversations"), ("POST", "/feedback"), ("DELETE", "/feedback/x")]
)
async def test_pages_of_other_sites_are_refused(client, origin, method, path):
    """Whatever a page of another site sends is a 403, whoever's key it has found."""
    answer = await client.request(method, path, headers=API | {"Origin": origin})

    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_answers_to_an_origin(client):
    """Answers and errors carry the allowed origin, so that its page can read them; credentials are never allowed."""
    for headers in (API, {}):
        answer = await client.get("/conversations/x", headers=headers | {"Origin": "https://docs.example.com"})

        assert answer.headers["Access-Control-Allow-Origin"] == "https://docs.example.com"
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/events"),
        ("PUT", "/conversations/c1"),
        ("DELETE", "/conversations/c1"),
        ("DELETE", "/feedback/f1"),
        ("GET", "/conversations/external/x"),
        ("GET", "/conversations/"),
        ("GET", "/query/conversations"),
        ("POST", "/query/messages"),
        ("POST", "/query/conversations_view"),
        ("POST", "/livez"),
        ("GET", "/%ff%00"),
    ],
)
async def test_what_is_not_served_is_not_found(client, method, path):
    """Operations that are not served are 404 problems, never 5xx, which the SDK would repeat for an hour."""
    answer = await client.request(method, path, headers=API)

    assert answer.status == 404
    assert problem_faults(404, answer.content_type, await answer.json(content_type=None)) == []


async def test_every_answer_has_its_headers(client):
    """Every answer names its request, forbids scripts and frames, and says nothing of what serves it."""
    for path in ("/livez", "/conversations", "/nothing", "/sign-in", "/static/teelog.css"):
        answer = await client.get(path)

        assert answer.headers["X-Request-ID"].startswith("req_")
        assert answer.headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'; style-src 'self';"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Server"] == "teelog"


async def test_a_problem_names_its_request(client):
    """The id in an error's body is the one in its header."""
    answer = await client.get("/conversations/x", headers=API)

    body = await answer.json(content_type=None)
    assert body["requestId"] == answer.headers["X-Request-ID"]
    assert body["instance"] == "/conversations/x"


async def test_a_failure_tells_nothing(client, database, capsys):
    """A database that fails makes a 500 problem without its text, and the server goes on."""
    database.close()

    answer = await client.get("/conversations", headers=API)

    body = await answer.json(content_type=None)
    assert answer.status == 500
    assert problem_faults(500, answer.content_type, body) == []
    assert "analytics.db" not in str(body)
    assert (await client.get("/livez")).status == 200

"""Signing in and out, in a browser without scripts."""

import pytest
from yarl import URL

from tests.analytics.looking import Page, page_of, sign_in


async def test_a_stranger_is_asked_to_sign_in(client):
    """Without a session every page leads to the sign-in, and back to what was wanted."""
    answer = await client.get("/", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/chats")

    answer = await client.get(URL("/chats/a%2Fb", encoded=True), allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2Fchats%2Fa%252Fb")

    page = await page_of(client, answer.headers["Location"])
    assert "Sign in" in page.text


async def test_signing_in_and_out(client):
    """A key opens a session whose cookie no script and no other site can use; signing out ends it for good."""
    answer = await sign_in(client, "key-api", "/chats/a%2Fb")

    assert (answer.status, answer.headers["Location"]) == (303, "/chats/a%2Fb")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert "key-api" not in cookie
    stolen = {"Cookie": cookie.partition(";")[0]}
    assert (await client.get("/chats", allow_redirects=False)).status == 200

    answer = await client.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}, allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    assert (await client.get("/chats", headers=stolen, allow_redirects=False)).status == 303


async def test_behind_tls_the_cookie_is_secure(client):
    """A browser that came over TLS gets a cookie that goes over TLS only."""
    answer = await sign_in(client, "key-api", **{"X-Forwarded-Proto": "https"})

    assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_session_ends_after_half_a_day(browser, seconds):
    """A session that is too old asks to sign in again."""
    seconds.now += 12 * 3600

    assert (await browser.get("/chats", allow_redirects=False)).status == 303


@pytest.mark.parametrize(
    "key", ["key-web", "wrong", "", "\udcff", "x" * 9000], ids=["web", "wrong", "none", "odd", "long"]
)
async def test_other_keys_open_nothing(client, key):
    """A key that is not an api key is refused in words, and opens no session."""
    answer = await sign_in(client, key.encode("utf-8", "replace").decode())

    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert "not an API key" in Page(await answer.text()).text


async def test_a_form_of_very_many_fields_is_refused(client):
    """What no form of ours has is a 400, not a fault of ours."""
    origin = str(client.make_url("")).rstrip("/")

    answer = await client.post("/sign-in", data={f"f{n}": "1" for n in range(101)}, headers={"Origin": origin})

    assert answer.status == 400


async def test_guessing_is_stopped(client, seconds):
    """After ten failures even the right key has to wait; a minute later it opens."""
    for _ in range(10):
        assert (await sign_in(client, "wrong")).status == 401

    answer = await sign_in(client, "key-api")
    assert answer.status == 429
    assert "Set-Cookie" not in answer.headers

    seconds.now += int(answer.headers["Retry-After"])
    assert (await sign_in(client, "key-api")).status == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Origin": "https://evil.example.net"}, 403, id="another site"),
        pytest.param({"Origin": "null"}, 403, id="hidden origin"),
        pytest.param({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403, id="hidden origin, another site"),
        pytest.param({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303, id="hidden origin, ours"),
        pytest.param({"Origin": ""}, 403, id="empty origin"),
    ],
)
async def test_forms_come_from_our_own_pages(client, headers, status):
    """A sign-in or sign-out that another site's page has sent is refused."""
    assert (await sign_in(client, "key-api", **headers)).status == status
    assert (await client.post("/sign-out", headers=headers, allow_redirects=False)).status == status


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example.net",
        "//evil.example.net",
        "/sign-out",
        "/chats\\..",
        "/chats/a\r\nX: y",
        "/chatsx",
        "chats",
        "",
    ],
)
async def test_signing_in_leads_nowhere_else(client, wanted):
    """After signing in one lands on a page of ours, whatever the form said."""
    assert (await sign_in(client, "key-api", wanted)).headers["Location"] == "/chats"


async def test_a_list_that_looks_for_news_leads_to_the_sign_in(client):
    """When a session ends under a live view, the whole page goes to the sign-in."""
    answer = await client.get("/chats?live=true", headers={"HX-Request": "true"})

    assert (answer.status, answer.headers["HX-Redirect"]) == (204, "/sign-in?next=%2Fchats%3Flive%3Dtrue")

"""The pages in a browser without scripts: signing in and out, looking, and hostile chats that stay text."""

from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from yarl import URL

from proxy.analytics.api import make_app
from proxy.core.wire import read_conversation, read_feedback

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'--></pre></div>&amp;"

#: Everything that a page of ours is made of; a hostile chat must not add to it.
ELEMENTS = set(
    """html head meta title link body a header div svg rect path nav form button main p h1 h2 h3 label input code
    section ol ul li span time details summary article footer pre dl dt dd strong img script dialog kbd""".split()  # noqa: SIM905 - words
)
ATTRIBUTES = set(
    """lang charset name content rel href class viewbox aria-hidden width height rx d aria-label aria-current method
    action id for type autocomplete required autofocus aria-invalid value role datetime open src alt target title data-show data-row data-opens defer hidden
    aria-labelledby tabindex""".split()  # noqa: SIM905 - words
)


class Page(HTMLParser):
    """A page taken apart: its text, its links, and everything that is not ours."""

    def __init__(self, html):
        super().__init__()
        self.text, self.links, self.foreign = "", [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.foreign += [tag] if tag not in ELEMENTS else []
        self.foreign += [name for name, _ in attributes if name not in ATTRIBUTES]
        values = dict(attributes)
        self.links += [values[name] for name in ("href", "src") if name in values]
        if tag == "script":
            self.foreign += [] if values["src"].startswith("/static/") else ["script"]
        if tag == "img" and not values["src"].startswith("data:image/"):
            self.foreign.append(values["src"])

    def handle_comment(self, data):
        self.foreign.append(data)

    def handle_endtag(self, tag):
        self.text += "" if tag in ("span", "a", "strong", "code") else " "

    def handle_data(self, data):
        self.text += data


@pytest.fixture
async def browser(client):
    """A browser that is signed in."""
    answer = await sign_in(client, "key-api")
    assert answer.status == 303
    return client


async def sign_in(client, key, wanted="", **headers):
    return await client.post(
        "/sign-in",
        data={"key": key, "next": wanted},
        headers={"Origin": str(client.make_url("")).rstrip("/")} | headers,
        allow_redirects=False,
    )


async def page_of(client, path, status=200):
    answer = await client.get(URL(path, encoded=True))
    assert (answer.status, answer.content_type) == (status, "text/html")
    page = Page(await answer.text())
    assert page.foreign == []
    return page


async def log(store, *messages, **fields):
    return await store.log_conversation(read_conversation({"type": "openai", "messages": list(messages)} | fields))


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


async def test_an_empty_list_says_what_to_do(browser):
    """Before anything was logged the list says how to begin."""
    assert "Nothing has been logged yet" in (await page_of(browser, "/chats")).text


async def test_the_list(browser, store, clock):
    """The list shows each conversation's question, turns, user, model, feedback and interruption, newest first."""
    logged = await log(
        store,
        {"role": "user", "content": "first question"},
        {"role": "assistant", "content": "ans", "properties": {"interrupted": "client"}},
        id="a/b",
        properties={"model": "gpt-x"},
        userProperties={"userId": "ann"},
    )
    await store.log_feedback(read_feedback({"type": "positive", "messageId": logged["messages"][1]["id"]}))
    clock.now += 1000
    await log(store, {"role": "user", "content": "second question"}, id="c2")

    page = await page_of(browser, "/chats")

    words = " ".join(page.text.split())
    assert "second question 2025-11-22 07:46 UTC 1 turn first question 2025-11-22 07:46 UTC 1 turn" in words
    assert "ann gpt-x ▲ 1 helpful interrupted" in words
    assert "/chats/a%2Fb" in page.links


async def test_paging(browser, store, clock):
    """Fifty conversations stand on a page, with links to the newer and the older ones."""
    for number in range(120):
        clock.now += 1000
        await log(store, {"role": "user", "content": f"question-{number:03d}."})

    first, second, third = [await page_of(browser, f"/chats{query}") for query in ("", "?page=2", "?page=3")]

    assert [page.text.count("question-") for page in (first, second, third)] == [50, 50, 20]
    assert "question-119." in first.text
    assert "question-000." in third.text
    assert ("/chats?page=1" in second.links, "/chats?page=3" in second.links) == (True, True)
    assert "/chats?page=4" not in third.links


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "%00", "999"])
async def test_odd_pages(browser, number):
    """A page that is not there is a page all the same."""
    assert (await page_of(browser, f"/chats?page={number}")).text


async def test_a_transcript(browser, store):
    """A conversation shows who said what, calls with their results, reasoning, links, feedback and small print."""
    call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
    logged = await log(
        store,
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": "rain?"},
        {"role": "assistant", "content": None, "tool_calls": [call], "properties": {"reasoning": "let me look"}},
        {"role": "tool", "tool_call_id": "t1", "content": "dry"},
        {
            "role": "assistant",
            "content": "No rain, but",
            "links": [{"url": "https://example.com", "title": "Forecast"}],
            "properties": {"interrupted": "upstream", "model": "gpt-x", "latencyMs": 1500},
        },
        id="c1",
    )
    answer = logged["messages"][-1]["id"]
    await store.log_feedback(read_feedback({"type": "negative", "messageId": answer, "details": "cut"}))

    page = await page_of(browser, "/chats/c1")

    words = " ".join(page.text.split())
    for expected in (
        "Developer 2025-11-22 07:46 UTC Instructions be kind",
        "User 2025-11-22 07:46 UTC rain?",
        'Reasoning let me look weather Asked { "city": "Rome" } Result dry',
        "No rain, but interrupted This answer is not whole: the upstream broke off. Forecast ▼ Not helpful cut",
        "gpt-x 1.5 s",
    ):
        assert expected in words
    assert "https://example.com" in page.links


async def test_replaced_answers_are_shown_apart(browser, store):
    """An answer that was regenerated can still be read, folded away below."""
    question = {"role": "user", "content": "q"}
    await log(store, question, {"role": "assistant", "content": "first try", "id": "x1"}, id="c1")
    await log(store, question, {"role": "assistant", "content": "second try", "id": "x2"}, id="c1")

    words = (await page_of(browser, "/chats/c1")).text

    assert words.index("second try") < words.index("1 earlier answer, since replaced") < words.index("first try")


async def test_a_chat_that_is_not_there(browser):
    """An unknown id makes a page that says so."""
    assert "there is no conversation" in (await page_of(browser, "/chats/none", 404)).text


async def test_hostile_chats_stay_text(browser, store):
    """Whatever a chat holds, in every field, the page is made of our elements only and shows it as text."""
    call = {"id": HOSTILE, "type": "function", "function": {"name": HOSTILE, "arguments": f'{{"a":"{HOSTILE}"}}'}}
    items = [
        {"type": "text", "text": HOSTILE},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{HOSTILE}"}},
        {"type": "image_url", "image_url": {"url": f"javascript:{HOSTILE}"}},
        {"type": HOSTILE},
    ]
    properties = dict.fromkeys(
        ("reasoning", "model", "finishReason", "interrupted", "originalRole", "source", HOSTILE), HOSTILE
    )
    links = [{"url": f"https://x/{HOSTILE}", "title": HOSTILE, "label": HOSTILE}, {"url": f"javascript:{HOSTILE}"}]
    await log(
        store,
        {"role": "user", "content": items, "name": HOSTILE, "id": HOSTILE},
        {"role": "assistant", "content": HOSTILE, "tool_calls": [call], "properties": properties, "links": links},
        {"role": "tool", "tool_call_id": HOSTILE, "content": HOSTILE},
        {"role": "tool", "tool_call_id": "none", "content": HOSTILE, "name": HOSTILE},
        {"role": HOSTILE, "content": HOSTILE},
        id=HOSTILE,
        properties=properties,
        userProperties={"userId": HOSTILE},
        tags=[HOSTILE],
    )
    await store.log_feedback(
        read_feedback({"type": "negative", "messageId": HOSTILE, "details": HOSTILE, "reasons": [HOSTILE]})
    )

    chats = await page_of(browser, "/chats")
    chat = await page_of(browser, f"/chats/{quote(HOSTILE, safe='')}")
    missing = await page_of(browser, f"/chats/{quote(HOSTILE + 'x', safe='')}", 404)

    assert HOSTILE in chats.text
    assert chat.text.count(HOSTILE) > 12
    assert "<script>" in missing.text
    assert not [link for link in chat.links if link.startswith("javascript:")]


async def test_support_conversations_have_pages(browser, store):
    """Conversations without OpenAI's roles and content are shown as well."""
    messages = [{"role": "agent", "content": None}, {"role": "customer", "content": "help"}]
    await store.log_conversation(read_conversation({"type": "support_ticket", "id": "t", "messages": messages}))

    assert "customer" in (await page_of(browser, "/chats/t")).text
    assert "help" in (await page_of(browser, "/chats")).text


async def test_files_are_ours(client):
    """Every file a page names is served here, may be kept for a year under its name, and fetches nothing."""
    page = await page_of(client, "/sign-in")
    addresses = [link for link in page.links if link.startswith("/static/")]
    assert len(addresses) == 3

    for address in addresses:
        answer = await client.get(address)

        assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        text = await answer.text()
        assert "url(" not in text
        assert "@import" not in text


async def test_pages_are_not_kept(browser):
    """What is read on a page stays in no cache."""
    assert (await browser.get("/chats")).headers["Cache-Control"] == "no-store"


async def test_a_session_is_no_key(browser):
    """A browser's session opens the pages, never the API: another site could make a browser call it."""
    assert (await browser.get("/conversations")).status == 401


async def test_without_pages_there_are_none(aiohttp_client, store):
    """A server without pages answers the API only."""
    client = await aiohttp_client(make_app(store, api_keys=["k"], pages=False))

    assert [(await client.get(path)).status for path in ("/", "/chats", "/sign-in", "/livez")] == [404, 404, 404, 200]

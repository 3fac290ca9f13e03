"""A person before the pages: signing in, looking at a page taken apart, and having something logged to look at."""

from html.parser import HTMLParser

from yarl import URL

from proxy.core.wire import read_conversation

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'--></pre></div>&amp;"

#: Everything that a page of ours is made of; a hostile chat must not add to it.
ELEMENTS = set(
    """html head meta title link body a header div svg rect path nav form button main p h1 h2 h3 label input code
    section ol ul li span time details summary article footer pre dl dt dd strong img script dialog kbd bdi select option datalist em s blockquote hr br table caption thead tbody tr
    th td fieldset legend noscript progress figure figcaption""".split()  # noqa: SIM905 - words
)
ATTRIBUTES = set(
    """lang charset name content rel href class viewbox aria-hidden width height rx d aria-label aria-current method
    action id for type autocomplete required autofocus aria-invalid value role datetime open src alt target title data-show data-row data-opens defer hidden
    aria-labelledby tabindex data-copies data-copies-link data-messages data-search data-back dir placeholder maxlength selected
    start download list checked scope colspan data-live data-rows data-total hx-get hx-trigger hx-select hx-target hx-swap
    hx-push-url aria-live preserveaspectratio x y data-plot http-equiv""".split()  # noqa: SIM905 - words
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


async def sign_in(client, key, wanted="", **headers):
    return await client.post(
        "/sign-in",
        data={"key": key, "next": wanted},
        headers={"Origin": str(client.make_url("")).rstrip("/")} | headers,
        allow_redirects=False,
    )


async def send(client, path, **fields):
    """A form of a page of ours, sent; where it leads is not followed."""
    return await client.post(
        URL(path, encoded=True),
        data=fields,
        headers={"Origin": str(client.make_url("")).rstrip("/")},
        allow_redirects=False,
    )


async def page_of(client, path, status=200):
    answer = await client.get(URL(path, encoded=True))
    assert (answer.status, answer.content_type) == (status, "text/html")
    page = Page(await answer.text())
    assert page.foreign == [], page.foreign
    return page


async def log(store, *messages, **fields):
    return await store.log_conversation(read_conversation({"type": "openai", "messages": list(messages)} | fields))


def message(content="hi", role="assistant", **fields):
    """A message as answers tell it."""
    nothing = {"name": None, "links": None, "properties": None, "tool_calls": None}
    times = {"createdAt": "2025-11-22T07:46:05.000Z", "updatedAt": "2025-11-22T07:46:05.000Z"}
    return {"id": "m1", "role": role, "content": content} | nothing | times | fields

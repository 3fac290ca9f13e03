"""A hundred hostile messages on every page: nothing in the HTML could run or fetch, and no cell of a CSV is a formula."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from proxy.core.wire import read_event, read_feedback
from tests.analytics.looking import log
from tests.e2e.hostile import FORMULAS, HOSTILE

#: Elements that fetch, run or send something wherever they stand; our own scripts and forms are looked at apart.
DANGEROUS = set(
    "iframe object embed base frame frameset applet portal audio video source track math foreignobject animate style template".split()
)  # noqa: E501, SIM905 - words
#: Attributes that a browser fetches or leads to.
ADDRESSES = ("href", "src", "action", "formaction", "srcset", "data", "poster", "background", "xlink:href", "ping")


class Dangers(HTMLParser):
    """What in a page could run, fetch or lead elsewhere."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found += [tag] if tag in DANGEROUS or (tag == "script" and "src" not in dict(attributes)) else []
        for name, value in attributes:
            if name.startswith(("on", "hx-on")) or name in ("style", "srcdoc"):
                self.found.append((tag, name, value))
            if name in ADDRESSES and not self._is_known(tag, value or ""):
                self.found.append((tag, name, value))

    def _is_known(self, tag, value):
        if tag == "a":
            return value.startswith(
                ("/chats", "/shared/", "/insights", "/analytics", "/delivery", "#", "http://", "https://")
            )
        if tag in ("script", "link"):
            return re.fullmatch(r"/static/[\w.-]+\?v=[0-9a-f]{12}", value) is not None
        if tag == "form":
            return (
                re.fullmatch(r"/(sign-out|sign-in|insights|analytics|delivery|chats(/[\w.%~!-]+/\w+)?)", value)
                is not None
            )
        return tag == "img" and value.startswith("data:image/png;base64,")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)


@pytest.fixture
async def hostile(store):
    """Each hostile text in every field of a session of its own, and what was said and done around it."""
    for number, text in enumerate(HOSTILE):
        call = {"id": text, "type": "function", "function": {"name": text, "arguments": text}}
        other = {"role": "assistant", "content": text, "tool_calls": [call]}
        logged = await log(
            store,
            {"role": "user", "content": text, "name": text},
            {
                "role": "assistant",
                "content": text,
                "tool_calls": [call],
                "links": [{"url": f"https://x/{text}", "title": text, "label": text}, {"url": text}],
                "properties": {"reasoning": text, "model": text, "alternatives": [other], "server_tool_calls": [call]},
            },
            {"role": "tool", "tool_call_id": text, "content": text},
            id=f"h{number}",
            properties={"model": text, "endpoint": text, text: text},
            userProperties={"userId": text},
            tags=[text],
        )
        name = logged["messages"][1]["id"]
        reasons = [{"label": text, "details": text}]
        await store.log_feedback(
            read_feedback({"type": "negative", "messageId": name, "details": text, "reasons": reasons})
        )
        event = {"type": text, "messageId": name, "properties": {"messages": [other], text: text}}
        await store.log_event(read_event(event))
    await store.log_event(read_event({"type": "search", "searchQuery": HOSTILE[0]}))
    await store.share("h0", public=True)


async def test_pages_hold_nothing_dangerous(browser, store, hostile):
    """On every page whatever was said is text: no element, attribute or address of it could do anything."""
    listed = (await (await browser.get("/chats.json")).json())["next"]
    shared = (await store.transcript("h0"))["share"]
    paths = ["/chats", f"/chats?cursor={listed}", "/insights", "/analytics", f"/shared/{shared}"]

    for path in [*paths, *[f"/chats/h{number}" for number in range(len(HOSTILE))]]:
        answer = await browser.get(path)
        assert answer.status == 200, path
        assert Dangers(await answer.text()).found == [], path


def test_the_dangers_are_seen():
    """Those who look for dangers see each of the usual ones."""
    pieces = [
        "<script>x</script>",
        "<a href=javascript:x>",
        "<p onclick=x>",
        "<img src=//x>",
        "<iframe>",
        "<p style=x>",
    ]

    assert [bool(Dangers(piece).found) for piece in pieces] == [True] * 6


async def test_sheets_hold_no_formulas(browser, hostile):
    """No cell of a CSV begins as a formula does."""
    guarded = 0
    for path in ("/chats.csv", *[f"/chats/h{number}/messages.csv" for number in range(90, 100)]):
        text = (await (await browser.get(path)).read()).decode()
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")]
        guarded += sum(cell.startswith("'") for cell in cells)

    assert guarded >= len(FORMULAS)

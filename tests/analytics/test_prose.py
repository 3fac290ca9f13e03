"""Markdown of strangers, rendered so that it can do nothing."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analytics import prose
from proxy.analytics.prose import Prose, safe_html

TAGS = set("p br hr h3 strong em s code pre blockquote ul ol li a div table thead tbody tr th td".split())  # noqa: SIM905 - words


@pytest.mark.parametrize(
    ("text", "html"),
    [
        pytest.param(
            "*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>", id="inline"
        ),
        pytest.param("###### a", "<h3>a</h3>", id="a heading of any level"),
        pytest.param("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>", id="a script"),
        pytest.param("<b onclick=x>a</b>", "<p>&lt;b onclick=x&gt;a&lt;/b&gt;</p>", id="HTML"),
        pytest.param("![a<b](http://x/y.png)", "<p>[picture: a&lt;b]</p>", id="a picture"),
        pytest.param("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>", id="a script's address"),
        pytest.param("[a](/sign-out)", '<p><a rel="noopener noreferrer nofollow">a</a></p>', id="an address of ours"),
        pytest.param(
            "[a](//evil)", '<p><a rel="noopener noreferrer nofollow">a</a></p>', id="an address without scheme"
        ),
        pytest.param(
            '[a](https://b "c")',
            '<p><a href="https://b" title="c" rel="noopener noreferrer nofollow">a</a></p>',
            id="a link",
        ),
        pytest.param("https://b www.b", "<p>https://b www.b</p>", id="no link was meant"),
        pytest.param(
            '```python" onclick="x\n<b>\n```',
            '<pre tabindex="0"><code>&lt;b&gt;\n</code></pre>',
            id="code",
        ),
    ],
)
def test_rendering(text, html):
    """Markdown becomes what it means, and everything else in it stays text."""
    assert safe_html(text).strip() == html


class Tags(HTMLParser):
    """What stands in a piece of HTML that could do something."""

    def __init__(self, html):
        super().__init__()
        self.foreign = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.foreign += [tag] if tag not in TAGS else []
        for name, value in attributes:
            known = (name, value) in (("tabindex", "0"), ("class", "scrolling"), ("rel", prose._REL))
            link = name == "href" and value.lower().startswith(("http://", "https://", "mailto:"))
            self.foreign += [] if known or link or name in ("title", "start") else [(name, value)]

    def handle_comment(self, data):
        self.foreign.append(data)


PIECES = st.sampled_from(
    [
        "<",
        ">",
        '"',
        "'",
        "`",
        "```\n",
        "[",
        "](",
        ")",
        "![",
        "\n",
        "    ",
        "|",
        "|-|\n",
        "<!--",
        "-->",
        "<svg/onload=",
        "&lt;",
        "&#x6a;",
        "javascript:",
        "data:",
        "https:",
        "//",
        "\\",
        "<a href=",
        "<img src=",
        "style=",
        "*",
        "_",
        "~~",
        "# ",
        "- ",
        "1. ",
        "\x00",
        "\u202e",
        "]: ",
        "a",
    ]  # fmt: skip
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_nothing_comes_through(text):
    """Whatever is in a text, its HTML has our elements and attributes only, and no address but a web page's."""
    assert Tags(safe_html(text)).foreign == []


class Ticks:
    """A clock on which 0.4 seconds pass from look to look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.4
        return self.now


async def test_a_page_has_so_much_time():
    """When a page's time is up, the rest is not rendered, and the next look goes on where this one ended."""
    kept = Prose(Ticks())
    texts = [f"*{name}*" for name in "abc"]

    assert [list(await kept.rendered(texts)) for _ in range(2)] == [texts[:2], texts]


async def test_what_is_long_is_not_rendered():
    """A text over the limit stays text; one at the limit is rendered."""
    texts = ["a" * prose.TEXT_LIMIT, "a" * (prose.TEXT_LIMIT + 1)]

    assert list(await Prose().rendered(texts)) == texts[:1]


async def test_what_is_kept_is_bounded():
    """What was rendered is kept, the newest first, and no more than fits."""
    kept = Prose(kept=100)

    for number in range(20):
        await kept.rendered([f"text number {number}"])

    assert repr(kept) == "<Prose 4 kept, 88 characters>"

"""Markdown of strangers as HTML that can do nothing: CommonMark, tables and strikethrough, no HTML of its own.

Two locks: the parser writes HTML in the text as text, and what it made is then cut down to a few elements and attributes,
links to http, https and mailto alone. Pictures become their words: fetching them would tell their owner who reads. What
is long, or would keep the reader waiting, is not rendered: the page shows it as the text it is. A rendering takes a
thread, since half a second of it is a page's own business but not everybody's; the newest are kept.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

#: Characters; the slowest text of this size that we could think of takes a second, a usual one a sixth of that.
TEXT_LIMIT = 64 * 1024
#: What is not rendered by then is text this time, and rendered when it is looked at again.
PAGE_SECONDS = 1.0
#: Characters of HTML that are kept.
KEPT = 8 * 1024 * 1024

_TAGS = {
    "p", "br", "hr", "h3", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "div", "table", "thead",
    "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "pre": {"tabindex"}, "div": {"tabindex"}}
_SCHEMES = {"http", "https", "mailto"}
#: What follows a link learns nothing of this page.
_REL = "noopener noreferrer nofollow"


class Prose:
    """Renders, and remembers what it rendered; `clock` counts seconds, `kept` characters of HTML."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter, kept: int = KEPT) -> None:
        self._clock = clock
        self._limit = kept
        self._kept: OrderedDict[bytes, Markup] = OrderedDict()
        self._size = 0
        self._keeping = threading.Lock()

    def __repr__(self) -> str:
        return f"<Prose {len(self._kept)} kept, {self._size} characters>"

    async def rendered(self, texts: Iterable[str]) -> dict[str, Markup]:
        """The HTML of those texts of a page that there is time for."""
        return await asyncio.to_thread(self._render, list(texts))

    def _render(self, texts: Sequence[str]) -> dict[str, Markup]:
        end = self._clock() + PAGE_SECONDS
        told = {}
        for text in texts:
            if text in told or len(text) > TEXT_LIMIT:
                continue
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            html = self._kept.get(digest)
            if html is None and self._clock() < end:
                html = safe_html(text)
                self._keep(digest, html)
            if html is not None:
                told[text] = html
        return told

    def _keep(self, digest: bytes, html: Markup) -> None:
        with self._keeping:
            self._size += len(html) - len(self._kept.pop(digest, ""))
            self._kept[digest] = html
            while self._size > self._limit:
                _, oldest = self._kept.popitem(last=False)
                self._size -= len(oldest)


def safe_html(text: str) -> Markup:
    """A text's HTML; a text that is nested deeper than the parser goes comes back as text."""
    import nh3  # noqa: PLC0415 - as the parser: most servers are never looked at

    try:
        html = _parser().render(text)
    except RecursionError:
        return Markup("<p>{}</p>").format(text)
    return Markup(  # noqa: S704 - made safe here, and nowhere else
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            allowed_classes={"div": {"scrolling"}},
            url_schemes=_SCHEMES,
            url_relative="deny",
            link_rel=_REL,
        )
    )


def _heading(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: Any, _env: Mapping[str, Any]) -> str:
    """One level for all headings of a message: below the page's own, and none left out."""
    return "<h3>" if tokens[at].nesting == 1 else "</h3>\n"


def _picture(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: Any, _env: Mapping[str, Any]) -> str:
    return str(Markup("[picture: {}]").format(tokens[at].content or tokens[at].attrs.get("src", "")))


def _code(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: Any, _env: Mapping[str, Any]) -> str:
    """A block of code that can be scrolled with the keyboard."""
    return str(Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(tokens[at].content))


def _table_begins(*_: object) -> str:
    return '<div class="scrolling" tabindex="0"><table>\n'


def _table_ends(*_: object) -> str:
    return "</table></div>\n"


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - made with the first page that needs it

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    rules: dict[str, Callable[..., str]] = {
        "heading_open": _heading,
        "heading_close": _heading,
        "image": _picture,
        "fence": _code,
        "code_block": _code,
        "table_open": _table_begins,
        "table_close": _table_ends,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser

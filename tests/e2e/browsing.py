"""A person at a browser (Debian's Chromium), and somebody who watches what the browser complains of."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.process import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package)")
#: No sandbox: root has none. The rest keeps Chromium from calling home.
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: How people look at it.
DESKTOP = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
LOOKS = {
    "light": DESKTOP,
    "dark": DESKTOP | {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}, "color_scheme": "light", "has_touch": True},
}
_ZONE = {"locale": "en-US", "timezone_id": "America/New_York", "permissions": ["clipboard-read", "clipboard-write"]}
_WATCH = (
    "addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    from playwright.sync_api import sync_playwright  # who only collects tests needs none

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """One window on the portal; `complaints` is all that should not have happened in it."""

    def __init__(self, browser: Browser, address: str, *, signed_in: bool = True, **look: object) -> None:
        self.address = address
        self.complaints: list[str] = []
        #: Addresses that were answered with an error.
        self.refused: list[str] = []
        self._context = browser.new_context(**_ZONE | {"accept_downloads": True} | look)
        if look.get("java_script_enabled", True):
            self._context.add_init_script(_WATCH)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(10_000)
        self._watch(self.page)
        if signed_in:
            self.sign_in()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def sign_in(self) -> None:
        """Sign in as a person does, and land on the list."""
        self.go("/chats")
        self.page.get_by_label("API key").fill(KEY)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/chats")

    def go(self, path: str) -> None:
        """Open a page of the portal, and wait until nothing is on its way any more."""
        self.page.goto(f"{self.address}{path}", wait_until="load")

    def unfold(self) -> None:
        """Open all that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")

    def hard_to_use(self) -> list[str]:
        """What axe finds on the page (https://github.com/dequelabs/axe-core), in a few words each."""
        from axe_playwright_python.sync_playwright import Axe

        told = Axe().run(self.page).response
        assert told["passes"], "axe looked at nothing"
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in told["violations"]
            for node in one["nodes"]
        ]

    def scrolls_sideways(self) -> bool:
        """Whether the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")

    def _watch(self, page: Page) -> None:
        page.on("console", lambda one: self._hear(one.type, one.text))
        page.on("response", lambda answer: answer.status >= 400 and self.refused.append(answer.url))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._see(request.url))
        page.on("dialog", self._dismiss)

    def _hear(self, kind: str, text: str) -> None:
        # The browser says of each refused page that it was refused; `refused` has which.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource: the server responded"):
            self.complaints.append(f"console: {text}")

    def _see(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(f"{self.address}/"):
            self.complaints.append(f"request: {url}")

    def _dismiss(self, dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

"""Somebody who looks at every page of the portal, one after the other, as JSON and as it is shown.

usage: looking.py URL KEY
"""

from __future__ import annotations

import http.cookiejar
import sys
import urllib.parse
import urllib.request

PAGES = (
    "/chats", "/chats?feedback=negative", "/insights", "/analytics", "/analytics?range=7d&unit=hour",
    "/analytics?range=90d", "/analytics?by=property:source", "/delivery",
)  # fmt: skip


def main(url: str, key: str) -> None:
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(cookies)
    form = urllib.parse.urlencode({"key": key, "next": "/chats"}).encode()
    browser.open(urllib.request.Request(f"{url}/sign-in", form, {"Origin": url}), timeout=60).read()
    for path in PAGES:
        shown = browser.open(url + path, timeout=60).read()
        assert b"Sign out" in shown, path


main(*sys.argv[1:])

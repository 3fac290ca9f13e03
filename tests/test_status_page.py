"""The page of `/status`: every state of the two processes has one, and nothing in it is markup of a stranger's."""

import re

import pytest

from proxy.health import health
from proxy.status_page import StatusPage

PAGE = StatusPage()
SINK = {
    "depth": 3, "failing": 1, "waiting": 1, "oldest_seconds": 7300.0, "bytes": 12_345, "dead": {"refused": 2},
    "last_error": "it answered 503", "last_error_at": "2023-11-14T22:13:20.000Z", "rate_per_second": 0.5,
    "lasts_seconds": 147_600, "lasts": "41 h at the present rate",
}  # fmt: skip
RECORDER = {
    "sinks": {"analytics": SINK}, "counters": {"recorded": 1234, "dropped": 1},
    "failed_exchanges": {"count": 4, "bytes": 9000, "newest_seconds": 60.0}, "waits": "",
    "disk": {"bytes": 1_400_000, "free_bytes": 5_000_000_000, "growth_bytes_per_second": 9.4, "lasts_seconds": 147_600,
             "lasts": "41 h at the present rate"},
}  # fmt: skip
FRESH = {
    **RECORDER,
    "sinks": {"analytics": SINK | {"depth": 0, "failing": 0, "dead": {}, "last_error": None, "last_error_at": None,
                                   "lasts": None, "lasts_seconds": None}},
    "failed_exchanges": {"count": 0, "bytes": 0, "newest_seconds": None}, "counters": {},
    "disk": RECORDER["disk"] | {"free_bytes": None, "lasts": None, "lasts_seconds": None},
}  # fmt: skip


def told(recorder, lost=None, fault=""):
    lost = lost or {}
    return {
        "version": "0.1.0", **health(lost, recorder, fault), "ledger": {"by_reason": lost, "lately": lost},
        "relay": {"open": 2, "forwarded": 5000, "outcomes": {"complete": 4998}, "journaled": 4999, "late_releases": 0,
                  "not_recorded": lost},
        "recorder": {"starts": 1, **recorder},
    }  # fmt: skip


def text_of(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.decode().split("</style>")[1]).split())


def test_it_says_what_the_json_says():
    """Health with its reasons, each sink, the ledger and the counters stand on the page, in words and round figures."""
    page, _ = PAGE.render(told(RECORDER, {"disk_full": 7}))

    text = text_of(page)
    for part in (
        "teelog is red", "7 exchanges of the last 15 min were not recorded", "3, about 12 KB",
        "the oldest waits for 2 h", "41 h at the present rate", "it answered 503 (2023-11-14T22:13:20.000Z)",
        "dead letters: refused 2", "disk_full 7", "4 exchanges, 9.0 KB", "5,000, of which 2 are in progress",
        "recorded 1,234", "5.0 GB free",
    ):  # fmt: skip
        assert part in text


STATES = {"fresh": (FRESH, "green"), "no recorder": ({}, "red"), "no store": ({"error": "disk I/O error"}, "red")}


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_a_page(name):
    """Also where there is nothing to say, or nobody to say it."""
    recorder, colour = STATES[name]
    page, _ = PAGE.render(told(recorder))

    assert f'<span class="{colour}">{colour}</span>' in page.decode()


def test_a_stranger_s_words_are_words():
    """What a sink answered is escaped wherever it stands."""
    hostile = "<script>alert(1)</script>\"'&"
    sink = SINK | {"last_error": hostile, "dead": {hostile: 1}}
    page, _ = PAGE.render(told(RECORDER | {"sinks": {hostile: sink}, "counters": {hostile: 1}}, {hostile: 1}, hostile))

    assert b"<script" not in page
    assert page.count(b"&lt;script&gt;") >= 5


def test_nothing_runs_and_nothing_comes_from_elsewhere():
    """The page has no script and no address, and its policy allows its own style sheet alone."""
    page, fields = PAGE.render(told(RECORDER))

    assert not re.search(rb"<script|<link|<img|\bsrc=|\bhref=|\son\w+=|style=", page)
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        fields["Content-Security-Policy"],
    )
    assert fields["X-Content-Type-Options"] == "nosniff"

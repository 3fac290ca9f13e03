"""What the portal tells of chats that went through the real proxy, in a real browser: all of it, and none of it runs."""

import csv
import io
import re

import pytest

from tests.e2e.browsing import DESKTOP, Person, needs_chromium
from tests.e2e.hostile import FORMULAS
from tests.e2e.support_desk import SESSIONS, TENS

pytestmark = [pytest.mark.slow, needs_chromium]


def test_a_conversation(person):
    """A transcript: Markdown, tools folded with their results, what was regenerated, reasons, events, copying, judging."""
    page = person.page
    page.get_by_role("link", name="How do I export my data?").click()
    assert page.locator(".prose table tbody tr").count() == 2
    assert (
        page.locator(".feedback").inner_text().startswith("▼ Not helpful\ninaccurate statement: They are gone at once.")
    )
    assert "The answer was copied" in page.locator(".event").first.inner_text()
    page.get_by_role("button", name="Copy").nth(2).click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("You can export everything from **Settings")
    page.get_by_role("link", name="Link to this message").last.click()
    assert "#m-" in page.url
    page.get_by_role("button", name="Helpful", exact=True).first.click()
    page.get_by_placeholder("Why?").fill("it has a table")
    page.get_by_role("button", name="Save").click()
    assert "it has a table" in page.locator(".feedback.good").inner_text()
    page.get_by_role("button", name="Withdraw").click()
    assert page.locator(".feedback.good").count() == 0

    person.go("/chats?q=refund")
    page.get_by_role("link", name="How long does a refund take?").click()
    assert page.title() == "How long does a refund take? · teelog"
    assert page.get_by_role("link", name="All chat sessions").get_attribute("href").endswith("/chats?q=refund")
    page.get_by_text("What stood there before").click()
    assert "Quite sure." in page.locator(".event").inner_text()
    person.go("/chats?q=greet")
    page.locator("a[data-row]").click()
    page.get_by_text("Another choice (2 of 2)").click()
    assert page.get_by_text("Hi!").is_visible()


def test_sharing_and_copies(person, browser, portal):
    """A link opens the conversation for a stranger until it is taken back; a copy is a conversation of its own."""
    page = person.page
    page.get_by_role("link", name="Where is my order").click()
    here = page.url
    page.get_by_role("button", name="Make a link for everybody").click()
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()").removeprefix(portal.analytics)
    with Person(browser, portal.analytics, signed_in=False, **DESKTOP) as stranger:
        stranger.go(link)
        assert "in transit" in stranger.page.locator("main").inner_text()
        assert "find_order" not in stranger.page.content()
        assert stranger.page.get_by_role("navigation").count() == 0
        page.get_by_role("button", name="Take the link back").click()
        assert stranger.complaints == []
        stranger.go(link)
        assert "taken back" in stranger.page.locator("main").inner_text()
    page.get_by_label("Up to").select_option(index=1)
    page.get_by_role("button", name="Make a copy").click()
    page.wait_for_url(lambda url: url.split("#")[0] != here.split("#")[0])
    assert page.locator(".message").count() == 1


def test_exports(person, portal):
    """The CSV of a view has all its sessions under its address, and is saved, not opened; the JSON is the page's data."""
    page = person.page
    page.get_by_label("Search").fill("Question")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=Question**")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert download.value.suggested_filename == "chats.csv"
    assert sorted(row["question"] for row in rows) == sorted(f"Question {number}?" for number in range(60))
    # (Two may be of the same millisecond.)
    assert [row["changed"] for row in rows] == sorted((row["changed"] for row in rows), reverse=True)
    page.get_by_role("link", name="JSON").click()
    assert '"next"' in page.content()


def test_the_hostile_hundred(person, portal):
    """A hundred messages that would like to be run, on every page that shows them: none is, and none is fetched for."""
    page = person.page
    listed = ["/chats?property=team%3Dred", "/insights", "/analytics"]
    for path in listed:
        person.go(path)
        assert page.evaluate("window.ran") is None
        listed += [link.get_attribute("href") for link in page.get_by_role("link", name="Older").all()]
    for number in range(TENS):
        person.go(f"/chats/hostile-{number}")
        person.unfold()
        assert page.evaluate("window.ran") is None, number
        outside = "link => !link.protocol.startsWith('http')"
        assert not page.locator("main a[href]").evaluate_all(f"links => links.some({outside})"), number


def test_exports_have_no_formulas(portal, person):
    """No cell of an export begins as a formula does, whatever was said."""
    pages = ["/chats.csv?property=team%3Dred", *[f"/chats/hostile-{number}/messages.csv" for number in range(TENS)]]
    seen = 0
    for path in pages:
        body = person.page.request.get(f"{portal.analytics}{path}").text()
        for row in csv.reader(io.StringIO(body, newline="")):
            seen += sum(cell.startswith("'") for cell in row)
            assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")]

    assert seen >= len(FORMULAS)


def test_a_megabyte_does_not_stall_a_page(person):
    """A conversation with a message of a megabyte is there within two seconds."""
    person.go("/chats?q=long")
    address = person.page.locator("a[data-row]", has_text="xxxx").first.get_attribute("href")

    person.go(address)

    timing = person.page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd")
    assert timing < 2000
    assert "That is long." in person.page.locator("main").inner_text()


def test_all_is_listed(person):
    """The list counts every session that was held."""
    person.go("/chats")

    counted = re.match(r"([\d,]+) sessions", person.page.locator(".count").inner_text())

    assert int(counted[1]) >= SESSIONS

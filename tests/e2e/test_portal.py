"""The portal as people use it: in a real browser, on what was logged through the real proxy."""

import re

import pytest

from tests.e2e.browsing import DESKTOP, LOOKS, Person, needs_chromium
from tests.e2e.parrot import Talk
from tests.e2e.process import KEY

pytestmark = [pytest.mark.slow, needs_chromium]


def addresses(portal, person):
    """Every page there is, one for each of its states."""
    tabs = [
        link.get_attribute("href")
        for link in person.page.get_by_role("navigation", name="Pages").get_by_role("link").all()
    ]
    stories = [
        person_link(person, question)
        for question in ("How do I export my data?", "How long does a refund take?", "Where is my order", "Greet me")
    ]
    return [
        *tabs,
        *[f"{tab}?range=24h" for tab in tabs],
        "/chats?q=nothing+like+this",
        "/chats?feedback=odd",
        "/chats?side=true&live=true",
        "/chats/none",
        *stories,
    ]


def person_link(person, question):
    """The address of the session that began with a question."""
    person.go(f"/chats?q=%22{question.rstrip('?').replace(' ', '+')}%22")
    return person.page.locator("a[data-row]").first.get_attribute("href")


@pytest.mark.parametrize("look", LOOKS)
def test_every_page(browser, portal, look):
    """Every page, light, dark and on a phone: nothing to complain of, nothing hard to use, nothing out of the window."""
    with Person(browser, portal.analytics, bypass_csp=True, **LOOKS[look]) as person:
        found = {}
        for address in addresses(portal, person):
            person.go(address)
            person.unfold()
            found[address] = [*person.hard_to_use(), *(["scrolls sideways"] if person.scrolls_sideways() else [])]

        assert {address: faults for address, faults in found.items() if faults} == {}
        assert person.complaints == []


def test_every_page_as_it_is_served(person, portal):
    """Every page under its content security policy: no violation, no error, no request to anybody else."""
    for address in addresses(portal, person):
        person.go(address)

    assert person.refused == [f"{portal.analytics}{path}" for path in ("/chats?feedback=odd", "/chats/none")]


def test_complaints_are_heard(browser, portal):
    """What would be wrong with a page is heard: scripts and styles of its own, requests to others, dialogs, bad contrast."""
    with Person(browser, portal.analytics, **DESKTOP) as person:
        for wrong in (
            "<img src='http://127.0.0.1:1/x.png'>",
            "<style>p { color: #eee }</style>",
            "<img src=data:, onerror=x>",
        ):
            person.page.evaluate("html => document.querySelector('main').insertAdjacentHTML('beforeend', html)", wrong)
        person.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran=1'}))"
        )
        person.page.evaluate("setTimeout(() => { alert('x'); undefined.x })")
        person.page.wait_for_timeout(500)

        assert person.page.evaluate("window.ran") is None
        kinds = {" ".join(one.split()[:2]) for one in person.complaints}
        assert {"console: CSP", "dialog: x", "error: Cannot"} <= kinds
        assert {one.split()[2] for one in person.complaints if one.startswith("console: CSP")} >= {
            "img-src",
            "style-src-elem",
            "script-src-attr",
            "script-src-elem",
        }
    with Person(browser, portal.analytics, bypass_csp=True, **DESKTOP) as person:
        person.page.evaluate(
            "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/static/favicon.svg>')"
        )
        assert [one.partition(":")[0] for one in person.hard_to_use()] == ["image-alt"]
        person.page.evaluate("fetch('http://127.0.0.1:1/x', {mode: 'no-cors'}).catch(() => 0)")
        assert person.complaints[0] == "request: http://127.0.0.1:1/x"


def test_reading_without_a_script(browser, portal):
    """With JavaScript off one signs in, searches, pages, reads, judges, exports and follows a link to share."""
    with Person(browser, portal.analytics, java_script_enabled=False, **DESKTOP) as person:
        page = person.page
        page.get_by_label("Search").fill("refund")
        page.get_by_role("button", name="Show").click()
        assert "q=refund" in page.url
        page.get_by_role("link", name="How long does a refund take?").click()
        assert page.locator(".prose li").count() == 2
        page.get_by_role("button", name="Helpful", exact=True).last.click()
        page.get_by_role("button", name="Withdraw").click()
        page.get_by_role("button", name="Make a link for everybody").click()
        page.locator("a[href^='/shared/']").click()
        assert page.get_by_role("heading", level=1).inner_text() == "A shared conversation"
        person.go("/chats")
        page.get_by_role("link", name="Older").click()
        assert page.locator("a[data-row]").count() == 50
        page.get_by_role("link", name="Newest").click()
        page.get_by_role("link", name="Live view").click()
        assert page.get_by_role("link", name="Stop live view").is_visible()
        for tab in page.get_by_role("navigation", name="Pages").get_by_role("link").all():
            person.go(tab.get_attribute("href"))
            assert page.get_by_role("heading", level=1).count() == 1
        assert (person.complaints, person.refused) == ([], [])


def test_keys(person):
    """`/` searches, `j` and `k` walk the list, Enter opens, `?` tells the keys, Esc closes; typing is left alone."""
    page = person.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    rows = page.locator("a[data-row]")
    assert rows.nth(1).evaluate("row => row === document.activeElement")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    page.keyboard.press("/")
    page.keyboard.type("jk/?")
    assert page.get_by_label("Search").input_value() == "jk/?"
    page.get_by_label("Search").fill("order")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats?q=order*")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    assert page.locator(".tool").first.inner_text() == "find_order"


def test_filters(person):
    """A choice counts at once, the address tells it and nothing that was left empty, and going back undoes it."""
    page = person.page
    page.get_by_label("Feedback").select_option("not helpful")
    page.wait_for_url("**/chats?**feedback=negative**")
    assert "user=" not in page.url
    assert page.locator("a[data-row]").count() == 1
    assert "1 session" in page.locator(".count").inner_text()
    page.go_back()
    page.get_by_label("Answers").select_option("interrupted")
    page.wait_for_url("**failed=interrupted**")
    assert page.locator("a[data-row]").all_inner_texts()[0].startswith("Write me a long poem")
    page.get_by_role("link", name="Clear").click()
    page.get_by_text("More filters").click()
    page.get_by_label("User").fill("ada")
    page.get_by_label("Property").fill("channel=web")
    page.keyboard.press("Enter")
    page.wait_for_url("**user=ada**")
    assert page.locator("a[data-row]").count() == 2
    person.go("/chats?side=true&q=title")
    assert page.locator(".badge.plain").all_inner_texts() == ["title"]


def test_times_are_the_readers(person, portal):
    """Times stand in the reader's zone, and exactly, in UTC, where one points at them."""
    time = person.page.locator("time").first

    assert re.fullmatch(r"[A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d\s[AP]M", time.inner_text())
    assert re.fullmatch(r"[\d-]{10} [\d:]{8}\.\d{3} UTC", time.get_attribute("title"))
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", time.get_attribute("datetime"))


def test_the_live_view(person, portal):
    """In the live view a new session appears by itself, and what has the focus keeps it."""
    page = person.page
    page.get_by_role("link", name="Live view").click()
    page.get_by_label("Search").focus()
    Talk(portal.base_url, {"x-portal-user": "late"}).ask("Is anybody there?", "Yes.")

    page.get_by_role("link", name="Is anybody there?").wait_for()

    assert page.get_by_label("Search").evaluate("field => field === document.activeElement")
    assert "UTC" not in page.locator("#list").inner_text()
    page.keyboard.press("Tab")
    page.locator("a[data-row]").nth(1).focus()
    here = page.evaluate("document.activeElement.href")
    Talk(portal.base_url, {"x-portal-user": "late"}).ask("And now?", "Still.")
    page.get_by_role("link", name="And now?").wait_for()
    assert page.evaluate("document.activeElement.href") == here
    page.get_by_role("link", name="Stop live view").click()
    assert "live" not in page.url


def test_a_session_that_ends_under_the_live_view(person, portal):
    """Who is signed out while the live view is open comes to the sign-in, and back."""
    page = person.page
    page.get_by_role("link", name="Live view").click()
    page.context.clear_cookies()

    page.get_by_label("API key").fill(KEY)

    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/chats?live=true")

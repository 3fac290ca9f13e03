"""The portal as people use it: in a real browser, on what was logged through the real proxy."""

import csv
import io
import re

import pytest

from tests.e2e.browsing import DESKTOP, LOOKS, Person, chromium, needs_chromium
from tests.e2e.hostile import FORMULAS
from tests.e2e.parrot import Parrot, Talk
from tests.e2e.process import KEY, Teelog
from tests.e2e.support_desk import SESSIONS, TENS, hold_conversations

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def teelog(tmp_path_factory):
    with Parrot() as upstream, Teelog(tmp_path_factory.mktemp("portal"), upstream.url) as teelog:
        hold_conversations(teelog)
        yield teelog


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def person(browser, teelog):
    """Somebody who is signed in, on a wide screen; they have nothing to complain of."""
    with Person(browser, teelog.analytics, **DESKTOP) as person:
        yield person
        assert person.complaints == []


def addresses(teelog, person):
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
def test_every_page(browser, teelog, look):
    """Every page, light, dark and on a phone: nothing to complain of, nothing hard to use, nothing out of the window."""
    with Person(browser, teelog.analytics, bypass_csp=True, **LOOKS[look]) as person:
        found = {}
        for address in addresses(teelog, person):
            person.go(address)
            person.unfold()
            found[address] = [*person.hard_to_use(), *(["scrolls sideways"] if person.scrolls_sideways() else [])]

        assert {address: faults for address, faults in found.items() if faults} == {}
        assert person.complaints == []


def test_every_page_as_it_is_served(person, teelog):
    """Every page under its content security policy: no violation, no error, no request to anybody else."""
    for address in addresses(teelog, person):
        person.go(address)

    assert person.refused == [f"{teelog.analytics}{path}" for path in ("/chats?feedback=odd", "/chats/none")]


def test_complaints_are_heard(browser, teelog):
    """What would be wrong with a page is heard: scripts and styles of its own, requests to others, dialogs, bad contrast."""
    with Person(browser, teelog.analytics, **DESKTOP) as person:
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
    with Person(browser, teelog.analytics, bypass_csp=True, **DESKTOP) as person:
        person.page.evaluate(
            "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/static/favicon.svg>')"
        )
        assert [one.partition(":")[0] for one in person.hard_to_use()] == ["image-alt"]
        person.page.evaluate("fetch('http://127.0.0.1:1/x', {mode: 'no-cors'}).catch(() => 0)")
        assert person.complaints[0] == "request: http://127.0.0.1:1/x"


def test_reading_without_a_script(browser, teelog):
    """With JavaScript off one signs in, searches, pages, reads, judges, exports and follows a link to share."""
    with Person(browser, teelog.analytics, java_script_enabled=False, **DESKTOP) as person:
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
    page.wait_for_url("**interrupted=true**")
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


def test_times_are_the_readers(person, teelog):
    """Times stand in the reader's zone, and exactly, in UTC, where one points at them."""
    time = person.page.locator("time").first

    assert re.fullmatch(r"[A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d\s[AP]M", time.inner_text())
    assert re.fullmatch(r"[\d-]{10} [\d:]{8}\.\d{3} UTC", time.get_attribute("title"))
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", time.get_attribute("datetime"))


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


def test_sharing_and_copies(person, browser, teelog):
    """A link opens the conversation for a stranger until it is taken back; a copy is a conversation of its own."""
    page = person.page
    page.get_by_role("link", name="Where is my order").click()
    here = page.url
    page.get_by_role("button", name="Make a link for everybody").click()
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()").removeprefix(teelog.analytics)
    with Person(browser, teelog.analytics, signed_in=False, **DESKTOP) as stranger:
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


def test_the_live_view(person, teelog):
    """In the live view a new session appears by itself, and what has the focus keeps it."""
    page = person.page
    page.get_by_role("link", name="Live view").click()
    page.get_by_label("Search").focus()
    Talk(teelog.base_url, {"x-teelog-user": "late"}).ask("Is anybody there?", "Yes.")

    page.get_by_role("link", name="Is anybody there?").wait_for()

    assert page.get_by_label("Search").evaluate("field => field === document.activeElement")
    assert "UTC" not in page.locator("#list").inner_text()
    page.keyboard.press("Tab")
    page.locator("a[data-row]").nth(1).focus()
    here = page.evaluate("document.activeElement.href")
    Talk(teelog.base_url, {"x-teelog-user": "late"}).ask("And now?", "Still.")
    page.get_by_role("link", name="And now?").wait_for()
    assert page.evaluate("document.activeElement.href") == here
    page.get_by_role("link", name="Stop live view").click()
    assert "live" not in page.url


def test_a_session_that_ends_under_the_live_view(person, teelog):
    """Who is signed out while the live view is open comes to the sign-in, and back."""
    page = person.page
    page.get_by_role("link", name="Live view").click()
    page.context.clear_cookies()

    page.get_by_label("API key").fill(KEY)

    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/chats?live=true")


def test_exports(person, teelog):
    """The CSV of a view has all its sessions under its address, and is saved, not opened; the JSON is the page's data."""
    page = person.page
    page.get_by_label("Search").fill("Question")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=Question**")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert download.value.suggested_filename == "chats.csv"
    assert len(rows) == 60
    assert rows[0]["question"] == "Question 59?"
    page.get_by_role("link", name="JSON").click()
    assert '"next"' in page.content()


def test_the_hostile_hundred(person, teelog):
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


def test_exports_have_no_formulas(teelog, person):
    """No cell of an export begins as a formula does, whatever was said."""
    pages = ["/chats.csv?property=team%3Dred", *[f"/chats/hostile-{number}/messages.csv" for number in range(TENS)]]
    seen = 0
    for path in pages:
        body = person.page.request.get(f"{teelog.analytics}{path}").text()
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

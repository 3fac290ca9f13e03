"""The list of conversations in a browser without scripts."""

import pytest

from proxy.core.wire import read_feedback
from tests.analytics.looking import log, page_of


async def test_an_empty_list_says_what_to_do(browser):
    """Before anything was logged the list says how to begin."""
    assert "Nothing has been logged yet" in (await page_of(browser, "/chats")).text


async def test_the_list(browser, store, clock):
    """The list shows each conversation's question, turns, user, model, feedback and interruption, newest first."""
    logged = await log(
        store,
        {"role": "user", "content": "first question"},
        {"role": "assistant", "content": "ans", "properties": {"interrupted": "client"}},
        id="a/b",
        properties={"model": "gpt-x"},
        userProperties={"userId": "ann"},
    )
    await store.log_feedback(read_feedback({"type": "positive", "messageId": logged["messages"][1]["id"]}))
    clock.now += 1000
    await log(store, {"role": "user", "content": "second question"}, id="c2")

    page = await page_of(browser, "/chats")

    words = " ".join(page.text.split())
    assert "second question 2025-11-22 07:46 UTC 1 turn first question 2025-11-22 07:46 UTC 1 turn" in words
    assert "ann gpt-x ▲ 1 helpful interrupted" in words
    assert "/chats/a%2Fb" in page.links


async def test_paging(browser, store, clock):
    """Fifty conversations stand on a page, with links to the newer and the older ones."""
    for number in range(120):
        clock.now += 1000
        await log(store, {"role": "user", "content": f"question-{number:03d}."})

    first, second, third = [await page_of(browser, f"/chats{query}") for query in ("", "?page=2", "?page=3")]

    assert [page.text.count("question-") for page in (first, second, third)] == [50, 50, 20]
    assert "question-119." in first.text
    assert "question-000." in third.text
    assert ("/chats?page=1" in second.links, "/chats?page=3" in second.links) == (True, True)
    assert "/chats?page=4" not in third.links


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "%00", "999"])
async def test_odd_pages(browser, number):
    """A page that is not there is a page all the same."""
    assert (await page_of(browser, f"/chats?page={number}")).text

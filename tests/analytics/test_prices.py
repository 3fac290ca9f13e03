"""What answers cost: by a price list, once, and unknown where it is not known."""

import pytest

from proxy.analytics import conversations, keeping
from proxy.analytics.figures import Asked, earlier
from proxy.analytics.prices import PriceList, installed, price_answers

AT = 1_763_797_565_000
#: A dollar for a million tokens in, ten for those out; of one model only.
CHEAP = PriceList(
    "list 1",
    lambda model, tokens_in, tokens_out, _cached, _at: tokens_in * 1000 + tokens_out * 10_000 if model == "m" else None,
)


def answer(name, **properties):
    return {"role": "assistant", "content": "so", "id": name, "createdAt": AT, "properties": properties}


def log(database, *answers):
    asked = {"role": "user", "content": "?", "createdAt": AT}
    posted = {"type": "openai", "id": "c", "messages": [asked, *answers]}
    database.write(lambda tx: conversations.log(tx, posted, AT, lambda kind: f"{kind}1"))


def told(database):
    return database.read(lambda tx: earlier(tx, Asked(AT - 1, AT + 1))[0])


USAGE = {"prompt_tokens": 2_000_000, "completion_tokens": 100_000}


def test_known_answers_are_priced_once(database):
    """Answers with a price and tokens cost what the list says; the others have no cost, and nothing is asked twice."""
    log(database, answer("a", model="m", usage=USAGE), answer("b", model="x", usage=USAGE), answer("c", model="m"))

    assert (told(database)["costUsd"], told(database)["answersWithCost"]) == (None, 0)
    assert database.write(lambda tx: price_answers(tx, CHEAP)) == 3
    assert database.write(lambda tx: price_answers(tx, CHEAP)) == 0
    assert (told(database)["costUsd"], told(database)["answersWithCost"]) == (3.0, 1)


def test_no_price_makes_sums_overflow(database):
    """An answer that would cost more than any does has no price, so that the sums of very many stay numbers."""
    usage = {"prompt_tokens": 999_999_999, "completion_tokens": 999_999_999}
    log(database, answer("a", model="m", usage=usage), answer("b", model="m", usage=USAGE))

    assert database.write(lambda tx: price_answers(tx, CHEAP)) == 2
    assert (told(database)["costUsd"], told(database)["answersWithCost"]) == (3.0, 1)


def test_a_newer_list_is_asked_for_what_was_unknown(database):
    """What had no price is looked for in another list; what had one keeps it."""
    log(database, answer("a", model="m", usage=USAGE), answer("b", model="x", usage=USAGE))
    database.write(lambda tx: price_answers(tx, CHEAP))
    asked = []

    def price(model, *_):
        asked.append(model)
        return 5_000_000_000

    assert database.write(lambda tx: price_answers(tx, PriceList("list 2", price))) == 1
    assert asked == ["x"]
    assert told(database)["costUsd"] == 8.0


def test_a_price_shows_in_sums_that_were_kept(database):
    """A price that comes later makes the sums of its hour anew."""
    log(database, answer("a", model="m", usage=USAGE))
    later = AT + 24 * 3_600_000
    database.write(lambda tx: keeping.sum_hours(tx, later))
    database.write(lambda tx: price_answers(tx, CHEAP))

    assert told(database)["costUsd"] == 3.0
    assert database.write(lambda tx: keeping.sum_hours(tx, later)) == 1
    assert told(database)["costUsd"] == 3.0


@pytest.mark.parametrize(
    ("model", "cached", "dollars"),
    [
        pytest.param("gpt-4o-mini", 0, 0.21, id="known"),
        pytest.param("gpt-4o-mini", 1_000_000, 0.135, id="half price from the cache"),
        pytest.param("gpt-4o-mini", 9_000_000, 0.135, id="more cached than read"),
        pytest.param("a-model-of-nobody", 0, None, id="unknown"),
        pytest.param("", 0, None, id="no model"),
    ],
)
def test_the_installed_list_knows_prices(model, cached, dollars):
    """The list of the extra knows what known models cost, and of others that it does not."""
    listed = installed()
    assert listed is not None
    cost = listed.price(model, 1_000_000, 100_000, cached, AT)

    assert listed.name.startswith("genai-prices ")
    assert cost == (None if dollars is None else round(dollars * 10**9))

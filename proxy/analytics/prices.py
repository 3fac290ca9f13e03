"""What answers cost, where it is known: by the price lists of genai-prices (extra `prices`); unknown stays unknown.

An answer is priced by its own model, once, as of the day it was given, at list price in US dollars. Without the extra, for
a model that no list has and an answer that did not tell its tokens, there is no cost. Nothing is fetched: the lists come
with the package. A newer one is asked again for what was unknown, and changes nothing that was known.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..db.sqlite import Tx

    #: Model, tokens in, tokens out, of those in from a cache, unix milliseconds → billionths of a dollar.
    Price = Callable[[str, int, int, int, int], int | None]

#: Answers of one transaction: a price takes a tenth of a millisecond.
ANSWERS_AT_ONCE = 100
_NANO = 1_000_000_000
#: No answer costs as much; who says that theirs had so many tokens would make sums overflow (64 bits).
COST_LIMIT = 10_000 * _NANO
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PriceList(NamedTuple):
    """Prices, and what the list is called."""

    name: str
    price: Price


def installed() -> PriceList | None:
    """The list that is installed; None without the extra."""
    if find_spec("genai_prices") is None:
        return None
    from importlib import metadata  # noqa: PLC0415 - half a megabyte, which nobody should pay for who has no prices

    try:
        name = f"genai-prices {metadata.version('genai-prices')}"
    except metadata.PackageNotFoundError:
        return None

    def price(model: str, tokens_in: int, tokens_out: int, cached: int, at: int) -> int | None:
        import genai_prices  # noqa: PLC0415 - 30 MB, which nobody should pay for who has no answer yet

        usage = genai_prices.Usage(
            input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=min(cached, tokens_in) or None
        )
        try:
            told = genai_prices.calc_price(
                usage, model_ref=model, genai_request_timestamp=_EPOCH + timedelta(milliseconds=at)
            )
        except (LookupError, ValueError):
            return None
        return round(told.total_price * _NANO)

    return PriceList(name, price)


def price_answers(tx: Tx, listed: PriceList) -> int:
    """Prices some of the answers that this list has not been asked about; how many."""
    found = tx.all("unpriced", list=listed.name, limit=ANSWERS_AT_ONCE)
    tx.many("price", [_priced(dict(row), listed) for row in found])
    return len(found)


def _priced(row: dict[str, Any], listed: PriceList) -> dict[str, Any]:
    told = None not in (row["tokens_in"], row["tokens_out"])
    cost = None
    if told and row["model"]:
        cost = listed.price(row["model"], row["tokens_in"], row["tokens_out"], row["cached"] or 0, row["created_at"])
    if cost is not None and cost >= COST_LIMIT:
        cost = None
    return {"conversation": row["conversation"], "message": row["message"], "cost": cost, "list": listed.name}

"""Among which sessions: what figures lead to in the list."""

import pytest

from proxy.core.among import PARAMETERS, Among, read_among
from proxy.errors import ApiError


def test_nothing_asks_nothing():
    """An empty form, and parameters of others, narrow nothing."""
    assert read_among(dict.fromkeys(PARAMETERS, "") | {"q": "x"}).is_all


def test_all_of_it_is_read():
    """Each parameter is read as what it is."""
    query = {
        "began": "2025-11-22T00:00:00Z",
        "before": "2025-11-23",
        "endpoint": "chat",
        "asked": "5",
        "again": "true",
        "failed": "interrupted:client",
        "reason": "ä",
        "unexplained": "true",
        "cites": "https://a.example",
    }
    assert read_among(query) == Among(
        1_763_769_600_000, 1_763_856_000_000, "chat", 5, True, "interrupted:client", "ä", True, "https://a.example"
    )


@pytest.mark.parametrize(
    "query",
    [
        {"began": "yesterday"},
        {"before": "99999999999999999999"},
        {"asked": "-1"},
        {"asked": str(2**63)},
        {"asked": "٥"},
        {"failed": "badly"},
        {"reason": "\ud800"},
        {"cites": "x" * 3000},
    ],
    ids=lambda query: next(iter(query)),
)
def test_what_is_wrong_is_refused(query):
    """A value that means nothing is told with its parameter."""
    with pytest.raises(ApiError) as refused:
        read_among(query)

    assert refused.value.status == 400
    assert refused.value.errors[0]["pointer"] == f"/{next(iter(query))}"

"""Figures as a page shows them: what changed, and how high a chart is."""

import pytest

from proxy.analytics.charts import analytics_view
from proxy.core.tally import Tally, figures

NOTHING = figures(Tally())


def view(now, before=None):
    """The page's values where figures, and those of the period before, differ from nothing."""
    one = {"start": "2026-11-22T00:00:00.000Z", "narrow": {}} | NOTHING | now
    earlier = None if before is None else NOTHING | before
    return analytics_view({"total": one, "before": earlier, "series": [one], "unit": "day", "groups": []})


@pytest.mark.parametrize(
    ("figure", "now", "before", "said"),
    [
        ("sessions", 3, 2, "+50 %, was 2"),
        ("sessions", 1000, 1001, "as before"),
        ("sessions", 3, 0, "none before"),
        ("costUsd", 2.0, 0.5, "+300 %, was $0.5000"),
        ("costUsd", 2.0, None, "not known before"),
        ("helpfulRate", 0.5, 0.8, "was 80.0 %"),
    ],
)
def test_what_changed(figure, now, before, said):
    """A figure says what it was; a share, which has a percentage of its own, says no second one."""
    names = {"sessions": "Sessions", "costUsd": "Cost", "helpfulRate": "Helpful, of the feedback"}
    tiles = {tile["name"]: tile["change"] for tile in view({figure: now}, {figure: before})["tiles"]}

    assert tiles[names[figure]] == said


@pytest.mark.parametrize(
    ("highest", "top"), [(1, "1"), (3, "3"), (9, "10"), (11, "15"), (21, "30"), (1001, "1,500")], ids=str
)
def test_charts_are_as_high_as_they_need(highest, top):
    """A chart ends at a round number not far above its highest bar."""
    assert view({"sessions": highest})["charts"][0]["top"] == top

"""Sessions by a property, told by their traits or, where those do not tell, out of their JSON."""

import pytest

from proxy.analytics import grouping
from proxy.analytics.figures import Asked, figures
from proxy.analytics.gathering import ALL
from proxy.core.session_filter import VALUE_LIMIT
from proxy.core.traits import TRAITS_LIMIT
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live

SINCE, UNTIL = scenes.NOW - 30 * 24 * scenes.HOUR, scenes.NOW
FEW = [{"p": "a"}, {"p": "b"}, {"p": "a"}, {}, {"p": None}, {"p": 5}]
MANY = [{"p": str(number % 20)} for number in range(25)]
LOGS = {
    "few values": ("p", FEW, True),
    "many values": ("p", [*MANY, {}], True),
    "of nobody": ("q", FEW, True),
    "a value too long": ("p", [*FEW, {"p": "x" * (VALUE_LIMIT + 1)}], False),
    "another's value too long": ("p", [*FEW, {"q": "x" * (VALUE_LIMIT + 1)}], True),
    "one that has too much": ("p", [*FEW, {"p": "c"} | {str(number): "" for number in range(TRAITS_LIMIT)}], False),
    "a name with an equals sign": ("p=a", [{"p=a": "b"}, {"p": "a=b"}], False),
    "what changes with every post": ("teelogRev", [{"teelogRev": 1}, {"teelogRev": 2}], False),
    "names that begin alike": ("p", [{"p": "a"}, {"pp": "a"}, {"p>": "a"}, {"p<": "a"}], True),
}


@pytest.mark.parametrize("filtered", [False, True], ids=["all", "filtered"])
@pytest.mark.parametrize(("name", "log", "by_traits"), LOGS.values(), ids=LOGS)
def test_groups_are_those_of_the_property(database, name, log, by_traits, filtered):
    """However a property is read, each session stands with those that have the same there, as text."""
    for number, properties in enumerate(log):
        said = [{"role": "user", "content": "?", "createdAt": SINCE + number}]
        posted = {"id": f"c{number}", "messages": said, "properties": properties}
        database.write(lambda tx, posted=posted: live(tx, ("log", posted)))
    expected = {}
    for properties in log:
        value = properties.get(name)
        text = value if value is None or isinstance(value, str) else str(value)
        expected[text] = expected.get(text, 0) + 1

    asked = Asked(SINCE, UNTIL, by=f"property:{name}", property=name, chosen=ALL if filtered else None)
    found = database.read(lambda tx: figures(tx, asked))
    told = database.read(
        lambda tx: grouping.by_property(ALL, name, grouping.values_of(tx, name), SINCE, UNTIL, filtered=False)
    )

    assert {group: tally.sessions for group, tally in found.groups.items()} == expected
    assert told.chosen.needs_conversation is not by_traits

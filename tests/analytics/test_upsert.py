"""What an upsert makes of a conversation, on paper."""

import itertools

import pytest

from proxy.analytics.upsert import merged, settled, teelog_rev
from proxy.errors import ApiError


def minting():
    numbers = itertools.count(1)
    return lambda: f"new{next(numbers)}"


def stored(place, name, content, role="user", **more):
    fields = {"id": name, "place": place, "role": role, "content": content, "createdAt": 10, "updatedAt": 10}
    return fields | {"id_given": False} | more


def said(content, role="user", **more):
    return {"role": role, "content": content} | more


@pytest.mark.parametrize(
    ("old", "posted", "ids"),
    [
        pytest.param([], [said("a"), said("b")], ["new1", "new2"], id="first post"),
        pytest.param([stored(0, "m0", "a")], [said("a"), said("b")], ["m0", "new1"], id="goes on"),
        pytest.param([stored(0, "m0", "a")], [said("x")], ["new1"], id="says something else"),
        pytest.param([stored(0, "m0", "a")], [said("a", role="system")], ["new1"], id="another role"),
        pytest.param([stored(0, "m0", "a")], [said("b"), said("a")], ["new1", "new2"], id="another place"),
        pytest.param([stored(0, "m0", "a")], [said("x", id="m0")], ["m0"], id="id given"),
        pytest.param([stored(0, "m0", "a")], [said("a", id="mine")], ["mine"], id="another id given"),
        pytest.param(
            [stored(0, "m0", "a"), stored(1, "m1", "a")],
            [said("a"), said("a", id="m0")],
            ["new1", "m0"],
            id="an id given elsewhere is not taken twice",
        ),
        pytest.param([stored(None, "m0", "a")], [said("a")], ["new1"], id="a replaced message has no place"),
    ],
)
def test_message_ids(old, posted, ids):
    """A message keeps the id it came with, else that of the one that said the same at its place."""
    assert [message["id"] for message in settled(old, posted, 20, minting())] == ids


@pytest.mark.parametrize(
    ("posted", "created", "updated"),
    [
        pytest.param(said("a"), 10, 10, id="unchanged"),
        pytest.param(said("b", id="m0"), 10, 20, id="changed"),
        pytest.param(said("a", createdAt=5, updatedAt=6), 5, 6, id="times given"),
        pytest.param(said("b"), 20, 20, id="new"),
    ],
)
def test_message_times(posted, created, updated):
    """A message keeps its creation time; its update time moves when it changed."""
    (message,) = settled([stored(0, "m0", "a")], [posted], 20, minting())

    assert (message["createdAt"], message["updatedAt"]) == (created, updated)


OLD = {"id": "c", "type": "openai", "createdAt": 10, "updatedAt": 15, "tags": ["a"], "properties": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("posted", "fields"),
    [
        pytest.param({}, {"tags": ["a"], "properties": {"a": 1, "b": 2}}, id="omitted is kept"),
        pytest.param({"tags": None}, {"tags": None}, id="null clears"),
        pytest.param({"properties": {"a": 3}}, {"properties": {"a": 3}}, id="objects are replaced whole"),
        pytest.param({"createdAt": 12}, {"createdAt": 10}, id="createdAt is that of the first write"),
        pytest.param({}, {"updatedAt": 20}, id="updatedAt is bumped"),
        pytest.param({"updatedAt": 15}, {"updatedAt": 20}, id="an echoed updatedAt is bumped"),
        pytest.param({"updatedAt": 17}, {"updatedAt": 17}, id="a newer updatedAt is kept"),
        pytest.param(
            {"updatedAt": 15, "properties": {"source": "teelog", "teelogRev": 1}},
            {"updatedAt": 15},
            id="a snapshot sent again changes no time",
        ),
    ],
)
def test_merging(posted, fields):
    """Fields of a conversation are kept, cleared or replaced by what the post says of them."""
    assert fields.items() <= merged(OLD, {"type": "openai"} | posted, 20).items()


def test_the_type_cannot_change():
    """A conversation of another type under the same id is a conflict."""
    with pytest.raises(ApiError) as refused:
        merged(OLD, {"type": "support_ticket"}, 20)

    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("properties", "rev"),
    [
        pytest.param({"source": "teelog", "teelogRev": 7}, 7, id="a teelog's"),
        pytest.param({"teelogRev": 7}, None, id="another source"),
        pytest.param({"source": "teelog", "teelogRev": "7"}, None, id="text"),
        pytest.param({"source": "teelog", "teelogRev": True}, None, id="boolean"),
        pytest.param({"source": "teelog", "teelogRev": 2**64}, None, id="too large to keep"),
        pytest.param(None, None, id="none"),
    ],
)
def test_revisions(properties, rev):
    """Only a whole number from a teelog is a revision."""
    assert teelog_rev({"properties": properties}) == rev

"""Searches over many blocks of conversations, held against looking at every one."""

import random
from dataclasses import replace

import pytest

from proxy.analytics import rows, sessions
from proxy.analytics.beginnings import spelled_out
from proxy.core.session_filter import Page, read_cursor, read_sessions

COUNT = 3500
START = 1_760_000_000_000
#: Words by how many say them.
WORDS = {"everywhere": 1.0, "often": 0.3, "seldom": 0.01, "once": 0.0005}


def conversation(number, chance, at):
    said = [word for word, share in WORDS.items() if chance.random() < share]
    said += ["early"] * (number < 200)
    tags = [tag for tag, share in (("many", 0.5), ("few", 0.002)) if chance.random() < share]
    return {
        "id": f"c{chance.randrange(10**9)}",
        "text": " ".join(said),
        "began": START,
        "updatedAt": at,
        "tags": tags,
    }


def put_all(database, made):
    """Conversations of one question each."""

    def told(one):
        times = {"createdAt": one["began"], "updatedAt": one["began"]}
        message = {"id": f"m-{one['id']}", "role": "user", "content": one["text"]} | times
        return {"type": "openai", "messages": [message]} | times | one

    def put(tx):
        every = [told(one) for one in made]
        tx.many("put_conversation", [rows.conversation_row(one, None) for one in every])
        tx.many("put_message", [rows.message_row(one["messages"][0], one["id"], 0, id_given=True) for one in every])

    database.write(put)


def fill(database, updated):
    chance = random.Random(7)
    made = [conversation(number, chance, START + updated(number, chance)) for number in range(COUNT)]
    put_all(database, made)
    return sorted(made, key=lambda one: (-one["updatedAt"], one["id"]))


ORDERS = {
    "as they began": lambda number, chance: number * 1000,
    "any": lambda number, chance: chance.randrange(500),
    "some go on": lambda number, chance: number * 1000 if chance.random() < 0.95 else 10**7 + number,
    "the other way round": lambda number, chance: -number,
}
ASKED = [
    {"q": "everywhere"},
    {"q": "often"},
    {"q": "seldom"},
    {"q": "seldo*"},
    {"q": "once"},
    {"q": "early"},
    {"q": "never"},
    {"q": "everywhere often"},
    {"q": "often", "tag": "many"},
    {"q": "everywhere", "tag": "few"},
    {"q": "every*", "tag": "few"},
    {"q": "often", "from": str(START + 1_000_000)},
    {"q": "often", "to": str(START + 1_000_000), "tag": "many"},
]


@pytest.mark.parametrize("updated", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("spelled", [False, True], ids=["as asked", "spelled out"])
def test_pages_of_a_search(database, updated, spelled):
    """Page after page, in whatever order conversations were changed, a search lists those that say the words, and counts them."""
    listed = fill(database, updated)
    for asked in [one for one in ASKED if not spelled or "*" in one["q"]]:
        words = [word.rstrip("*") for word in asked["q"].split()]
        expected = [
            one["id"]
            for one in listed
            if all(any(said.startswith(word) for said in one["text"].split()) for word in words)
            and asked.get("tag", "many" if "many" in one["tags"] else None) in [*one["tags"], None]
            and int(asked.get("from", 0)) <= one["updatedAt"] < int(asked.get("to", 10**15))
        ]
        wanted, _ = read_sessions(asked.items(), limit=40, highest=40)
        if spelled:
            wanted = replace(wanted, words=database.read(lambda tx, w=wanted: spelled_out(tx, w.words, 10)))
        found, after = [], None
        for _ in range(4):
            page = database.read(lambda tx, a=after, w=wanted: sessions.lines(tx, w, Page(40, after=a)))
            found += [line["id"] for line in page.lines]
            if page.total is None:
                assert page.counted < len(expected), asked
            else:
                assert page.total == len(expected), asked
            if page.next is None:
                break
            after = read_cursor(page.next)
        assert found == expected[:160], asked
        skipped = database.read(lambda tx, w=wanted: sessions.lines(tx, w, Page(10, offset=25)))
        assert [line["id"] for line in skipped.lines] == expected[25:35], asked
        told = database.read(lambda tx, w=wanted: sessions.answers(tx, w, Page(2, offset=25)))
        assert ([one["id"] for one in told["conversations"]], told["total"]) == (expected[25:27], len(expected)), asked

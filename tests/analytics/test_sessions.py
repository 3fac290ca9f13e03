"""The list of conversations, narrowed and paged, held against an obvious evaluator of the same filters."""

import asyncio
import random
import re
import threading
from urllib.parse import quote

import pytest

from proxy.analytics.store import FUNCTIONS, Store, definitions
from proxy.core.session_filter import EVERY, Page, Place, SessionFilter, cursor_of, read_sessions
from proxy.core.traits import TRAITS_LIMIT
from proxy.core.wire import read_conversation, read_feedback
from proxy.db.sqlite import Database

KEY = {"Authorization": "Bearer key-api"}
VOCABULARY = ["refund", "Größe", "ordér", "退款", "환불", "AND", "x-1", "a", "b", "c", "NOT", "résumé", '"', "*"]


def posted(name, *said, **fields):
    messages = [
        {"role": "assistant" if place % 2 else "user", "content": text, "id": f"{name}-{place}"}
        for place, text in enumerate(said)
    ]
    return read_conversation({"type": "openai", "id": name, "messages": messages} | fields)


async def ids(store, **asked):
    """What a URL's query with these parameters lists, in order."""
    given = [(name, one) for name, value in asked.items() for one in ([value] if isinstance(value, str) else value)]
    wanted, page = read_sessions(given, limit=100, highest=100)
    answer = await store.conversations(page.limit, page.offset, asked=wanted, after=page.after)
    assert answer["total"] >= answer["count"] == len(answer["conversations"])
    return [one["id"] for one in answer["conversations"]]


@pytest.fixture
async def filled(store, clock):
    """Conversations that differ in everything a filter asks about."""
    said = {
        "c1": (
            ["I want a refund", "Of course."],
            {"tags": ["vip", "eu"], "properties": {"model": "m-1", "env": "prod"}},
        ),
        "c2": (["我想退款，谢谢", "好的"], {"userProperties": {"userId": "u1", "id": "other"}, "properties": {"n": 5}}),
        "c3": (["Die Größe?", "Refunds take days"], {"userProperties": {"id": 7}, "properties": {"ok": True}}),
        "c4": (["hello", "cut"], {"properties": {"model": "m-2", "env": "prod"}, "tags": []}),
    }
    for name, (texts, fields) in said.items():
        clock.now += 1000
        await store.log_conversation(posted(name, *texts, **fields))
    cut = {"role": "assistant", "content": "cut", "properties": {"interrupted": "client"}}
    await store.log_conversation(
        read_conversation({"type": "openai", "id": "c4", "messages": [{"role": "user", "content": "hello"}, cut]})
    )
    await store.log_feedback(read_feedback({"type": "positive", "messageId": "c1-1"}))
    await store.log_feedback(read_feedback({"type": "negative", "messageId": "c3-1"}))
    await store.log_feedback(read_feedback({"type": "negative", "messageId": "never"}))
    return store


FOUND = {
    "a word": ({"q": "refund"}, ["c1"]),
    "in any case": ({"q": "REFUND"}, ["c1"]),
    "without its accents": ({"q": "grosse"}, []),
    "without its marks": ({"q": "große"}, ["c3"]),
    "a beginning": ({"q": "refund*"}, ["c3", "c1"]),
    "two words of one message": ({"q": "take days"}, ["c3"]),
    "two words of two messages": ({"q": "course refund"}, []),
    "a phrase": ({"q": '"want a"'}, ["c1"]),
    "a phrase in another order": ({"q": '"a want"'}, []),
    "han, without spaces": ({"q": "退款"}, ["c2"]),
    "han in another order": ({"q": "款退"}, []),
    "a user": ({"user": "u1"}, ["c2"]),
    "a user's other id": ({"user": "other"}, []),
    "a user by number": ({"user": "7"}, ["c3"]),
    "a tag": ({"tag": "eu"}, ["c1"]),
    "both tags": ({"tag": ["eu", "vip"]}, ["c1"]),
    "a tag that is missing": ({"tag": ["eu", "us"]}, []),
    "a property": ({"property": "env=prod"}, ["c4", "c1"]),
    "a number": ({"property": "n=5"}, ["c2"]),
    "true": ({"property": "ok=true"}, ["c3"]),
    "two properties": ({"property": ["env=prod", "model=m-2"]}, ["c4"]),
    "a model": ({"model": "m-1"}, ["c1"]),
    "positive": ({"feedback": "positive"}, ["c1"]),
    "negative": ({"feedback": "negative"}, ["c3"]),
    "any feedback": ({"feedback": "any"}, ["c3", "c1"]),
    "cut off": ({"interrupted": "true"}, ["c4"]),
    "not cut off": ({"interrupted": "false"}, ["c3", "c2", "c1"]),
    "a span": ({"from": "1763797567000", "to": "1763797568000"}, ["c2"]),
    "several": ({"q": "refund*", "feedback": "any", "from": "1763797567000"}, ["c3"]),
    "injection": ({"user": "' OR 1=1 --", "tag": '"]', "property": "$.a['x']=1"}, []),
}


async def test_filters(filled):
    """Each filter lists what it names, last changed first."""
    listed = {name: await ids(filled, **asked) for name, (asked, _) in FOUND.items()}

    assert listed == {name: found for name, (_, found) in FOUND.items()}


async def test_what_is_no_longer_said_is_not_found(store):
    """Words of replaced, removed and deleted messages find nothing, those that came for them do."""
    await store.log_conversation(posted("c1", "apple", "pear", "plum"))
    await store.log_conversation(posted("c1", "apple", "quince"))

    assert [await ids(store, q=word) for word in ("apple", "pear", "plum", "quince")] == [["c1"], [], [], ["c1"]]

    await store.delete_conversation("c1")

    assert await ids(store, q="apple") == []


async def test_what_is_forgotten_is_not_found(store, clock):
    """Conversations that retention removes leave no words behind."""
    await store.log_conversation(posted("c1", "apple"))
    clock.now += 1000
    await store.forget_before(clock.now)
    await store.log_conversation(posted("c2", "pear"))

    assert await ids(store, q="apple") == []
    assert await ids(store, q="pear") == ["c2"]


async def test_a_message_that_comes_back_is_found_again(store):
    """An answer that left the list, was kept because it has feedback, and is posted again, is found by its words."""
    await store.log_conversation(posted("c1", "apple", "pear"))
    await store.log_feedback(read_feedback({"type": "positive", "messageId": "c1-1"}))
    await store.log_conversation(posted("c1", "apple"))
    assert await ids(store, q="pear") == []

    await store.log_conversation(posted("c1", "apple", "pear"))

    assert await ids(store, q="pear") == ["c1"]


async def test_only_what_changed_is_indexed(tmp_path):
    """A long chat that goes on, or gets a new beginning, has one message indexed, not all of them."""
    queries, migrations = definitions()
    indexed = []

    def counted(stored):
        indexed.append(stored)
        return FUNCTIONS["spaced_text"](stored)

    database = Database(
        tmp_path / "it.db", queries=queries, migrations=migrations, functions={**FUNCTIONS, "spaced_text": counted}
    )
    try:
        store, said = Store(database), [{"id": f"m{n}", "role": "user", "content": f"turn {n}"} for n in range(500)]
        await store.log_conversation(read_conversation({"type": "openai", "id": "c", "messages": said}))
        assert len(indexed) == 500
        indexed.clear()
        for more in (
            [*said, {"role": "assistant", "content": "late"}],
            [{"role": "system", "content": "be kind"}, *said],
        ):
            await store.log_conversation(read_conversation({"type": "openai", "id": "c", "messages": more}))

        assert indexed == [b"late", b"late", b"be kind"]
        assert await ids(store, q="499") == await ids(store, q="kind") == ["c"]
        assert await ids(store, q="late") == []
    finally:
        database.close()


async def test_whoever_has_more_tags_than_are_kept(store):
    """While one conversation has more tags and properties than an index keeps, lists find it, and all others, as before."""
    many = [f"t{number}" for number in range(TRAITS_LIMIT + 1)]
    await store.log_conversation(posted("c1", "word", tags=["t7"], properties={"p": "x", "a=b": "c"}))
    await store.log_conversation(posted("c2", "word", tags=many, properties={"p": "x"}))

    assert [await ids(store, **{name: value}) for name, value in (("tag", "t7"), ("property", "p=x"))] == [
        ["c1", "c2"]
    ] * 2

    await store.log_conversation(posted("c2", "word", tags=[]))

    assert [await ids(store, **{name: value}) for name, value in (("tag", "t7"), ("property", "p=x"))] == [
        ["c1"],
        ["c1", "c2"],
    ]


async def test_slow_searches_leave_readers_to_others(tmp_path):
    """While searches take long, lists are read beside them; then the searches are answered, one after the other."""
    queries, migrations = definitions()
    going, free = threading.Event(), threading.Event()

    def slow(stored, path):
        going.set()
        free.wait(30)
        return FUNCTIONS["json_text"](stored, path)

    database = Database(
        tmp_path / "it.db", queries=queries, migrations=migrations, functions={**FUNCTIONS, "json_text": slow}
    )
    try:
        store = Store(database)
        await store.log_conversation(posted("c1", "word", properties={"p": "x"}))
        searches = [asyncio.create_task(ids(store, q="word", property="p=x")) for _ in range(8)]
        await asyncio.to_thread(going.wait, 30)

        async with asyncio.timeout(10):
            assert await ids(store) == ["c1"]

        free.set()
        assert await asyncio.gather(*searches) == [["c1"]] * 8
    finally:
        free.set()
        database.close()


async def test_pages_by_cursor(store, clock):
    """Pages after a place list each conversation once, also those of equal times, whatever is logged meanwhile."""
    for number in range(25):
        clock.now += 0 if number % 3 else 1
        await store.log_conversation(posted(f"c{number:02}", "word"))
    whole = await ids(store)
    for limit in (1, 4, 25):
        listed, after = [], None
        while True:
            page = await store.sessions(EVERY, Page(limit, after=after))
            listed += [line["id"] for line in page.lines]
            assert page.total >= 25
            if page.next is None:
                break
            after = read_sessions([("cursor", page.next)], limit=1, highest=1)[1].after
            clock.now += 1
            await store.log_conversation(posted(f"new{limit}-{len(listed)}", "word"))
        assert [name for name in listed if not name.startswith("new")] == whole


async def test_the_lists_own_paging(store, clock):
    """Limit and offset list as they did; `nextCursor` stands beside them where the list goes on, and leads on."""
    for number in range(5):
        clock.now += 1
        await store.log_conversation(posted(f"c{number}", "word"))

    first = await store.conversations(2, 1)

    assert [one["id"] for one in first["conversations"]] == ["c3", "c2"]
    assert (first["total"], first["pageSize"], first["count"]) == (5, 2, 2)
    assert first["nextCursor"] == cursor_of(Place(clock.now - 2, "c2"))
    assert "nextCursor" not in await store.conversations(2, 3)
    assert "nextCursor" not in await store.conversations(0, 0)


async def test_lines_are_what_people_see(filled):
    """Of each conversation a list tells its first question, its user, tags and properties, and counts its feedback."""
    page = await filled.sessions(SessionFilter(tags=("vip",)), Page(10))

    (line,) = page.lines
    assert (line["id"], line["question"], line["tags"]) == ("c1", "I want a refund", ["vip", "eu"])
    assert (line["positive"], line["negative"], line["interrupted"]) == (1, 0, 0)
    assert line["properties"] == {"model": "m-1", "env": "prod"}
    assert (page.total, page.next) == (1, None)


HOSTILE = [
    *(
        '"',
        '""',
        '"""',
        'a"b',
        "a*",
        "*",
        "^a",
        "a AND",
        "NOT",
        "NEAR(a b, 2)",
        "text : a",
        "{text} : a",
        "-a",
        "(a",
        "a)",
    ),
    *("a + b", "a\x00b", "\x00", "\ud800", "%", "_", "a" * 1000, "a " * 500, "\\", "';--", "🙂", "\u200d", "é" * 900),
    *("ÿ", "\ufffd\ufffe", "' OR '1'='1", "message_search", "rank", "{", "a:b:c", "#", "a\tb\nc"),
]


async def test_hostile_words(client, store):
    """Whatever is looked for, the answer is a list or a 400 that says why; quotes, operators and NULs do nothing."""
    await store.log_conversation(posted("c1", "nothing to see"))
    for words in HOSTILE:
        answer = await client.get(f"/conversations?q={quote(words.encode('utf-8', 'surrogatepass'))}", headers=KEY)
        told = await answer.json()
        if answer.status == 200:
            assert told["total"] == 0, words
        else:
            assert (answer.status, told["errors"][0]["name"]) == (400, "q"), words


async def test_the_query_of_the_url(client, filled):
    """The API reads its filters from the URL, refuses wrong ones by name, and is for api keys."""
    answer = await client.get("/conversations?q=refund*&feedback=any&limit=1", headers=KEY)
    told = await answer.json()
    assert [one["id"] for one in told["conversations"]] == ["c3"]
    assert (told["total"], told["count"]) == (2, 1)

    answer = await client.get(f"/conversations?q=refund*&cursor={told['nextCursor']}", headers=KEY)
    assert [one["id"] for one in (await answer.json())["conversations"]] == ["c1"]

    refused = await client.get("/conversations?feedback=good&intrupted=1", headers=KEY)
    assert refused.status == 400
    assert [error["pointer"] for error in (await refused.json())["errors"]] == ["/intrupted", "/feedback"]
    assert (await client.get("/conversations?q=a", headers={"Authorization": "Bearer key-web"})).status == 403


def words_of(text):
    """The words of a text, as an obvious reading has it: letters and digits that stand together, Han and Hangul alone."""
    plain = text.casefold().translate(str.maketrans("öéß", "oeß"))
    return re.findall(r"[\u4e00-\u9fff\uac00-\ud7af]|[^\W_\u4e00-\u9fff\uac00-\ud7af]+", plain)


def says(text, asked):
    """Whether all that is looked for stands in a text; each as its words, one after the other."""
    there = words_of(text)
    for one in asked:
        wanted = words_of(one)
        if not any(there[at : at + len(wanted)] == wanted for at in range(len(there))):
            return False
    return True


@pytest.mark.parametrize("seed", range(8))
async def test_against_an_obvious_evaluator(store, clock, seed):
    """Over a random log that was rewritten and deleted from, random filters list what reading everything finds."""
    chance = random.Random(seed)
    kept = {}
    for _ in range(60):
        clock.now += chance.choice((0, 1, 1000))
        name = f"c{chance.randrange(25)}"
        said = [" ".join(chance.choices(VOCABULARY, k=chance.randrange(6))) for _ in range(chance.randint(1, 4))]
        tags, properties = chance.sample(["x", "y"], chance.randrange(3)), {"p": chance.choice([1, "1", True, "z"])}
        if kept.get(name) and chance.random() < 0.1:
            await store.delete_conversation(name)
            kept[name] = None
        if name in kept and kept[name] is None:
            continue  # (it does not come back under its name)
        await store.log_conversation(
            posted(name, *said, tags=tags, properties=properties, userProperties={"userId": f"u{chance.randrange(3)}"})
        )
        kept[name] = (clock.now, said, tags, properties)
    rows = sorted(((one[0], name, one) for name, one in kept.items() if one), key=lambda row: (-row[0], row[1]))
    for _ in range(40):
        wanted = chance.sample([word for word in VOCABULARY if words_of(word)], chance.randrange(3))
        since = chance.choice([None, None, clock.now - 5000])
        tag, value = chance.choice([None, None, "x"]), chance.choice([None, None, "1", "true"])
        asked = {
            **({"q": " ".join(f'"{word}"' for word in wanted)} if wanted else {}),
            **({"from": str(since)} if since else {}),
            **({"tag": tag} if tag else {}),
            **({"property": f"p={value}"} if value else {}),
        }
        expected = [
            name
            for at, name, (_, said, tags, properties) in rows
            if (not wanted or any(says(text, wanted) for text in said))
            and (since is None or at >= since)
            and (tag is None or tag in tags)
            and (value is None or {True: "true"}.get(properties["p"] is True, str(properties["p"])) == value)
        ]
        assert await ids(store, **asked) == expected, asked

"""What the portal's pages cost with few messages and with a hundred times as many, spread over the same year.

    python tests/bench/portal.py [FEW] [MANY]     10,000 and 1,000,000 messages unless said otherwise

A log is made in a temporary folder, the keeper does its work, and every page is asked over HTTP several times; printed are
the medians of the processor's time, which others on the machine change little, and their ratio. Sessions are of 5,000 users
and have ten messages each. Beyond 100,000 messages what was logged is copied, later and later.
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from aiohttp import ClientSession, CookieJar

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.analytics import rows
from proxy.analytics.api import make_app, make_runner
from proxy.analytics.keeper import Keeper
from proxy.analytics.prices import installed
from proxy.analytics.store import Store, open_database, wall_clock
from proxy.core.search_words import spaced_text
from tests.bench.portal_pages import PAGES

#: The cost of a page with many messages, to that with few.
LIMIT = 5.0
TURNS = 10
#: Messages that are logged one by one.
LOGGED = 100_000
ROUNDS = 5
HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS
WORDS = "how do I configure single sign on for an organisation with several identity providers and".split()
#: What else is said, in how many of the sessions.
SAID = {"invoice": 0.5, "refund": 0.1, "invite": 0.05}
#: How many of the sessions have a tag.
TAGS = {"vip": 0.02, "emea": 0.3}
ANSWERS = [" ".join(random.Random(n).choices(WORDS, k=60)) for n in range(100)]


def fill(path, messages, now):
    """Conversations of ten messages over a year, in the order of time, as they come."""
    logged = min(messages, LOGGED)
    chance, count, span = random.Random(7), logged // TURNS, YEAR_MS * logged // messages
    database = open_database(path)
    for first in range(0, count, 500):
        made = [
            conversation(number, chance, now - YEAR_MS + span * number // count)
            for number in range(first, min(first + 500, count))
        ]
        database.write(partial(put, made=made))
    database.close()
    with closing(sqlite3.connect(path)) as file:
        copy(file, messages // logged, count, span)


#: Of each table what a copy has instead.
COPIED = {
    "conversation": {"id": "id || :k", "number": "number + :count"},
    "message": {"number": "number + (:count << 32)", "conversation": "conversation || :k", "id": "id || :k"},
    "feedback": {"id": "id || :k", "conversation": "conversation || :k", "message": "message || :k"},
    "session": {"conversation": "conversation || :k", "number": "number + :count"},
    "answer_sums": {"number": "number + :count"},
    "trait_time": {"number": "number + :count"},
    "trait": {"conversation": "conversation || :k"},
    "answer": {"conversation": "conversation || :k", "message": "message || :k"},
    "citation": {"conversation": "conversation || :k"},
    "event": {"id": "id || :k", "conversation": "conversation || :k"},
}
TIMES = ("created_at", "updated_at", "changed", "first_message_time", "began")


def copy(file, times, count, span):
    """All that is there so many times, each a span later; what triggers would do is copied, too."""
    file.execute("PRAGMA cache_size = -200000")
    triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        file.execute(f"DROP TRIGGER {name}")
    for table, changed in COPIED.items():
        columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
        told = [changed.get(name, f"{name} + :later" if name in TIMES else name) for name in columns]
        file.execute(f"CREATE TEMP TABLE first AS SELECT * FROM {table}")
        for k in range(1, times):
            values = {"k": f"-{k}", "count": count * k, "later": span * k}
            file.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(told)} FROM first", values)
        file.execute("DROP TABLE first")
    file.create_function("spaced_text", 1, spaced_text, deterministic=True)
    file.execute(
        "INSERT INTO message_search (rowid, text) SELECT number, spaced_text(CAST(text AS BLOB)) FROM message "
        "WHERE number >= (:count + 1) << 32 ORDER BY number",
        {"count": count},
    )
    file.execute("INSERT OR IGNORE INTO stale SELECT DISTINCT began - began % 3600000 FROM session")
    file.execute(
        "INSERT OR IGNORE INTO stale_week (start) SELECT DISTINCT began - (began + 259200000) % 604800000 FROM session"
    )
    for _, sql in triggers:
        file.execute(sql)
    file.commit()


def conversation(number, chance, at):
    model = chance.choice(["gpt-4o", "gpt-4o-mini", "gpt-5", "llama-3.1-70b"])
    said = [message(number, place, at + place * 1000, model, chance) for place in range(TURNS)]
    also = random.Random(number)  # of its own, so that all else is as it was
    said[2]["content"] += "".join(f" {word}" for word, share in SAID.items() if also.random() < share)
    source = "fax" if chance.random() < 0.001 else chance.choice(["docs", "app"])
    properties = {"source": source, "model": model, "endpoint": "chat", "teelogRev": TURNS}
    return {"id": f"c{number}", "type": "openai", "createdAt": at, "updatedAt": at, "messages": said} | {
        "properties": properties,
        "userProperties": {"userId": f"u{chance.randrange(5000)}"},
        "tags": [tag for tag, share in TAGS.items() if chance.random() < share],
        "regenerated": chance.random() < 0.02,
        "searched": " ".join(chance.choices(WORDS, k=2)) if chance.random() < 0.1 else None,
        "thumb": chance.choice(["positive", "negative"]) if chance.random() < 0.05 else None,
    }


def message(number, place, at, model, chance):
    answers = place % 2
    said = chance.choice(ANSWERS) if answers else " ".join(chance.choices(WORDS, k=chance.choice([3, 6])))
    made = {"id": f"m{number}-{place}", "role": "assistant" if answers else "user", "content": said}
    if answers:
        made["properties"] = {
            "model": model,
            "usage": {"prompt_tokens": chance.randrange(4000), "completion_tokens": chance.randrange(800)},
            "timeToFirstTokenMs": chance.randrange(100, 3000),
            "latencyMs": chance.randrange(500, 30_000),
        } | ({"interrupted": "client"} if chance.random() < 0.02 else {})
        made["links"] = [{"url": f"https://docs.example.com/{chance.randrange(300)}", "title": "A page"}]
    return made | {"createdAt": at, "updatedAt": at}


def put(tx, made):
    tx.many("put_conversation", [rows.conversation_row(one, None) for one in made])
    tx.many(
        "put_message",
        [
            rows.message_row(message, one["id"], place, id_given=True)
            for one in made
            for place, message in enumerate(one["messages"])
        ],
    )
    tx.many("put_event", [rows.event_row(event) for one in made for event in events_of(one)])
    thumbs = [
        {"id": f"f-{one['id']}", "type": one["thumb"], "messageId": f"m{one['id'][1:]}-1", "conversationId": one["id"]}
        | {
            "createdAt": one["createdAt"],
            "updatedAt": one["createdAt"],
            "reasons": [{"label": "inaccurate", "details": ""}],
        }
        for one in made
        if one["thumb"]
    ]
    tx.many("put_feedback", [rows.feedback_row(one) for one in thumbs])


def events_of(one):
    at = {"createdAt": one["createdAt"]}
    if one["regenerated"]:
        yield at | {
            "id": f"r-{one['id']}",
            "type": "message:regenerated",
            "entityType": "message",
            "conversationId": one["id"],
        }
    if one["searched"]:
        yield at | {
            "id": f"s-{one['id']}",
            "type": "search_query_submitted",
            "entityType": "search",
            "searchQuery": one["searched"],
        }


async def measured(messages, pages=PAGES):
    """Seconds of each page, and of filling and keeping."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analytics.db"
        filling = await timed(lambda: asyncio.to_thread(fill, path, messages, wall_clock()))
        database = open_database(path)
        store = Store(database)
        try:
            keeping = await timed(lambda: kept(Keeper(store, installed())))
            return {"(filling)": filling, "(keeping)": keeping} | await asked(store, pages)
        finally:
            await asyncio.to_thread(database.close)


async def kept(keeper):
    while await keeper.do_some():
        pass


async def asked(store, pages):
    runner = make_runner(make_app(store, api_keys=["key"]))
    await runner.setup()
    server = await asyncio.get_running_loop().create_server(runner.server, "127.0.0.1", 0)
    try:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with ClientSession(origin, cookie_jar=CookieJar(unsafe=True)) as client:
            await client.post("/sign-in", data={"key": "key"}, headers={"Origin": origin}, allow_redirects=False)
            middle = datetime.fromtimestamp((store.now() - YEAR_MS // 2) / 1000, UTC)
            days = {"middle": middle.date(), "after": (middle + timedelta(days=1)).date()}
            return {name: await median_of(client, path.format(**days)) for name, path in pages.items()}
    finally:
        server.close()
        await runner.cleanup()


async def median_of(client, path):
    async def look():
        async with client.get(path, allow_redirects=False) as answer:
            assert answer.status == 200, (path, answer.status)
            await answer.read()

    await look()
    return median([await timed(look) for _ in range(ROUNDS)])


async def timed(work):
    begun = time.process_time()
    await work()
    return time.process_time() - begun


def main(few=10_000, many=1_000_000):
    small, large = asyncio.run(measured(few)), asyncio.run(measured(many))
    print(f"{'':52} {few:>12,} {many:>12,}   messages")
    for name in small:
        times = large[name] / small[name]
        missed = " (missed)" if name in PAGES and times > LIMIT else ""
        print(f"{name:52} {small[name] * 1000:9.1f} ms {large[name] * 1000:9.1f} ms   {times:6.2f} x{missed}")
    return int(any(large[name] > LIMIT * small[name] for name in PAGES))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

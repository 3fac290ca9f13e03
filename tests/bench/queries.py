"""What lists, searches and questions of the local analytics server take, beside reading through everything it has.

    python tests/bench/queries.py [MESSAGES]     100,000 messages unless said otherwise, ten in a conversation

A log is made in a temporary folder. A full scan reads every row of every conversation and message, as who answers
without SQL must. Each question is asked several times; the median and its ratio to the scan's are printed. Words are as
frequent as in a language: the first in every message, the 5,000th in one of a thousand.
"""

import itertools
import os
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.analytics import conversations, questions, rows, sessions
from proxy.analytics.store import open_database
from proxy.core.query import read_query
from proxy.core.query_fields import VIEWS
from proxy.core.session_filter import Page, Place, read_sessions

#: The time of a question, to that of a scan.
LIMIT = 0.1
TURNS = 10
ROUNDS = 5
START_MS = 1_735_689_600_000
YEAR_MS = 365 * 24 * 3_600_000
WORDS = [f"word{rank}" for rank in range(1, 20_001)]
FREQUENCIES = list(itertools.accumulate(1 / rank for rank in range(1, 20_001)))
COUNT = {"type": "aggregation", "aggregation": "count"}
MONTH = [
    {"condition": {"field": "firstMessageTime", "operator": operator, "value": value}}
    for operator, value in (("gte", "2025-06-01T00:00:00Z"), ("lt", "2025-07-01T00:00:00Z"))
]
QUESTIONS = {
    "count by day over a month": {
        "select": [{"type": "time", "timeUnit": "day"}, COUNT],
        "where": {"and": MONTH},
        "orderBy": [{"field": "firstMessageTime_day", "direction": "asc"}],
    },
    "count by a property over a month": {
        "select": [COUNT],
        "groupBy": [{"field": "properties", "path": ["source"]}],
        "where": {"and": MONTH},
    },
    "count by a property": {"select": [COUNT], "groupBy": [{"field": "properties", "path": ["source"]}]},
}

#: What `GET /conversations` is asked for, by its parameters.
LISTS = {
    "list": {},
    "list, from its middle on": {"offset": "middle"},
    "list, after a place in its middle": {"cursor": "middle"},
    "search: a rare word": {"q": "word5000"},
    "search: a word of many messages": {"q": "word100"},
    "search: a word of every message": {"q": "word1"},
    "search: two common words": {"q": "word20 word30"},
    "search: a phrase": {"q": '"word10 word20"'},
    "search: a beginning": {"q": "word500*"},
    "search: a rare word, of a user": {"q": "word5000", "user": "u7"},
    "by a user": {"user": "u7"},
    "by a model": {"model": "m-9"},
    "by a tag": {"tag": "vip"},
    "by a property": {"property": "source=docs"},
    "by a rare property": {"property": "source=fax"},
    "by feedback": {"feedback": "negative"},
    "cut off": {"interrupted": "true"},
    "a month": {"from": "2025-06-01", "to": "2025-07-01"},
    "a month, and a common word": {"from": "2025-06-01", "to": "2025-07-01", "q": "word20"},
}


def fill(database, messages):
    """Conversations of ten messages over a year."""
    chance = random.Random(7)
    for first in range(0, messages // TURNS, 1000):
        made = [conversation(number, chance) for number in range(first, min(first + 1000, messages // TURNS))]
        database.write(partial(put, made=made))


def conversation(number, chance):
    at = START_MS + chance.randrange(YEAR_MS)
    said = [
        {
            "id": f"m{number}-{place}",
            "role": "assistant" if place % 2 else "user",
            "content": " ".join(chance.choices(WORDS, cum_weights=FREQUENCIES, k=100 if place % 2 else 20)),
            "createdAt": at + place * 1000,
            "updatedAt": at + place * 1000,
        }
        for place in range(TURNS)
    ]
    said[-1]["properties"] = {"interrupted": "client"} if chance.random() < 0.01 else None
    source = "fax" if chance.random() < 0.001 else chance.choice(["docs", "app", "slack", "help"])
    properties = {"source": source, "model": f"m-{min(9, int(chance.expovariate(1)))}", "teelogRev": TURNS}
    return {"id": f"c{number}", "type": "openai", "createdAt": at, "updatedAt": at, "messages": said} | {
        "properties": properties,
        "userProperties": {"userId": f"u{chance.randrange(5000)}"},
        "tags": ["vip"] if chance.random() < 0.02 else None,
    }


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
    rated = [one for one in made if int(one["id"][1:]) % 20 == 0]
    tx.many(
        "put_feedback",
        [
            rows.feedback_row(
                {"id": f"f{one['id']}", "type": "negative" if int(one["id"][1:]) % 60 == 0 else "positive"}
                | {"messageId": one["messages"][-1]["id"], "conversationId": one["id"]}
                | {"createdAt": one["createdAt"], "updatedAt": one["createdAt"]}
            )
            for one in rated
        ],
    )


def scan(tx):
    """Every row of all, looked at one by one."""
    for table in ("conversation", "message"):
        for row in tx.ask(f"SELECT * FROM {table}", {}):
            tuple(row)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def works(messages):
    """Everything that is asked, by name: works of a transaction that read."""
    for name, body in QUESTIONS.items():
        query = read_query(orjson.loads(orjson.dumps(body)), VIEWS["conversations"])
        yield name, partial(questions.answer, query=query, limits=questions.Limits())
    yield "get", partial(conversations.told, name=f"c{messages // TURNS // 2}")
    for name, given in LISTS.items():
        asked, page = read_sessions([one for one in given.items() if one[1] != "middle"], limit=20, highest=100)
        if "offset" in given:
            page = Page(20, offset=messages // TURNS // 2)
        if "cursor" in given:
            page = Page(20, after=Place(START_MS + YEAR_MS // 2, ""))
        yield name, partial(sessions.answers, asked=asked, page=page)


def measured(messages):
    """Seconds of the scan, and of each question."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analytics.db"
        database = open_database(path)
        try:
            filling = timed(lambda: fill(database, messages))
            print(f"filled in {filling:.0f} s, {path.stat().st_size / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}")
            scanned = median(timed(lambda: database.read(scan)) for _ in range(ROUNDS))
            taken = {
                name: median(timed(lambda work=work: database.read(work)) for _ in range(ROUNDS))
                for name, work in works(messages)
            }
            return scanned, taken
        finally:
            database.close()


def main(messages=100_000):
    scanned, taken = measured(messages)
    print(f"{messages} messages in {messages // TURNS} conversations; a full scan takes {scanned * 1000:.0f} ms")
    for name, seconds in taken.items():
        print(f"{name:36} {seconds * 1000:8.1f} ms   {seconds / scanned:6.3f} of a scan")
    return int(max(taken.values()) > LIMIT * scanned)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

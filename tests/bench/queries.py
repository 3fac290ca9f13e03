"""What questions of the local analytics server take, beside reading through everything it has.

    python tests/bench/queries.py [MESSAGES]     100,000 messages unless said otherwise, ten in a conversation

A log is made in a temporary folder. A full scan reads every row of every conversation and message, as who answers
without SQL must. Each question is asked several times; the median and its ratio to the scan's are printed.
"""

import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.analytics import questions, rows
from proxy.analytics.store import open_database
from proxy.core.query import read_query
from proxy.core.query_fields import VIEWS

#: The time of a question, to that of a scan.
LIMIT = 0.1
TURNS = 10
ROUNDS = 5
START_MS = 1_735_689_600_000
YEAR_MS = 365 * 24 * 3_600_000
WORDS = "how do I configure single sign on for an organisation with several identity providers and".split()
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
            "content": " ".join(chance.choices(WORDS, k=100 if place % 2 else 20)),
            "createdAt": at + place * 1000,
            "updatedAt": at + place * 1000,
        }
        for place in range(TURNS)
    ]
    properties = {"source": chance.choice(["docs", "app", "slack", "help"]), "model": "gpt-4o", "teelogRev": TURNS}
    return {"id": f"c{number}", "type": "openai", "createdAt": at, "updatedAt": at, "messages": said} | {
        "properties": properties,
        "userProperties": {"userId": f"u{chance.randrange(5000)}"},
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


def scan(tx):
    """Every row of all, looked at one by one."""
    for table in ("conversation", "message"):
        for row in tx.ask(f"SELECT * FROM {table}", {}):
            tuple(row)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measured(messages):
    """Seconds of the scan, and of each question."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "analytics.db")
        try:
            fill(database, messages)
            scanned = median(timed(lambda: database.read(scan)) for _ in range(ROUNDS))
            taken = {}
            for name, body in QUESTIONS.items():
                query = read_query(orjson.loads(orjson.dumps(body)), VIEWS["conversations"])
                asked = partial(questions.answer, query=query, limits=questions.Limits())
                taken[name] = median(timed(lambda asked=asked: database.read(asked)) for _ in range(ROUNDS))
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

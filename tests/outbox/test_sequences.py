"""Recorded sequences of requests, where the corpus lies beside the project: each one conversation, none joined with another.

All are sent with one key, interleaved, and without any id: what is joined is joined by the history alone.
"""

import json
import random
from itertools import zip_longest

import pytest

from proxy.journal.reader import Position
from proxy.outbox.store import Store

from ..fakes import NOW
from ..recordings import CORPUS, each, needs_corpus
from .scenes import SECRET, exchange, read

FILE = CORPUS / "sequences.json"
SEQUENCES = json.loads(FILE.read_text()) if FILE.exists() else []

pytestmark = needs_corpus


def payload(case, started, connection="1"):
    """A recorded case as the relay would have journaled it."""
    told = json.loads((CORPUS / case / "case.json").read_text())
    request = dict(told["request"]["json"])
    answer = (CORPUS / case / told["response"]["body"]).read_bytes()
    headers = [(name, value) for name, value in told["request"]["headers"].items() if "stainless" in name.lower()]
    return exchange(
        request.pop("messages"),
        body=answer,
        headers=headers,
        name=case,
        started=started,
        connection=connection,
        status=told["response"]["status"],
        **{"stream": False, **request},
    )


def in_turn():
    return [case for turn in zip_longest(*(one["cases"] for one in SEQUENCES)) for case in turn if case]


def shuffled(seed):
    """Any order in which each sequence keeps its own."""
    order, left = random.Random(seed), [list(one["cases"]) for one in SEQUENCES]
    out = []
    while left := [cases for cases in left if cases]:
        out.append(order.choice(left).pop(0))
    return out


WAYS = {
    "in turn, on one connection": lambda: [(case, "1") for case in in_turn()],
    "in turn, each request on a connection": lambda: [(case, case) for case in in_turn()],
    "one after the other": lambda: [(case, "1") for one in SEQUENCES for case in one["cases"]],
    **{f"shuffled, {seed}": lambda seed=seed: [(case, case) for case in shuffled(seed)] for seed in range(3)},
}


@pytest.fixture(scope="module", params=WAYS)
def recorded(request, tmp_path_factory):
    """What became of every case."""
    store = Store(tmp_path_factory.mktemp("sequences") / "teelog.db", secret=SECRET)
    found = {}
    for number, (case, connection) in enumerate(WAYS[request.param]()):
        now = NOW + number * 1000
        (found[case],) = store.take([read(payload(case, now, connection))], "journal", Position(0, 0), now + 500)
    store.close()
    return found


def steps(relation):
    return [
        (one["frm"], one["to"]) for sequence in SEQUENCES for one in sequence["steps"] if one["relation"] == relation
    ]


@pytest.mark.parametrize(("first", "second"), each(steps("continues"), ("", "")), ids=lambda case: case[-60:])
def test_what_continues_is_joined(recorded, first, second):
    """A request that goes on from another is in its conversation."""
    assert recorded[second].key == recorded[first].key != 0


@pytest.mark.parametrize(("first", "second"), each(steps("same-request"), ("", "")), ids=lambda case: case[-60:])
def test_the_same_request_is_no_new_turn(recorded, first, second):
    """A request that is made again is another answer to the first; or begins anew, where it has but one question.

    That is our stated limit: many people begin with the same words, and no SDK says here that it is a retry.
    """
    told = json.loads((CORPUS / second / "case.json").read_text())
    said = [one["role"] for one in told["request"]["json"]["messages"] if one["role"] not in ("system", "developer")]

    assert recorded[second].key == recorded[first].key or said == ["user"]


def test_no_sequences_are_joined(recorded):
    """No two sequences have a conversation in common."""
    owners = {}
    for sequence in SEQUENCES:
        for case in sequence["cases"]:
            owners.setdefault(recorded[case].key, set()).add(sequence["sequence"])
    owners.pop(0, None)

    assert [sorted(names) for names in owners.values() if len(names) > 1] == []

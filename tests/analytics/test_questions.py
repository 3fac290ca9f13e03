"""Queries of the store against the slow and obvious evaluator, and what bounds them."""

import math
import random
from functools import partial

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from proxy.analytics import conversations, notes, questions
from proxy.core.query import read_query
from proxy.core.query_fields import VIEWS
from tests.analytics import asked
from tests.analytics.evaluator import FIELDS, evaluate

NOW = 1_763_797_565_000
BODIES_EACH = 10


@st.composite
def scenes(draw):
    """A log, and questions about it."""
    logs = draw(asked.CONVERSATIONS), draw(asked.EVENTS), draw(asked.FEEDBACK)
    views = draw(st.lists(st.sampled_from(list(FIELDS)), min_size=BODIES_EACH, max_size=BODIES_EACH))
    return *logs, [(view, draw(asked.bodies(view))) for view in views]


def compare(database, scene):
    """Logs a scene, asks its questions, compares every answer with the evaluator's, and empties the database."""
    rows = database.write(lambda tx: logged(tx, *scene[:3]))
    for view, body in scene[3]:
        query = read_query(orjson.loads(orjson.dumps(body)), VIEWS[view])
        answer = orjson.loads(database.read(partial(questions.answer, query=query, limits=questions.Limits())))

        expected = evaluate(view, body, rows[view])
        assert answer["status"] == "ok"
        assert is_close(answer["data"], expected), (view, body, answer["data"], expected)


def logged(tx, chats, events, thumbs):
    """The rows of each view as they must be, and the same in the store."""
    rows = {view: [] for view in FIELDS}
    holder = {}
    for place, chat in enumerate(chats):
        messages = [
            message | {"id": f"m{place}"} if not at else dict(message) for at, message in enumerate(chat["messages"])
        ]
        conversations.log(tx, chat | {"id": f"c{place}", "messages": messages}, NOW, minted())
        first = min(message["createdAt"] for message in messages)
        users = sum(message["role"] == "user" for message in messages)
        told = {"id": f"c{place}", "firstMessageTime": first, "userMessageCount": users, "organizationId": None}
        rows["conversations"].append({name: chat.get(name) for name in FIELDS["conversations"]} | told)
        holder[f"m{place}"] = rows["conversations"][-1]
    for place, event in enumerate(events):
        notes.log_event(tx, event | {"id": f"e{place}"}, NOW, minted())
        told = {"id": f"e{place}", "eventType": "search"}
        rows["events"].append({name: event.get(name) for name in FIELDS["events"]} | told)
    for place, thumb in enumerate(thumbs):
        notes.log_feedback(tx, thumb | {"id": f"f{place}"}, NOW, minted())
        chat = holder.get(thumb["messageId"])
        if chat is not None:
            told = {"id": f"f{place}", "conversationId": chat["id"]}
            told |= {name: chat[name] for name in ("projectId", "integrationId")}
            rows["feedback"].append({name: thumb.get(name) for name in FIELDS["feedback"]} | told)
    return rows


def minted():
    return lambda kind: f"{kind}_{random.random()}"


def emptied(tx):
    while conversations.forget(tx, 10**15):
        pass


def is_close(one, other):
    """Equal, but for the last digits of sums."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(is_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_close, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return type(one) is type(other) and one == other


def agree(database, examples):
    # The body that fails is told as it is: to find a smaller one takes minutes.
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),
    )
    @given(scenes())
    def run(scene):
        try:
            compare(database, scene)
        finally:
            database.write(emptied)

    run()


def test_answers_are_the_evaluators(database):
    """Some hundred questions about random logs are answered as the evaluator answers them."""
    agree(database, 50)


@pytest.mark.slow
def test_five_thousand_answers_are_the_evaluators(database):
    """5,000 questions about 500 random logs are answered as the evaluator answers them."""
    agree(database, 500)

"""The figures, computed slowly and obviously: every logged row as a dict, one rule after the other, no SQL, no sums kept.

Written from the rules alone, beside the server's own way; it shares no code with it.
"""

import json
import math

from tests.analytics.evaluator import bucket

COUNTED = 999_999_999


def sessions_of(tables):
    """Every conversation with what belongs to it; `tables` are lists of rows by name."""
    made = []
    for row in tables["conversation"]:
        properties, user = obj(row["properties"]), obj(row["user_properties"])
        listed = [one for one in tables["message"] if one["conversation"] == row["id"] and one["place"] is not None]
        made.append(
            {
                "id": row["id"],
                "began": row["first_message_time"],
                "side": properties.get("kind") is not None,
                "model": text(properties.get("model")),
                "endpoint": text(properties.get("endpoint")),
                "properties": properties,
                "user": name_of(user.get("userId")) or name_of(user.get("id")),
                "messages": len(listed),
                "questions": sum(one["role"] == "user" for one in listed),
                "answers": [answer_of(obj(one["properties"])) for one in listed if one["role"] == "assistant"],
                "thumbs": [one["type"] for one in tables["feedback"] if one["conversation"] == row["id"]],
                "regenerated": sum(
                    one["conversation"] == row["id"] and one["type"] == "message:regenerated" for one in tables["event"]
                ),
            }
        )
    return made


def answer_of(properties):
    usage = properties.get("usage") if isinstance(properties.get("usage"), dict) else {}
    tokens_in = next((n for key in ("prompt_tokens", "input_tokens") if (n := count(usage.get(key))) is not None), None)
    tokens_out = next(
        (n for key in ("completion_tokens", "output_tokens") if (n := count(usage.get(key))) is not None), None
    )
    cut = properties.get("interrupted")
    return {
        "interrupted": cut is True or (isinstance(cut, str) and cut != ""),
        "refused": properties.get("refusal") is True or properties.get("finishReason") == "content_filter",
        "tokens": (tokens_in, tokens_out) if None not in (tokens_in, tokens_out) else None,
        "first": count(properties.get("timeToFirstTokenMs")),
        "whole": count(properties.get("latencyMs")),
    }


def evaluate(tables, since, until, unit, by, *, with_side=False, passes=lambda session: True):
    """Of the sessions that began within the span: in all, by bucket, by group."""
    every = sessions_of(tables)
    first_seen = {}
    for one in every:
        if one["user"]:
            first_seen[one["user"]] = min(one["began"], first_seen.get(one["user"], one["began"]))
    meant = [one for one in every if since <= one["began"] < until and (with_side or not one["side"]) and passes(one)]

    starts = sorted({bucket(at, unit) for at in range(since, until, 3_600_000)} | {bucket(until - 1, unit)})
    series = {}
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else math.inf
        series[start] = told([one for one in meant if start <= one["began"] < end], first_seen, max(start, since))
    groups = {}
    for one in meant:
        groups.setdefault(by(one), []).append(one)
    return (
        told(meant, first_seen, since),
        series,
        {name: told(members, first_seen, since) for name, members in groups.items()},
    )


def told(sessions, first_seen, since):
    answers = [answer for one in sessions for answer in one["answers"]]
    thumbs = [thumb for one in sessions for thumb in one["thumbs"]]
    users = {one["user"] for one in sessions if one["user"]}
    new = {user for user in users if first_seen[user] >= since}
    tokens = [answer["tokens"] for answer in answers if answer["tokens"]]
    firsts = sorted(answer["first"] for answer in answers if answer["first"] is not None)
    wholes = sorted(answer["whole"] for answer in answers if answer["whole"] is not None)
    return {
        "sessions": len(sessions),
        "messages": sum(one["messages"] for one in sessions),
        "questions": sum(one["questions"] for one in sessions),
        "answers": len(answers),
        "users": len(users),
        "newUsers": len(new),
        "returningUsers": len(users - new),
        "positive": thumbs.count("positive"),
        "negative": thumbs.count("negative"),
        "feedbackRate": len(thumbs) / len(answers) if answers else None,
        "helpfulRate": thumbs.count("positive") / len(thumbs) if thumbs else None,
        "interrupted": sum(answer["interrupted"] for answer in answers),
        "refused": sum(answer["refused"] for answer in answers),
        "regenerated": sum(one["regenerated"] for one in sessions),
        "tokensIn": sum(pair[0] for pair in tokens) if tokens else None,
        "tokensOut": sum(pair[1] for pair in tokens) if tokens else None,
        "answersWithTokens": len(tokens),
        "costUsd": None,
        "answersWithCost": 0,
        "firstTokenP50Ms": nearest(firsts, 50),
        "firstTokenP95Ms": nearest(firsts, 95),
        "durationP50Ms": nearest(wholes, 50),
        "durationP95Ms": nearest(wholes, 95),
    }


def nearest(values, share):
    """The nearest-rank percentile of sorted values, to two significant digits, downwards."""
    if not values:
        return None
    value = values[math.ceil(len(values) * share / 100) - 1]
    digits = str(value)
    return int(digits[:2] + "0" * (len(digits) - 2))


def obj(stored):
    value = json.loads(stored) if stored else {}
    return value if isinstance(value, dict) else {}


def text(value):
    return value if isinstance(value, str) else ""


def name_of(value):
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def count(value):
    return value if type(value) is int and 0 <= value <= COUNTED else None

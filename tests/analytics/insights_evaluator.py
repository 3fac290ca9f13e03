"""The insights, computed slowly and obviously: every logged row as a dict, one rule after the other; shares no code."""

import hashlib
import json
import re
import unicodedata

from tests.analytics.figures_evaluator import obj, sessions_of

GREETINGS = {"hi", "hello", "hey", "dear", "please", "good", "morning", "afternoon", "evening", "thanks"}
#: Of the words that mean nothing, those that the scenes have.
EMPTY = {"how", "do", "i", "in", "where", "is", "my", "the", "can", "a", "to", "please"}


def chats(tables, since, until, passes, *, with_side=False):
    """Those that began within the span and pass, with what insights tell of them."""
    meant = [one for one in sessions_of(tables) if since <= one["began"] < until and (with_side or not one["side"])]
    for one in meant:
        listed = sorted(
            (row for row in tables["message"] if row["conversation"] == one["id"] and row["place"] is not None),
            key=lambda row: row["place"],
        )
        asked = [row["text"] for row in listed if row["role"] == "user" and row["text"]]
        one["key"] = " ".join(key_of(asked[0])) if asked else ""
        one["shown"] = next(row["question"] for row in tables["conversation"] if row["id"] == one["id"])
        one["again"] = sum(
            any(alike(asked[place], earlier) for earlier in asked[max(0, place - 20) : place])
            for place in range(len(asked))
        )
        one["failed"] = any(answer["refused"] or answer["interrupted"] for answer in one["answers"])
        one["cut"] = [
            obj(row["properties"]).get("interrupted")
            for row in listed
            if row["role"] == "assistant" and row["place"] is not None
        ]
        one["links"] = set()
        for row in () if one["side"] else listed:
            for link in json.loads(row["links"] or "[]"):
                if link["url"].startswith(("http://", "https://")):
                    one["links"].add(link["url"].split("#")[0])
        one["said"] = {word for row in listed for word in words_of(row["text"] or "")}
        one["tags"] = next(json.loads(row["tags"] or "[]") for row in tables["conversation"] if row["id"] == one["id"])
    return [one for one in meant if passes(one)]


def evaluate(tables, since, until, passes=lambda session: True, *, with_side=False):
    meant = chats(tables, since, until, passes, with_side=with_side)
    asked = [one for one in meant if one["key"]]
    return {
        "questions": by_question(asked, lambda one: 1),
        "again": by_question([one for one in asked if one["again"]], lambda one: one["again"], again="true"),
        "unhelped": by_question(
            [one for one in asked if "negative" in one["thumbs"] or one["regenerated"] or one["failed"]],
            lambda one: 1,
            failed="any",
        ),
        "failures": failures(meant),
        "reasons": reasons(tables, meant),
        "links": links(meant),
        "searches": searches(tables, since, until),
    }


def by_question(sessions, times, **narrow):
    groups = {}
    for one in sessions:
        groups.setdefault(one["key"], []).append(one)
    rows = []
    for key, members in groups.items():
        last = min(members, key=lambda one: (-one["began"], one["id"]))
        rows.append(
            {
                "question": last["shown"],
                "times": sum(map(times, members)),
                "sessions": len(members),
                "disliked": sum("negative" in one["thumbs"] for one in members),
                "narrow": {"asked": str(number_of(key)), **narrow},
            }
        )
    return sorted(rows, key=lambda row: (-row["times"], -row["sessions"], int(row["narrow"]["asked"])))[:20]


def failures(meant):
    rows = []
    refused = [sum(answer["refused"] for answer in one["answers"]) for one in meant]
    if sum(refused):
        rows.append(failure("refused", "", sum(refused), sum(map(bool, refused)), failed="refused"))
    whose = {}
    for one in meant:
        for cut in one["cut"]:
            by = "unknown" if cut is True else cut if isinstance(cut, str) else ""
            if by:
                whose.setdefault(by, []).append(one["id"])
    for by, ids in sorted(whose.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        rows.append(failure("interrupted", by, len(ids), len(set(ids)), failed=f"interrupted:{by}"))
    for name, count, narrow in (
        ("regenerated", lambda one: one["regenerated"], {"failed": "regenerated"}),
        ("again", lambda one: one["again"], {"again": "true"}),
        ("disliked", lambda one: one["thumbs"].count("negative"), {"feedback": "negative"}),
    ):
        counts = [count(one) for one in meant if count(one)]
        if counts:
            rows.append(failure(name, "", sum(counts), len(counts), **narrow))
    return rows


def failure(what, by, times, sessions, **narrow):
    return {"failed": what, "by": by, "times": times, "sessions": sessions, "narrow": narrow}


def reasons(tables, meant):
    ids = {one["id"] for one in meant}
    found = {}
    for row in tables["feedback"]:
        if row["type"] == "negative" and row["conversation"] in ids:
            labels = {one["label"] for one in json.loads(row["reasons"] or "[]") if one["label"]}
            for label in labels or {None}:
                found.setdefault(label, []).append(row["conversation"])
    rows = [
        {
            "reason": label,
            "times": len(given),
            "sessions": len(set(given)),
            "narrow": {"reason": label} if label else {"unexplained": "true"},
        }
        for label, given in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["times"], row["reason"] is None, row["reason"] or ""))[:20]


def links(meant):
    found = {}
    for one in meant:
        for url in one["links"]:
            found.setdefault(url, []).append("negative" in one["thumbs"])
    rows = [
        {
            "url": url,
            "sessions": len(cited),
            "disliked": sum(cited),
            "narrow": {"cites": url},
        }
        for url, cited in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["sessions"], row["url"]))[:20]


def searches(tables, since, until):
    meant = [
        row
        for row in tables["event"]
        if row["entity_type"] == "search" and row["search_query"] is not None and since <= row["created_at"] < until
    ]
    opened = {" ".join(key_of(row["search_query"])) for row in meant if row["type"] == "search_result_clicked"}
    found = {}
    for row in sorted(meant, key=lambda row: row["search_query"].encode()):
        words = " ".join(key_of(row["search_query"]))
        if (
            words
            and words not in opened
            and row["type"] not in ("search_result_clicked", "search_query_response_received")
        ):
            found.setdefault(words, []).append(row["search_query"])
    rows = [{"search": said[0], "times": len(said), "narrow": {"q": words}} for words, said in found.items()]
    return sorted(rows, key=lambda row: (-row["times"], row["narrow"]["q"]))[:20]


def words_of(text):
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def key_of(text):
    words = words_of(text)
    while len(words) > 1 and words[0] in GREETINGS:
        words = words[1:]
    return words


def number_of(key):
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") // 2


def alike(one, other):
    ones, others = set(words_of(one)) - EMPTY, set(words_of(other)) - EMPTY
    shared = len(ones & others)
    return shared >= 2 and shared / min(len(ones), len(others)) >= 0.6

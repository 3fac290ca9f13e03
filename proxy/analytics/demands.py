"""What a list's filter asks of a conversation `v` and its session `s`, each thing by itself (`ways.py`); all values are bound.

Figures ask the same of their sessions (`chosen.py`). Another engine has another full-text search (`match_of`) and other JSON
(`_USER`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.query import Source
from ..core.traits import CROWDED, is_kept, of_property, of_tag
from .among import among_demands
from .gathering import HAS, OUTCOME_OF, TIMED
from .ways import TRAITS, Demand, fewest, of_conversations, of_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..core.search_words import Words
    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx
    from .statements import Statement

#: So many conversations are looked into one by one for a word: each costs as much as thirty of those that the index has.
FEW = 100
#: As in the indexes of the schema, or they are not used.
_USER = (
    "CASE WHEN json_valid(v.user_properties) THEN CAST(coalesce(nullif(json_extract(v.user_properties, '$.userId'), ''), "
    "json_extract(v.user_properties, '$.id')) AS TEXT) END"
)
_MODEL = "CASE WHEN json_valid(v.properties) THEN CAST(json_extract(v.properties, '$.model') AS TEXT) END"
_TIMED = of_sessions("", TIMED)
_FEEDBACK = {
    "positive": ("s.positive > 0", of_sessions("session_liked_list")),
    "negative": ("s.negative > 0", of_sessions("session_disliked_list")),
    "any": ("(s.positive > 0 OR s.negative > 0)", of_sessions("session_judged_list")),
}


def demands_of(
    tx: Tx, statement: Statement, asked: SessionFilter, began: tuple[int, int] | None = None
) -> list[Demand]:
    """All but when it was changed, and whether it is a side request: those stand in every index.

    Args:
        tx: The transaction.
        statement: What their values are bound to.
        asked: The filter.
        began: The span within which sessions began, where only such are wanted.

    """
    found = [*_traits(tx, statement, asked, began)]
    if asked.user is not None:
        found.append(_plain(f"{_USER} = {statement.bind(asked.user)}", "conversation_by_user"))
    if asked.feedback is not None:
        condition, index = _FEEDBACK[asked.feedback]
        by_time = "session_disliked" if asked.feedback == "negative" else ""
        found.append(Demand(condition, "s", condition, index, index, by_time=by_time, trait=OUTCOME_OF[condition]))
    found += among_demands(statement, asked.among) if asked.among else []
    if asked.interrupted is not None:
        condition = f"v.interrupted = {1 if asked.interrupted else 0}"
        found.append(_plain(condition, "conversation_interrupted") if asked.interrupted else Demand(condition, "v"))
    if asked.model is not None:
        found.append(_model(statement.bind(asked.model)))
    if asked.words:
        one_by_one = fewest(tx, statement, found, FEW) is not None
        found.append(Demand(said_in(statement, asked.words, one_by_one=one_by_one), "v"))
    return found


def _model(model: str) -> Demand:
    """A session has the model where it is a text; where it has none, its conversation may have something else there."""
    entry, index = f"{_MODEL} = {model}", of_conversations("conversation_by_model")
    other = f"EXISTS (SELECT 1 FROM conversation AS v WHERE v.id = s.conversation AND {entry})"  # noqa: S608 - fixed parts only
    return Demand(f"(s.model = {model} OR (s.model = '' AND {other}))", "s", entry, index, index)


def _plain(condition: str, name: str) -> Demand:
    index = of_conversations(name)
    return Demand(condition, "v", condition, index, index)


def _traits(tx: Tx, statement: Statement, asked: SessionFilter, began: tuple[int, int] | None) -> Iterator[Demand]:
    """Tags and properties: those of the index, or, while one conversation has more than are kept there, those of the rows."""
    if not (asked.tags or asked.properties):
        return
    is_whole = traits_are_whole(tx)
    for name, value in asked.properties:
        if is_whole and is_kept(name):
            yield _trait(tx, statement, of_property(name, value), began)
        else:
            yield Demand(f"{statement.expression(Source('properties', (name,)))} = {statement.bind(value)}", "v")
    for tag in asked.tags:
        if is_whole:
            yield _trait(tx, statement, of_tag(tag), began)
        else:
            has = f"{statement.bind(tag)} IN (SELECT value FROM json_each(v.tags))"  # noqa: S608 - fixed parts only
            yield Demand(f"CASE WHEN json_valid(v.tags) THEN {has} END", "v")


def traits_are_whole(tx: Tx) -> bool:
    """Whether all tags and properties are in the index."""
    return not list(tx.ask("SELECT 1 FROM trait WHERE trait = :trait LIMIT 1", {"trait": CROWDED}))


def _trait(tx: Tx, statement: Statement, trait: str, began: tuple[int, int] | None) -> Demand:
    if began is not None:
        return _timed(tx, statement, trait, *began)
    bound = statement.bind(trait)
    has = (
        f"EXISTS (SELECT 1 FROM trait WHERE trait.trait = {bound} AND trait.changed = s.changed "  # noqa: S608 - fixed parts only
        "AND trait.conversation = s.conversation)"
    )
    return Demand(has, "s", f"t.trait = {bound}", TRAITS, TRAITS)


def _timed(tx: Tx, statement: Statement, trait: str, since: int, until: int) -> Demand:
    """Of those that began within a span, who has a trait."""
    number = next((row[0] for row in tx.ask("SELECT id FROM trait_name WHERE trait = :trait", {"trait": trait})), None)
    bound, first, end = statement.bind(number), statement.bind(since), statement.bind(until)
    return Demand(
        HAS.format(bound),
        "s",
        f"t.trait = {bound} AND t.began >= {first} AND t.began < {end}",
        _TIMED,
        is_of_span=True,
        trait=number,
    )


def match_of(statement: Statement, words: Sequence[Words]) -> str:
    """That a message has all of these words."""
    # Quoted, whatever is in it is words (https://www.sqlite.org/fts5.html#fts5_strings); there are no quotes in it.
    return f"message_search MATCH {statement.bind(' AND '.join(map(_wanted, words)))}"


def _wanted(words: Words) -> str:
    if words.spelled:
        quoted = [f'"{one}"' for one in words.spelled]
        return f"({' OR '.join(quoted)})"
    return f'"{words.text}"{"*" if words.begins else ""}'


def said_in(statement: Statement, words: Sequence[Words], *, one_by_one: bool) -> str:
    """That one message of a conversation does: a message's number tells whose it is (`schema_4.sql`)."""
    match = match_of(statement, words)
    # (What begins so is put together out of the index's words each time that it is asked about.)
    if one_by_one and not any(one.begins for one in words):
        own = "rowid >= v.number << 32 AND rowid < (v.number + 1) << 32"
        return f"EXISTS (SELECT 1 FROM message_search WHERE {match} AND {own})"  # noqa: S608 - fixed parts only
    return f"v.number IN (SELECT rowid >> 32 FROM message_search WHERE {match})"  # noqa: S608 - fixed parts only

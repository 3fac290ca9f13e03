"""What figures and insights lead to in the list (`core/among.py`), as conditions of a conversation `v`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.among import Among
    from .statements import Statement

_ANSWERS = "EXISTS (SELECT 1 FROM answer AS a WHERE a.conversation = v.id AND {})"
_SESSION = "v.id IN (SELECT conversation FROM session WHERE {})"
_CITES = "v.id IN (SELECT conversation FROM citation WHERE page = (SELECT id FROM page WHERE url = {}))"
#: As `insights.reasons` counts: of a reason its label.
_DISLIKED = (
    "EXISTS (SELECT 1 FROM feedback AS f, json_each(CASE WHEN json_valid(f.reasons) THEN f.reasons ELSE '[]' END) AS why "
    "WHERE f.conversation = v.id AND f.type = 'negative' AND json_extract(f.reasons, why.fullkey || '.label') = {})"
)
_UNEXPLAINED = (
    "EXISTS (SELECT 1 FROM feedback AS f WHERE f.conversation = v.id AND f.type = 'negative' AND NOT EXISTS ("
    "SELECT 1 FROM json_each(CASE WHEN json_valid(f.reasons) THEN f.reasons ELSE '[]' END) AS why "
    "WHERE coalesce(json_extract(f.reasons, why.fullkey || '.label'), '') <> ''))"
)
_FAILED = {
    "refused": _ANSWERS.format("a.refused"),
    "interrupted": _ANSWERS.format("a.interrupted <> ''"),
    "regenerated": _SESSION.format("regenerated > 0"),
    "any": _SESSION.format("negative > 0 OR regenerated > 0 OR failed > 0"),
}


def among_conditions(statement: Statement, among: Among) -> list[str]:
    """All of them."""
    plain = (
        ("v.first_message_time >= {}", among.began),
        ("v.first_message_time < {}", among.before),
        (_SESSION.format("question = {}"), among.asked),
        (_SESSION.format("endpoint = {}"), among.endpoint),
        (_CITES, among.cites),
        (_DISLIKED, among.reason),
    )
    found = [condition.format(statement.bind(value)) for condition, value in plain if value is not None]
    if among.again:
        found.append(_SESSION.format("again > 0"))
    if among.unexplained:
        found.append(_UNEXPLAINED)
    if among.failed is not None:
        kind, _, by = among.failed.partition(":")
        by_whom = _ANSWERS.format(f"a.interrupted = {statement.bind(by)}") if by and kind == "interrupted" else ""
        found.append(by_whom or _FAILED[kind])
    return found

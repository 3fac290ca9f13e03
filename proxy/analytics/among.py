"""What figures and insights lead to in the list (`core/among.py`), as demands of a session `s` (`ways.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gathering import OUTCOME_OF
from .ways import Demand, of_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.among import Among
    from .statements import Statement

_ANSWERS = "EXISTS (SELECT 1 FROM answer AS a WHERE a.conversation = s.conversation AND {})"
_PAGE = "(SELECT id FROM page WHERE url = {})"
_CITES = "EXISTS (SELECT 1 FROM citation AS citing WHERE citing.conversation = s.conversation AND {})"
#: As `insights.reasons` counts: of a reason its label.
_DISLIKED = (
    "EXISTS (SELECT 1 FROM feedback AS f, json_each(CASE WHEN json_valid(f.reasons) THEN f.reasons ELSE '[]' END) AS why "
    "WHERE f.conversation = s.conversation AND +f.type = 'negative' "
    "AND json_extract(f.reasons, why.fullkey || '.label') = {})"
)
_UNEXPLAINED = (
    "EXISTS (SELECT 1 FROM feedback AS f WHERE f.conversation = s.conversation AND +f.type = 'negative' AND NOT EXISTS ("
    "SELECT 1 FROM json_each(CASE WHEN json_valid(f.reasons) THEN f.reasons ELSE '[]' END) AS why "
    "WHERE coalesce(json_extract(f.reasons, why.fullkey || '.label'), '') <> ''))"
)
#: Conditions; the indexes of those that meet them are called so, by time, and with `_list`, in the order of the list.
_FAILED = {
    "refused": ("s.refused > 0", "session_refused"),
    "interrupted": ("s.cut > 0", "session_cut"),
    "regenerated": ("s.regenerated > 0", "session_regenerated"),
    "any": ("(s.negative > 0 OR s.regenerated > 0 OR s.failed > 0)", "session_unhelped"),
}


def among_demands(statement: Statement, among: Among) -> Iterator[Demand]:
    """All of them."""
    if among.asked is not None:
        condition = f"s.question = {statement.bind(among.asked)}"
        # (0 is no question: those are not in the index.)
        yield (
            _listed(f"s.question > 0 AND {condition}", "session_question_list")
            if among.asked
            else Demand(condition, "s")
        )
    if among.reason is not None:
        yield _disliked(_DISLIKED.format(statement.bind(among.reason)))
    if among.unexplained:
        yield _disliked(_UNEXPLAINED)
    if among.failed is not None:
        kind, _, by = among.failed.partition(":")
        yield _by_time(*_FAILED[kind])
        if by and kind == "interrupted":
            yield Demand(_ANSWERS.format(f"a.interrupted = {statement.bind(by)}"), "s")
    if among.again:
        yield _by_time("s.again > 0", "session_again")
    if among.cites is not None:
        url = statement.bind(among.cites)
        citing = of_sessions("", "citation AS citing CROSS JOIN session AS s ON s.conversation = citing.conversation")
        cited = f"citing.page = {_PAGE.format(url)}"
        yield Demand(_CITES.format(cited), "s", cited, citing)
    if among.began is not None or among.before is not None:
        yield _began(statement, among)
    if among.endpoint is not None:
        yield _listed(f"s.endpoint = {statement.bind(among.endpoint)}", "session_endpoint_list")


def _listed(condition: str, name: str, by_time: str = "") -> Demand:
    index = of_sessions(name)
    return Demand(condition, "s", condition, index, index, by_time=by_time, trait=OUTCOME_OF.get(condition))


def _by_time(condition: str, name: str) -> Demand:
    return _listed(condition, f"{name}_list", name)


def _disliked(condition: str) -> Demand:
    """Those with a thumb down, looked at one by one."""
    index = of_sessions("session_disliked_list")
    return Demand(
        f"s.negative > 0 AND {condition}",
        "s",
        "s.negative > 0",
        index,
        index,
        is_told=False,
        by_time="session_disliked",
    )


def _began(statement: Statement, among: Among) -> Demand:
    bounds = (("s.began >= {}", among.began), ("s.began < {}", among.before))
    condition = " AND ".join(one.format(statement.bind(value)) for one, value in bounds if value is not None)
    return Demand(condition, "s", condition, of_sessions("session_by_time"), of_sessions("session_list"))

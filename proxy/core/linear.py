"""Regular expressions of the operator's that no text can make slow.

Python's engine tries again and again where a pattern can match in many ways: `(a+)+b` takes for ever on thirty letters, and
even `a+b` takes the square of the length. So a pattern is judged before it is used: the steps of one attempt, at worst,
are counted in its syntax tree, and must stay under a bound whatever the text is. Then the whole takes at most so many steps
for each character. This is sound, not exact: some harmless patterns are refused, each with what to write instead.

A repeat without an upper end may only stand last, where nothing after it can fail: then what it took is never given back.
"""

from __future__ import annotations

import re
from re import _parser  # type: ignore[attr-defined]  # the only one who knows what a pattern means; judged in tests
from typing import Any

#: Steps that one attempt at one place may take; a typical pattern needs ten to a thousand.
MAX_STEPS = 2000

_SINGLE = frozenset(("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"))


def linear(name: str, pattern: str) -> re.Pattern[str]:
    """The compiled pattern; `ValueError` names it and says what is wrong with it."""
    try:
        compiled = re.compile(pattern)
        tree = _parser.parse(pattern)
        if tree.getwidth()[0] == 0:
            raise ValueError("it matches nothing at all, which is everywhere")
        _sequence(tree, last=True)
    except (ValueError, re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"privacy.patterns.{name}: {error}") from None
    return compiled


def _sequence(items: Any, *, last: bool) -> tuple[int, int]:
    """In how many ways a sequence can match, and the steps to try them all; `last`: nothing that can fail follows."""
    ways = steps = 1
    items = list(items)
    for place, (operation, argument) in enumerate(items, 1):
        more_ways, more_steps = _item(str(operation), argument, last=last and place == len(items))
        steps = _bounded(steps + ways * more_steps)
        ways *= more_ways
    return ways, steps


def _item(operation: str, argument: Any, *, last: bool) -> tuple[int, int]:
    if operation in _SINGLE:
        return 1, 1
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        ways, steps = _repeat(*argument, last=last)
        return (1 if last or operation == "POSSESSIVE_REPEAT" else ways), steps
    if operation == "SUBPATTERN":
        return _sequence(argument[-1], last=last)
    if operation == "ATOMIC_GROUP":
        return 1, _sequence(argument, last=last)[1]
    if operation == "BRANCH":
        costs = [_sequence(branch, last=last) for branch in argument[1]]
        return sum(ways for ways, _ in costs), _bounded(sum(steps for _, steps in costs))
    if operation in ("ASSERT", "ASSERT_NOT"):
        return 1, _sequence(argument[1], last=False)[1]
    raise ValueError("back-references and conditions are not supported")


def _repeat(least: int, most: int, body: Any, *, last: bool) -> tuple[int, int]:
    ways, steps = _sequence(body, last=False)
    if most == _parser.MAXREPEAT:
        if not last:
            raise ValueError(
                "a repeat without an upper end may only stand last; write {1,20}, or what is enough, for +"
            )
        most = least + 1
    if ways == 1:
        return most - least + 1, _bounded(most * steps)
    all_ways, all_steps, present = 0, 0, 1
    for times in range(most + 1):
        all_ways += present if times >= least else 0
        all_steps = _bounded(all_steps + present * steps)
        present *= ways
    return all_ways, all_steps


def _bounded(steps: int) -> int:
    if steps > MAX_STEPS:
        raise ValueError(
            "it can match in too many ways; make repeats shorter, do not nest them, or make them possessive ({1,20}+)"
        )
    return steps

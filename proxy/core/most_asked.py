"""What was asked first in most sessions, of findings (`core/findings.py`): of all, of those that asked again, of those not helped. Pure."""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from .findings import AGAIN, DISLIKED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .findings import Findings

#: Of each set of marks, which sessions have them all, by their marks.
_HAVE = [bytes(marks & wanted == wanted for marks in range(256)) for wanted in range(8)]


class Asked(NamedTuple):
    """A first question, how often it is there, in how many sessions, in how many of those a thumb went down."""

    question: int
    times: int
    sessions: int
    disliked: int
    #: The number of the last session that asked it.
    last: int


class MostAsked:
    """Counts them.

    Args:
        found: The findings, to which nothing is added any more.

    """

    def __init__(self, found: Findings) -> None:
        self._found = found
        # (A column makes each number anew whenever it is gone through.)
        self._questions = found.questions.tolist()
        self._disliked = [*compress(zip(self._questions, found.marks, strict=True), self._selected(DISLIKED))]

    def top(self, mark: int, rows: int) -> list[Asked]:
        """Those of the sessions with a mark (0: of all): the most first; of those that asked again, by how often."""
        questions = [*compress(self._questions, self._selected(mark))] if mark else self._questions
        sessions = Counter(questions)
        sessions.pop(0, None)
        times = self._times_again(questions, sessions) if mark == AGAIN else sessions
        least = sorted(times.values())[-rows:][:1]
        best = nsmallest(rows, ((-n, -sessions[one], one) for one, n in times.items() if [n] >= least))
        return self.told(mark, [(question, -n, -sessions_of_it) for n, sessions_of_it, question in best])

    def told(self, mark: int, counted: Sequence[tuple[int, int, int]]) -> list[Asked]:
        """Questions with how often they are there and in how many sessions; and what else is told of them."""
        disliked = Counter(question for question, marks in self._disliked if marks & mark == mark)
        last = self._last(mark, {question for question, *_ in counted})
        return [Asked(*one, disliked[one[0]], last.get(one[0], 0)) for one in counted]

    def _selected(self, mark: int) -> bytearray:
        """Whether each session has a mark."""
        return self._found.marks.translate(_HAVE[mark])

    def _times_again(self, questions: Sequence[int], sessions: Mapping[int, int]) -> dict[int, int]:
        """How often something was asked again in the sessions of each question."""
        times = dict(sessions)
        again = self._found.again
        for question, often in zip(questions, compress(again, again), strict=True):
            if often > 1 and question:
                times[question] += often - 1
        return times

    def _last(self, mark: int, questions: set[int]) -> dict[int, int]:
        """The last session of each question with a mark."""
        found: dict[int, int] = {}
        columns = (self._questions, self._found.numbers, self._found.marks)
        for question, number, marks in zip(*map(reversed, columns), strict=True):
            if question in questions and marks & mark == mark and question not in found:
                found[question] = number
                if len(found) == len(questions):
                    break
        return found

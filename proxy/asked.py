"""The flags of `teelog outbox`, `teelog erase` and `teelog export`, and the nearest known word for one that there is not.

Kept apart from what they do, so that a wrong flag is told before any room is loaded.
"""

from __future__ import annotations

import argparse
import re
import time
from typing import TYPE_CHECKING, NoReturn

from .core.spans import moment, span_seconds
from .hints import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse names it nowhere else

#: As in `outbox.held`; a test keeps them equal.
KINDS = ("conversation", "feedback", "event", "deletion", "exchange")
STATES = ("waiting", "ready", "leased", "dead", "failed")
#: Lines of a list, unless more are asked for.
LINES = 50
FORMATS = ("jsonl", "csv")

_WORD = re.compile(r"[\w-]+")
_NO_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """argparse's, which names the nearest known one of what it does not know."""

    def error(self, message: str) -> NoReturn:
        """Usage and reason on stderr, exit code 2."""
        if found := _NO_CHOICE.search(message):
            message += nearest(found[1], _WORD.findall(found[2]))
        super().error(message)

    def refuse(self, left: Iterable[str], command: Iterable[str]) -> NoReturn:
        """What nobody knows among the arguments of a command (and its verb)."""
        words = list(left)
        message = f"unrecognized arguments: {' '.join(words)}"
        if flag := next((word.partition("=")[0] for word in words if word.startswith("-")), None):
            message += nearest(flag, self._flags(list(command)))
        argparse.ArgumentParser.error(self, message)

    def _flags(self, command: list[str]) -> list[str]:
        known = [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and command:  # noqa: SLF001 - argparse names it nowhere else
                chosen: Parser = action.choices[command[0]]
                return chosen._flags(command[1:])
        return known


def add_outbox(commands: Commands, place: Parser) -> None:
    """`teelog outbox` and its verbs."""
    outbox = commands.add_parser(
        "outbox", allow_abbrev=False, help="look through what waits for delivery: list, show, retry, drop",
        description="Looks through what waits for delivery, or was set aside, and steers it, whether teelog runs or not. "
        "Exit codes: 0 done, 1 nothing matched, 2 wrong use or a fault.",
    )  # fmt: skip
    verbs = outbox.add_subparsers(dest="verb", metavar="VERB", required=True)
    filters, form = _filters(), _form()
    listing = verbs.add_parser(
        "list", parents=[filters, form, place], allow_abbrev=False, help="one line for each, oldest first"
    )
    listing.add_argument("--limit", metavar="N", type=_count, default=LINES, help=f"so many lines (default: {LINES})")
    show = verbs.add_parser("show", parents=[form, place], allow_abbrev=False, help="all of one")
    show.add_argument("ids", metavar="ID", nargs="+", help="of a conversation, of feedback, an event or an exchange")
    retry = verbs.add_parser(
        "retry", parents=[filters, form, place], allow_abbrev=False,
        help="send dead letters again, in their newest state, and read again what could not be read",
    )  # fmt: skip
    drop = verbs.add_parser("drop", parents=[filters, form, place], allow_abbrev=False, help="give up, for good")
    drop.add_argument("--yes", action="store_true", help="without it drop only says how many that would be")
    for verb in (retry, drop):
        verb.add_argument("ids", metavar="ID", nargs="*", help="only these")
        verb.add_argument("--all", action="store_true", help="everything, where neither ids nor filters are given")
        verb.add_argument("--limit", metavar="N", type=_count, help="no more than so many")


def _filters() -> Parser:
    filters = Parser(add_help=False)
    filters.add_argument("--state", choices=STATES, help="failed: records that could not be read")
    filters.add_argument("--kind", choices=KINDS, help="exchange: records that could not be read")
    filters.add_argument("--sink", metavar="S", help="whom it is for")
    filters.add_argument("--reason", metavar="TEXT", help="the reason or the last error contains this")
    filters.add_argument("--older-than", metavar="SPAN", type=_typed(span_seconds), help="such as 30m, 36h or 7d")
    filters.add_argument("--id", metavar="ID", dest="ids_too", action="append", default=[], help="may be repeated")
    return filters


def _form() -> Parser:
    form = Parser(add_help=False)
    form.add_argument("--json", action="store_true", help="one JSON object a line, the sum last")
    return form


def add_export(commands: Commands, place: Parser) -> None:
    """`teelog export`."""
    export = commands.add_parser(
        "export", parents=[place], allow_abbrev=False, help="all conversations as JSONL or CSV",
        description="Writes conversations, whether teelog runs or not: those of the local analytics server, or, where "
        "delivery goes elsewhere, those that teelog itself still holds.",
    )  # fmt: skip
    export.add_argument("--format", choices=FORMATS, default="jsonl", help="jsonl: as GET /conversations/{id} answers; "
                        "csv: one line for each message (default: jsonl)")  # fmt: skip
    export.add_argument(
        "--since", metavar="T", type=_typed(_moment), help="changed at or after: 2026-01-31, or 7d (ago)"
    )
    export.add_argument("--until", metavar="T", type=_typed(_moment), help="changed before")
    export.add_argument("--user", metavar="U", help="of this user alone")
    export.add_argument("--out", metavar="F", help="a file, there whole or not at all (default: stdout)")


def add_erase(commands: Commands, place: Parser) -> None:
    """`teelog erase`."""
    erase = commands.add_parser(
        "erase", parents=[_form(), place], allow_abbrev=False, help="erase conversations everywhere, for good",
        description="Erases conversations from journal, store, outbox, dead letters and the local analytics server, and "
        "asks another sink to delete them, whether teelog runs or not. Of each kind one must fit, and of all kinds "
        "that are given. Exit codes: 0 done, 1 nothing matched, 2 wrong use, a fault, or not all could be done.",
    )  # fmt: skip
    erase.add_argument(
        "--user", metavar="U", dest="users", action="append", default=[], help="of this user; may be repeated"
    )
    erase.add_argument(
        "--conversation", metavar="ID", dest="ids", action="append", default=[],
        help="of the id that analytics shows; may be repeated",
    )  # fmt: skip
    erase.add_argument(
        "--before", metavar="T", type=_typed(_moment), help="nothing said since: 2026-01-31, or 90d (ago)"
    )
    erase.add_argument("--dry-run", action="store_true", help="say what would be erased, and erase nothing")


def _moment(text: str) -> int:
    return moment(text, time.time_ns() // 1_000_000)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f'found "{text}"; allowed: a whole number from 1')
    return int(text)


def _typed(read: Callable[[str], int]) -> Callable[[str], int]:
    """As argparse wants it: with the reason in its own kind of error."""

    def typed(text: str) -> int:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return typed

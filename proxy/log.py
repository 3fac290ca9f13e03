"""The log: one line per event on stderr, for people on a terminal, as JSON elsewhere.

What goes through here may quote strangers: so control characters are escaped (a line stays a line, a terminal stays a
terminal), values are cut, and what looks like a credential is masked. The mask is a second net; the first is that
nobody logs one. The standard library's logging (aiohttp, asyncio, warnings) takes the same way. Logging never raises:
a line that cannot be written is gone.

Rooms say `structlog.get_logger("<room>")`; event names are `room.happened`, with ids, sizes and durations beside them.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import TextIO

    from .config import Log

#: Longer values are cut: a value is an id or a sentence, not a body.
MAX_VALUE = 1_000
#: Of a traceback the end is kept: that is where the error stands.
MAX_TRACEBACK = 8_000
#: Items of a list or table, and how deep they may lie in each other.
MAX_ITEMS, MAX_DEPTH = 30, 4

_SECRET_NAME = re.compile(
    r"(.*_)?(authorization|cookie|api_?keys?|client_keys?|admin_key|web_keys?|secret|password|token)"
)
_SECRET_TEXT = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+|\b(sk|pk|rk|tl)[-_][\w-]{12,}")
_TRACEBACKS = ("exception", "stack")


def configure(config: Log, stream: TextIO | None = None) -> None:
    """Send all logging of this process to a stream (stderr), in the configured form; may be called again."""
    stream = stream or sys.stderr
    terminal = stream.isatty()
    console = config.format == "console" or (config.format == "auto" and terminal)
    level: int = logging.getLevelNamesMapping()[config.level.upper()]
    before: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        tidy,
    ]
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Ours are plain: a traceback with every local variable would print what must not be printed.
                structlog.dev.ConsoleRenderer(
                    colors=terminal, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
                )
                if console
                else _as_json,
            ],
        )
    )
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # Below a warning, asyncio names its selector and aiohttp repeats every request.
    for chatty in ("asyncio", "aiohttp"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)


class _Handler(logging.StreamHandler["TextIO"]):
    """Ours among the root's handlers."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Nothing: stderr is gone or full, and there is nowhere to say so."""


def tidy(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: every value masked, escaped and cut."""
    return {name: _tidy_named(name, value, 0) for name, value in event.items()}


def _tidy_named(name: str, value: Any, depth: int) -> Any:
    if _SECRET_NAME.fullmatch(name.lower().replace("-", "_")) and value:
        return "***"
    if name in _TRACEBACKS and isinstance(value, str):
        lines = value[-MAX_TRACEBACK:].splitlines()
        return "\n".join(_tidy_text(line) for line in lines)
    return _tidy(value, depth)


def _tidy(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # More bits than JSON readers, and orjson, take.
        return value if value.bit_length() < 63 else str(value)
    if depth >= MAX_DEPTH or not isinstance(value, dict | list | tuple | set | frozenset):
        return _tidy_text(str(value))
    if isinstance(value, dict):
        items = list(value.items())[:MAX_ITEMS]
        return {_tidy_text(str(name)): _tidy_named(str(name), one, depth + 1) for name, one in items}
    return [_tidy(one, depth + 1) for one in list(value)[:MAX_ITEMS]]


def _tidy_text(text: str) -> str:
    left = len(text) - MAX_VALUE
    text = printable(_SECRET_TEXT.sub("***", text[:MAX_VALUE]))
    return f"{text}… ({left} more)" if left > 0 else text


def printable(text: str) -> str:
    """A text with everything escaped that is not for the eye: it stays one line and cannot steer a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def _as_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    first = {name: event.pop(name) for name in ("timestamp", "level", "logger", "event") if name in event}
    return orjson.dumps(first | dict(event)).decode()

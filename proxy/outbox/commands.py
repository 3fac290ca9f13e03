"""The verbs of `teelog outbox`: list, show, retry, drop. A request is a dict, the answer is dicts, the last one a sum.

    {"verb": "list", "ids": [...], "state": "dead", …}   →   one dict for each line, then {"matched": 12, …}

They run in the process that owns the databases: the recorder, which is asked over a socket (`control.py`), or the command
itself while no teelog runs. `CommandRefused` for what cannot be asked. What is shown has passed the redactor: a body may
quote a credential that the recorder, not being told to redact, has kept.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from ..core.exchange import Exchange, decode
from ..core.fields import time_text
from ..core.wire import build_conversation
from ..errors import CommandRefused, RecordUnreadable
from . import held, notes
from .conversations import snapshot
from .replay import replay_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..core.redact import Redactor
    from ..db.sqlite import Tx
    from .held import Wanted
    from .reading import Reading
    from .store import Store

_log = structlog.get_logger("teelog")

VERBS = ("list", "show", "retry", "drop")
#: Characters shown of each body of a failed record.
EXCERPT = 4_000


class Commands:
    """
    What can be asked of an open store.

    Args:
        store: It.
        reading: How failed records are read again.
        redactor: What is shown goes through it.
        retried: Called when rows have become due.
        clock: Unix milliseconds.

    """

    def __init__(
        self,
        store: Store,
        reading: Reading,
        redactor: Redactor,
        retried: Callable[[], object] = lambda: None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._reading = reading
        self._redactor = redactor
        self._retried = retried
        self._clock = clock

    def answer(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All lines of an answer, the sum last."""
        verb = request.get("verb")
        if verb not in VERBS:
            raise CommandRefused(f"there is no verb {verb!r}: {', '.join(VERBS)}")
        wanted = held.Wanted.read({name: value for name, value in request.items() if name != "verb"})
        yield from {"list": self._list, "show": self._show, "retry": self._retry, "drop": self._drop}[verb](wanted)

    def _list(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        shown = 0
        for line in held.lines(self._store, wanted):
            shown += 1
            yield line
        by_state = held.totals(self._store, wanted)
        yield {"matched": max(sum(by_state.values()), shown), "shown": shown, "by_state": by_state}

    def _show(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        if not wanted.ids:
            raise CommandRefused("show needs an id")
        shown = 0
        for row in held.rows(self._store, wanted, sent=True):
            shown += 1
            yield self._store.read(lambda tx, row=row: held.whole(tx, row) | {"body": self._body(tx, row)})  # type: ignore[misc]
        for row in held.failed(self._store, wanted):
            shown += 1
            yield {"id": row["id"], "kind": held.EXCHANGE, "state": held.FAILED, "since": time_text(row["at"]),
                   "reason": row["reason"], "bytes": row["bytes"], **self._record(row["key"])}  # fmt: skip
        yield {"matched": shown, "shown": shown}

    def _retry(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        now = self._clock()
        retried = held.retry(self._store, wanted, now)
        left = None if wanted.limit is None else wanted.limit - retried
        keys = [row["key"] for row in held.failed(self._store, replace(wanted, limit=left))]
        recorded, again = replay_failed(self._store, self._reading, keys, now)
        self._retried()
        _log.info("outbox.retried", rows=retried, recorded=recorded, failed_again=again)
        yield {"matched": retried + len(keys), "retried": retried, "recorded": recorded, "failed_again": again}

    def _drop(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        dropped, leased = held.drop(self._store, wanted)
        _log.warning("outbox.dropped", rows=dropped, left=leased)
        yield {"matched": dropped + leased, "dropped": dropped, "left": leased}

    def _body(self, tx: Tx, row: Any) -> Any:
        """What would be sent now."""
        if row["kind"] == "deletion":
            return None
        if row["kind"] != "conversation":
            return self._redactor.value(orjson.loads(notes.body(tx, row["item"])[1]))
        found = snapshot(tx, row["item"])
        return found and self._redactor.value(build_conversation(found[0]))

    def _record(self, key: int) -> dict[str, Any]:
        """What can be told of a failed record."""
        try:
            found = decode(self._store.failed_payload(key) or b"")
        except RecordUnreadable:
            return {}
        if not isinstance(found, Exchange):
            return {"body": self._redactor.value(found.body)}
        told = {
            name: getattr(found, name) for name in ("method", "target", "upstream", "status", "interrupted", "fault")
        }
        bodies = {"request": found.request, "answer": found.answer}
        return told | {"started": time_text(found.started)} | {k: self._excerpt(body) for k, body in bodies.items()}

    def _excerpt(self, body: bytes) -> str:
        text = self._redactor.text(body[: 8 * EXCERPT].decode("utf-8", "replace"))
        return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}… ({len(body)} bytes in all)"

"""Chat Sessions: the list of conversations, last changed first, narrowed by what the address says.

The parameters are those of `core/session_filter.py`, three of the page's own: `range` (`core/period.py`), `side=true`
for side requests and copies as well, and `live=true`, which asks for the list again every few seconds; and those of
`core/among.py`, by which figures lead here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from ..core.among import PARAMETERS as AMONG
from ..core.among import read_among
from ..core.period import read_period
from ..core.session_filter import read_sessions
from .frame import Page
from .questions import Limits
from .session_sheet import session_sheet
from .session_view import session_view

if TYPE_CHECKING:
    from aiohttp import web

    from ..core.session_filter import Page as Stretch
    from ..core.session_filter import SessionFilter
    from .frame import Frame
    from .store import Store

CHATS_ON_A_PAGE = 50
#: What the page takes beside the list's own parameters; the period reads `from` and `to` itself.
_OWN = ("range", "side", "live", "from", "to", *AMONG)
#: Parameters that narrow nothing.
_PAGING = ("limit", "offset", "cursor", "live")


class ChatsPage:
    """The list."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds the page."""
        frame.add(app, Page("/chats", "chats.html", self._look, sheet=self._sheet, tab="Chat Sessions"))

    async def _look(self, request: web.Request) -> dict[str, Any]:
        asked, page = self._asked(request)
        found = await self._store.sessions(asked, page)
        return {
            "sessions": [session_view(line) for line in found.lines],
            "total": found.total,
            "counted": found.counted,
            "next": found.next,
            "is_first": page.after is None and not page.offset,
            "among": {name: request.query[name] for name in AMONG if request.query.get(name)},
            "is_narrowed": any(value for name, value in request.query.items() if name not in _PAGING),
        }

    async def _sheet(self, request: web.Request) -> IO[bytes]:
        asked, _ = self._asked(request)
        return await self._store.read(lambda tx: session_sheet(tx, asked, self._store.folder, Limits()))

    def _asked(self, request: web.Request) -> tuple[SessionFilter, Stretch]:
        given = [(name, value) for name, value in request.query.items() if name not in _OWN]
        asked, page = read_sessions(given, limit=CHATS_ON_A_PAGE, highest=CHATS_ON_A_PAGE)
        period = read_period(request.query, self._store.now())
        side = None if request.query.get("side") == "true" else False
        # A range shows what a clock ahead of ours has logged, too.
        until = None if period.range else period.until
        among = read_among(request.query)
        return replace(asked, since=period.since, until=until, side=side, among=among), page

"""The files that pages are made of: style, scripts and the icon, all served from here and nothing from elsewhere.

They are read once. A page names each with its digest (`Assets.address`), so that a browser keeps it for a year and asks
for the next release's at once; without the digest it is kept for an hour. Vendored are htmx (`htmx.min.js`, 0BSD) and
uPlot (`uPlot.iife.min.js`, `uPlot.min.css`, MIT), unchanged from npm's htmx.org 4.0.1 and uplot 1.6.32, with their
licences beside them.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources

from aiohttp import web

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_YEAR_SECONDS = 365 * 24 * 3600
_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and as gzip has it."""

    body: bytes
    packed: bytes
    content_type: str
    digest: str


class Assets:
    """All files of the folder `static`."""

    def __init__(self) -> None:
        folder = resources.files(__package__).joinpath("static")
        self._assets = {file.name: _asset(file.name, file.read_bytes()) for file in folder.iterdir()}

    def __repr__(self) -> str:
        return f"<Assets {len(self._assets)}>"

    def address(self, name: str) -> str:
        """Where a page gets a file; `KeyError` for one that is not there."""
        return f"/static/{name}?v={self._assets[name].digest}"

    def attach(self, app: web.Application) -> None:
        """Adds the route."""
        app.router.add_get("/static/{name}", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        named = request.query.get("v") == asset.digest
        kept = f"public, max-age={_YEAR_SECONDS}, immutable" if named else f"public, max-age={_HOUR_SECONDS}"
        headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        if packed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(
            body=asset.packed if packed else asset.body,
            content_type=asset.content_type,
            charset="utf-8",
            headers=headers,
        )


def _asset(name: str, body: bytes) -> Asset:
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, gzip.compress(body, mtime=0), _TYPES[name[name.rindex(".") :]], digest)

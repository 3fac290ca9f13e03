"""The delivery client: one POST to an analytics API, whose every answer is a decision.

    2xx                      it has it, unless that is a web page: somebody else's address
    400, 422                 `PermanentFailure`: the same body would be refused again
    413                      `BodyTooLarge`
    401, 403, 404, 3xx       `SinkClosed`: the configuration is wrong, never the data
    429, 503 and when        `SinkBusy`: everything waits, `Retry-After` where the sink says it
    anything else, no answer `TransientFailure`

For a DELETE 404 and 410 mean that it is done; 405 and 501 that it never will be.

After a 5xx, or when a connection was lost or silent once the request was written, nobody knows whether the body was
taken, or will be: the failure is `in_doubt`.

Redirects are not followed: they would take the key elsewhere. What a sink says about a refused body may quote it, so only
its explanation is kept, cut short and redacted.
"""

from __future__ import annotations

import io
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from yarl import URL

from ..core.retry import retry_after_seconds
from ..errors import BodyTooLarge, DeliveryError, PermanentFailure, SinkBusy, SinkClosed, TransientFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Proxy, Secret

#: Characters kept of what a sink says about a refusal.
EXCERPT = 200
#: Bytes of an answer in which an explanation is looked for.
EXPLANATION_LIMIT = 64 * 1024
#: Bytes read of an answer, so that its connection can be used again; sinks answer with the whole conversation.
ANSWER_LIMIT = 4 * 1024 * 1024

#: Where APIs put the sentence: problem+json (RFC 9457) first.
_EXPLAINING = ("detail", "message", "title")
#: What web servers answer with where no API is, by type and by beginning.
_PAGES = frozenset(("text/html", "application/xhtml+xml"))
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_REFUSED = frozenset((400, 422))
#: A sink may take conversations only: that it has no address for the rest, or does not let us there, shuts nothing.
_CONVERSATIONS = "/conversations"
#: For a DELETE: it is not there; and nothing can be deleted there.
_GONE = frozenset((404, 410))
_NOT_OFFERED = frozenset((405, 501))
#: The newest rev that a DELETE speaks of; only a teelog's local server knows it.
REV_HEADER = "x-teelog-rev"
#: No request was written.
_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.ClientHttpProxyError,
)


class AnalyticsClient:
    """
    Posts to one analytics API; made on the event loop, to be closed there.

    Args:
        url: Its base; paths hang directly off it.
        api_key: Sent as `Authorization: Bearer <key>`.
        timeout_seconds: For one POST, all of it.
        redact: Takes out of a sink's words what must not be stored or logged.
        clock: Unix milliseconds, to read dates in `Retry-After`.
        proxy: On the way there.

    """

    def __init__(
        self,
        url: str,
        api_key: Secret | None,
        *,
        timeout_seconds: float,
        redact: Callable[[str], str],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        proxy: Proxy | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._key = api_key.reveal() if api_key else ""
        self._redact = redact
        self._clock = clock
        self._options = _options(self._url, self._key, proxy)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def post(self, path: str, body: bytes) -> None:
        """Deliver a JSON body; returns when the sink has it, else raises a `DeliveryError`."""
        # bytes of over 1 MB would be written in one go, which aiohttp warns of
        await self._ask("POST", path, data=io.BytesIO(body))

    async def delete(self, path: str, rev: int) -> None:
        """
        Delete; returns when the sink has it no more, or never had, else raises a `DeliveryError`.

        Another teelog's server is told the newest rev that is gone, so that it takes none that is on its way.
        """
        headers = {**self._options["headers"], REV_HEADER: str(rev)}
        await self._ask("DELETE", path, headers=headers)

    async def _ask(self, method: str, path: str, **more: Any) -> None:
        # the path is encoded already: aiohttp would decode what it thinks needless
        url = URL(f"{self._url}{path}", encoded=True) if method == "DELETE" else f"{self._url}{path}"
        try:
            async with self._session.request(method, url, **{**self._options, **more}) as response:
                text = await _read(response)
                if method == "DELETE" and response.status in _GONE:
                    return
                if method == "DELETE" and response.status in _NOT_OFFERED:
                    raise PermanentFailure(f"the analytics API does not delete: it answered {response.status}")
                if not 200 <= response.status < 300:
                    raise self._failure(path, response.status, text, response.headers.get("Retry-After"))
                if _is_page(response.content_type, text):
                    raise self._page(path, response.status)
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:  # the last: a host that is no name
            reason = str(error) or type(error).__name__
            said = f"the analytics API at {self._url} gave no answer: {reason}"
            raise TransientFailure(said, in_doubt=not isinstance(error, (*_UNSENT, UnicodeError))) from error

    def _failure(self, path: str, status: int, text: str, retry_after: str | None) -> DeliveryError:
        said = self._excerpt(text)
        sentence = f"the analytics API answered {status} {_phrase(status)}".rstrip() + (f": {said}" if said else "")
        if status in _REFUSED:
            return PermanentFailure(sentence)
        if status == 413:
            return BodyTooLarge(sentence)
        if status == 401 or (status == 403 and path == _CONVERSATIONS):
            return SinkClosed(f"{sentence} (check delivery.api_key)", "key")
        if 300 <= status < 400 or (status == 404 and path == _CONVERSATIONS):
            return SinkClosed(f"{sentence} (check delivery.url)", "address")
        wait = retry_after_seconds(retry_after, self._clock())
        if status == 429 or (status == 503 and wait):
            return SinkBusy(sentence, wait, in_doubt=status >= 500)
        return TransientFailure(sentence, in_doubt=status >= 500)

    def _page(self, path: str, status: int) -> DeliveryError:
        """A login page, a single-page app, a captive portal: they answer everything with 200 and keep nothing."""
        said = f"the analytics API answered {status} {_phrase(status)} with a web page (check delivery.url)"
        return SinkClosed(said, "address") if path == _CONVERSATIONS else TransientFailure(said)

    def _excerpt(self, text: str) -> str:
        """What was said, on one line, short and without secrets."""
        text = _explanation(text)
        if self._key:
            text = text.replace(self._key, "***")
        said = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", self._redact(text[: 8 * EXCERPT])).split())
        return said if len(said) <= EXCERPT else f"{said[:EXCERPT]}…"


def _options(url: str, key: str, proxy: Proxy | None) -> dict[str, Any]:
    """
    What aiohttp is told with each request.

    The key is no header of the session's: aiohttp would send it to a proxy too, as our credentials there. Theirs stay out
    of the proxy's address, which errors may quote.
    """
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    options: dict[str, Any] = {"headers": headers, "allow_redirects": False}
    if proxy is not None:
        options["proxy"] = f"http://{proxy.authority}"
        if url.startswith("https:"):
            options["proxy_headers"] = proxy.headers()
        else:  # without TLS there is no CONNECT: the proxy reads the request itself
            headers.update(proxy.headers())
    return options


def _explanation(text: str) -> str:
    """Of a JSON answer only what explains it: the rest may be the conversation, quoted. Other texts as they are."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "" if text.lstrip().startswith(("{", "[")) else text
    error = value.get("error") if isinstance(value, dict) else None
    found = [where.get(name) for where in (value, error) if isinstance(where, dict) for name in _EXPLAINING]
    return next((one for one in (*found, error) if isinstance(one, str)), "")


def _is_page(content_type: str, text: str) -> bool:
    """Whether an answer is one for people; what is empty, or of no type, may be an acknowledgement."""
    return content_type in _PAGES or _PAGE.match(text) is not None


async def _read(response: aiohttp.ClientResponse) -> str:
    """The beginning of an answer's body; the status decides, so an answer that breaks off is read as far as it came."""
    read = b""
    try:
        async for data in response.content.iter_any():
            read += data
            if len(read) > ANSWER_LIMIT:
                break
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass
    return read[:EXPLANATION_LIMIT].decode("utf-8", "replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

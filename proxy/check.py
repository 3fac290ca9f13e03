"""`teelog check`: what would be used and where it came from; and whether data folder, upstreams and sink would have us.

Nothing is written, here or there: the folder is asked for its rights, an upstream for its models, the sink for one
conversation. Redirects are not followed, since a key would follow them. Every finding is made before any is judged.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from .config_sources import is_inkeep, variable
from .config_values import show
from .errors import StartError
from .hints import likelier
from .relay.tls import tls
from .sockets import CURES, demand_free, url_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .config import Config, Delivery, Loaded, Proxy, Upstream

#: For the head of an answer, from connecting on.
PATIENCE_SECONDS = 15.0

_SINK_FAULTS = {
    401: "delivery.api_key: {url} answered 401: set the key of an API integration there{inkeep}",
    403: "delivery.api_key: {url} answered 403: this key may not read conversations; use an API integration's, no web key",
    404: "delivery.url: {url} answered 404: no analytics API is there; the address ends before /conversations",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one question showed."""

    text: str
    is_fault: bool = False


def values(loaded: Loaded) -> list[str]:
    """Every key with its value and where that came from, secrets masked, as lines."""
    pairs = [(f"{key} = {show(_value(loaded.config, key))}", origin) for key, origin in loaded.origins.items()]
    # A long value does not push all others to the right.
    width = max(len(left) for left, _ in pairs if len(left) <= 60)
    return [f"{left:<{width}}  # {origin}" for left, origin in pairs]


def _value(config: Config, key: str) -> Any:
    place: Any = config
    for name in key.split("."):
        place = place[name] if isinstance(place, dict) else getattr(place, name)
    return place


async def probe(config: Config, proxies: Mapping[str, Proxy] | None = None) -> list[Finding]:
    """Ask data folder, upstreams and sink; `proxies` as in `Loaded`. Never raises for what they answer."""
    proxies = proxies or {}
    upstreams = {"upstream": config.upstream} | {f"upstreams.{name}": one for name, one in config.upstreams.items()}
    questions = [_port("listen", config.listen.host, config.listen.port)]
    if not config.delivery.url:
        questions.append(_port("analytics", config.analytics.host, config.analytics.port))
    questions += [_upstream(key, one, proxies.get(key)) for key, one in upstreams.items()]
    return [_folder(config.data_dir), *await asyncio.gather(*questions, _sink(config, proxies.get("delivery")))]


async def _port(section: str, host: str, port: int) -> Finding:
    """Whether it can be listened on; what answers there as we do is taken for the teelog that is being checked."""
    key = f"{section}.port"
    try:
        demand_free(host, port, key, CURES[section])
    except StartError as error:
        if port and await _ask(f"{url_at(host, port)}/livez", {}, None, None) == 200:
            return Finding(f"{key}: {port} on {host} is taken, by a teelog that runs, as it seems")
        return Finding(str(error), True)
    return Finding(f"{key}: {port} on {host} is free" if port else f"{key}: the machine will choose one")


def _folder(folder: Path) -> Finding:
    near = folder.absolute()
    while not near.exists() and near != near.parent:
        near = near.parent
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        return Finding(f"data_dir: {near} cannot be written: choose another folder, or give this user the right", True)
    return Finding(f"data_dir: {folder} can be written{'' if near == folder.absolute() else '; it will be made'}")


async def _upstream(key: str, upstream: Upstream, proxy: Proxy | None) -> Finding:
    url, headers = upstream.base_url, _upstream_headers(upstream)
    answer = await _ask(f"{url}/models", headers, upstream, proxy)
    if isinstance(answer, str):
        cure = f"start what should be there, or set another address{_flag(key)}"
        return Finding(
            f"{key}.base_url: {url} cannot be reached: {answer}: {_proxy_s(key, answer, proxy) or cure}", True
        )
    odd, other = likelier(url)
    if odd and not 200 <= answer < 300:
        there = await _ask(f"{other}/models", headers, upstream, proxy)
        if there != answer and there in (200, 401, 403):
            text = f"{key}.base_url: {url} answered {answer}: {odd}"
            return Finding(f"{text}; {other} answered {there}: set that{_flag(key)}", True)
    if answer == 401 and upstream.api_key:
        text = f"{key}.api_key: {url} answered 401: it does not know this key"
        return Finding(f"{text}: set one that it does, as {variable(f'{key}.api_key')}", True)
    notes = {
        401: ": the clients' own keys decide",
        404: f": it lists no models; if chats fail too, {odd or 'the path of the address is wrong'}",
    }
    return Finding(f"{key}: {url} is reachable, and answered {answer}{notes.get(answer, '')}")


def _upstream_headers(upstream: Upstream) -> dict[str, str]:
    if not upstream.api_key:
        return {}
    secret = upstream.api_key.reveal()
    bare = upstream.api_key_header != "authorization"
    return {upstream.api_key_header: secret if bare else f"Bearer {secret}"}


def _flag(key: str) -> str:
    return " with --upstream" if key == "upstream" else f" as {key}.base_url"


async def _sink(config: Config, proxy: Proxy | None) -> Finding:
    delivery, local = config.delivery, config.analytics
    if not delivery.url:
        return Finding(f"delivery: to the local analytics server, which will listen on {local.host}:{local.port}")
    answer = await _ask(f"{delivery.url}/conversations?limit=1", _bearer(delivery), None, proxy)
    if isinstance(answer, str):
        cure = _proxy_s("delivery", answer, proxy) or "set another address, or start what should be there"
        text = f"delivery.url: {delivery.url} cannot be reached: {answer}: {cure}; until then all waits"
        return Finding(text, True)
    if answer in _SINK_FAULTS:
        inkeep = " (or INKEEP_API_KEY)" if is_inkeep(delivery.url) else ""
        return Finding(_SINK_FAULTS[answer].format(url=delivery.url, inkeep=inkeep), True)
    if 300 <= answer < 400:
        return Finding(f"delivery.url: {delivery.url} answered {answer}, a redirect: set where it leads", True)
    note = ": deliveries would wait and be tried again" if answer >= 400 else ""
    return Finding(f"delivery: {delivery.url} is reachable, and answered {answer}{note}")


def _proxy_s(key: str, answer: str, proxy: Proxy | None) -> str:
    """What to do where it is the proxy that is to blame; empty where it is not."""
    if not proxy or not answer.startswith("the proxy "):
        return ""
    return f"start that proxy, name another in {proxy.variable}, or go there directly with {key}.trust_env = false"


def _bearer(delivery: Delivery) -> dict[str, str]:
    return {"Authorization": f"Bearer {delivery.api_key.reveal()}"} if delivery.api_key else {}


async def _ask(url: str, headers: dict[str, str], upstream: Upstream | None, proxy: Proxy | None) -> int | str:
    """The status of a GET, or why there was none; in the words that the running program has for it."""
    try:
        trust = tls(upstream) if upstream else True
        way: dict[str, Any] = {}
        if proxy:
            # without TLS there is no CONNECT: the proxy reads the request itself
            way = {"proxy": f"http://{proxy.authority}", "proxy_headers": proxy.headers()}
            headers = headers if url.startswith("https:") else headers | proxy.headers()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS)) as session,
            session.get(URL(url, encoded=True), headers=headers, ssl=trust, allow_redirects=False, **way) as answer,
        ):
            return answer.status
    except TimeoutError:
        return f"no answer within {PATIENCE_SECONDS:g} s"
    except aiohttp.ClientHttpProxyError as error:
        return f"{_of(proxy)}it answered {error.status} to CONNECT"
    except aiohttp.ClientConnectorCertificateError as error:
        return str(error.certificate_error)
    except aiohttp.ClientConnectorSSLError as error:
        return f"the TLS handshake failed, {error.os_error.strerror or error}; is it http:// there?"
    except aiohttp.ClientConnectorDNSError as error:
        return _of(proxy) + (error.os_error.strerror or str(error.os_error))  # with a proxy, only its name is looked up
    except aiohttp.ClientConnectorError as error:
        # asyncio's own words repeat the address; the number has plainer ones.
        number = error.os_error.errno
        reason = os.strerror(number) if number else str(error.os_error)
        return _of(proxy if isinstance(error, aiohttp.ClientProxyConnectionError) else None) + reason
    except (aiohttp.ClientError, OSError, StartError) as error:
        return str(error) or type(error).__name__


def _of(proxy: Proxy | None) -> str:
    """As `tunnel` begins what it says of a proxy."""
    return f"the proxy {proxy.authority} of {proxy.variable}: " if proxy else ""

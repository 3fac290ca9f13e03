"""The HTTP proxies that the environment names, for the servers that the configuration names.

`HTTPS_PROXY` serves `https://` addresses, `HTTP_PROXY` the others, `NO_PROXY` lists names to be reached directly (with all
below them; `*`: everything). Lower-case names go before upper-case ones, and an empty one takes the other away: the rules
of Python's `urllib.request`. They count where `trust_env` is set; elsewhere the variable is only named, so that nobody
looks in vain for requests that went past his proxy. The environment is an argument; a proxy that cannot be used is a
fault, whose text never repeats the value.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .config import Proxy
from .config_values import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import Config


@dataclass(frozen=True, slots=True)
class Ways:
    """What the environment says of the ways to our servers."""

    #: "upstream", "upstreams.<name>" or "delivery" -> the proxy on the way there.
    trusted: dict[str, Proxy]
    #: Variables that would name a proxy, were `trust_env` set.
    ignored: tuple[str, ...]
    faults: tuple[str, ...]


def ways(config: Config, environ: Mapping[str, str]) -> Ways:
    """The proxies on the ways to upstreams and sink."""
    trusted: dict[str, Proxy] = {}
    ignored: dict[str, None] = {}
    faults: list[str] = []
    for section, url, trust in _servers(config):
        variable = _variable(url, environ)
        if not variable:
            continue
        if not trust:
            ignored[variable] = None
            continue
        try:
            trusted[section] = _proxy(variable, environ[variable])
        except ValueError:
            faults.append(
                f"{variable}: found *** (environment), which {section}.trust_env asks to use; allowed: http://host:port, "
                "with user:password@ before the host where the proxy wants them"
            )
    return Ways(trusted, tuple(ignored), tuple(faults))


def _servers(config: Config) -> list[tuple[str, str, bool]]:
    """Section, address and `trust_env` of every server that we speak to."""
    sections = {"upstream": config.upstream} | {f"upstreams.{name}": one for name, one in config.upstreams.items()}
    servers = [(key, one.base_url, one.trust_env) for key, one in sections.items()]
    delivery = config.delivery
    return servers + ([("delivery", delivery.url, delivery.trust_env)] if delivery.url else [])


def _variable(url: str, environ: Mapping[str, str]) -> str:
    """The variable that names the proxy for an address; empty: it is reached directly."""
    parts = urlsplit(url)
    variable = _set(f"{parts.scheme}_proxy", environ)
    name = (parts.hostname or "").lower()
    exempt = environ.get(_set("no_proxy", environ), "")
    return "" if _is_exempt(name, f"{name}:{parts.port}", exempt) else variable


def _set(name: str, environ: Mapping[str, str]) -> str:
    """The spelling of a variable that counts; empty when it is not set."""
    found = name if name in environ else name.upper()
    return found if environ.get(found) else ""


def _is_exempt(name: str, with_port: str, exempt: str) -> bool:
    for word in exempt.lower().split(","):
        one = word.strip().lstrip(".")
        if word.strip() == "*" or (one and any(host == one or host.endswith("." + one) for host in (name, with_port))):
            return True
    return False


def _proxy(variable: str, value: str) -> Proxy:
    """A proxy out of its address; `ValueError` for what is none."""
    parts = urlsplit(value.strip() if "://" in value else f"http://{value.strip()}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("not an http:// address")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = Secret("Basic " + b64encode(pair.encode()).decode("ascii"))
    return Proxy(variable, parts.hostname, parts.port or 80, authorization)

"""Where a configuration comes from: flags, before environment, before file, before defaults.

    --port 9000                   a flag
    TEELOG_LISTEN__PORT=9000      the environment: TEELOG_<SECTION>__<KEY>, TEELOG_UPSTREAMS__<NAME>__<KEY>,
                                  TEELOG_DATA_DIR; lists as `a,b` or JSON
    UPSTREAM_BASE_URL=…           short for TEELOG_UPSTREAM__BASE_URL
    INKEEP_API_KEY=…              alone: deliver to Inkeep; see `_inkeep`
    [listen] port = 9000          the TOML file named by --config; none is searched for
    HTTPS_PROXY, HTTP_PROXY, …    proxies, where `trust_env` is set; see `proxies.py`

`OPENAI_BASE_URL` is never read: it is what users set to *us*. `load` finds every fault at once: unknown names with the
nearest known one, values that break their rule, values that contradict each other. The environment is an argument.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import urlsplit

from .config import Config, Loaded, Upstream
from .config_values import is_secret, parse, read, show
from .contradictions import contradictions
from .errors import ConfigError
from .hints import nearest
from .proxies import ways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

INKEEP_URL = "https://api.analytics.inkeep.com"
#: Flags of the commands, by their argparse names, and the keys they set.
FLAGS = {"upstream": "upstream.base_url", "data_dir": "data_dir", "port": "listen.port"}
#: Paths of ours on the proxy's port; an upstream of that name could not be reached.
RESERVED_NAMES = frozenset(("v1", "livez", "readyz", "metrics", "status", "feedback", "events"))

#: The value of a section that was found, whatever is in it.
_SECTION = object()
#: The value of a key whose rule is broken.
_BROKEN = object()
_PREFIX = "TEELOG_"
#: What is said of a name that is like none.
_ALL = "; config.example.toml has all of them"
_UPSTREAM_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
#: What Kubernetes puts into every pod beside a service whose name begins with "teelog".
_KUBERNETES = re.compile(r"TEELOG_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was found, and where."""

    key: str
    value: Any
    origin: str
    #: Out of a flag or the environment: text, to be parsed by the type of its key.
    is_text: bool = False


def load(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None) -> Loaded:
    """The checked configuration; flags are named as in `FLAGS`, None is unset. `ConfigError` holds every fault."""
    found: dict[str, Found] = {}
    faults: list[str] = []
    for item in chain(_from_file(file), _from_environment(environ, found), _from_flags(flags)):
        if isinstance(item, Found):
            found[item.key] = item
        else:
            faults.append(item)
    for item in _inkeep(environ.get("INKEEP_API_KEY", "").strip(), found):
        found[item.key] = item
    build = _Build(found, faults)
    config = build.config()
    faults += [text for keys, text in contradictions(config, build.origins) if build.broken.isdisjoint(keys)]
    found_ways = ways(config, environ)
    faults += found_ways.faults
    if faults:
        raise ConfigError(faults)
    unused = _unused(config, environ)
    return Loaded(config, build.origins, found_ways.trusted, found_ways.ignored, unused)


# The layers: each gives what it found, and its faults as text


def _from_file(file: Path | None) -> Iterator[Found | str]:
    if file is None:
        return
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        yield f"--config {file}: cannot be read: {error.strerror}"
        return
    except ValueError as error:
        yield f"--config {file}: is not TOML: {error}"
        return
    except RecursionError:
        yield f"--config {file}: is nested too deeply: no key takes more than a list in a section"
        return
    origin = f"file {file.name}"
    upstreams = tree.pop("upstreams", {})
    yield from _from_table("", tree, Config, origin)
    if isinstance(upstreams, dict):
        for name, table in upstreams.items():
            yield from _from_table(f"upstreams.{name}", table, Upstream, origin)
    else:
        yield f"upstreams: found a value ({origin}); allowed: sections, such as [upstreams.azure]"


def _from_table(prefix: str, table: Any, section: type, origin: str) -> Iterator[Found | str]:
    if not isinstance(table, dict):
        yield f"{prefix}: found a value ({origin}); allowed: a section, [{prefix}]"
        return
    if prefix:
        yield Found(prefix, _SECTION, origin)
    known = hints(section)
    for name, value in table.items():
        key = f"{prefix}.{name}" if prefix else name
        if name not in known:
            candidates = list(known) if isinstance(value, dict) else known_keys()
            yield f"{key}: unknown ({origin}){nearest(key, candidates, _ALL)}"
        elif _is_section(known[name]):
            yield from _from_table(key, value, known[name], origin)
        else:
            yield Found(key, value, origin)


def _from_environment(environ: Mapping[str, str], found: Mapping[str, Found]) -> Iterator[Found | str]:
    if environ.get("UPSTREAM_BASE_URL"):
        yield Found("upstream.base_url", environ["UPSTREAM_BASE_URL"], "environment UPSTREAM_BASE_URL", is_text=True)
    known = {variable(key): key for key in known_keys()}
    for name in sorted(environ):
        if not name.startswith(_PREFIX) or _is_kubernetes(name, environ[name]):
            continue
        upstream, key = _of_upstream(name, found)
        key = known.get(name) or key
        if not key:
            yield f"{name}: unknown environment variable{nearest(name, known, _ALL)}"
            continue
        if upstream:
            yield Found(upstream, _SECTION, f"environment {name}")
        yield Found(key, environ[name], f"environment {name}", is_text=True)


def _from_flags(flags: Mapping[str, Any]) -> Iterator[Found]:
    for name, value in flags.items():
        if value is not None:
            yield Found(FLAGS[name], str(value), f"flag --{name.replace('_', '-')}", is_text=True)


def _inkeep(key: str, found: Mapping[str, Found]) -> Iterator[Found]:
    """`INKEEP_API_KEY`: the key wherever delivery goes to Inkeep, and to go there when no other sink is named.

    It is never used for another sink: a key is for the one who gave it out.
    """
    origin = "environment INKEEP_API_KEY"
    url, known_key = found.get("delivery.url"), found.get("delivery.api_key")
    if not key or (url and not is_inkeep(url.value)):
        return
    if not url:
        yield Found("delivery.url", INKEEP_URL, origin)
    if not known_key or not known_key.is_text:
        yield Found("delivery.api_key", key, origin)


def _unused(config: Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What somebody has set for a sink that is not given it."""
    url = config.delivery.url
    if not environ.get("INKEEP_API_KEY", "").strip() or not url or is_inkeep(url) or config.delivery.api_key:
        return ()
    said = f"INKEEP_API_KEY is set but goes to Inkeep's address only, not to {url}: set delivery.api_key"
    return (f"{said} ({variable('delivery.api_key')}) if the key is that sink's",)


def is_inkeep(url: Any) -> bool:
    """Whether an address is Inkeep's, so that its key may go there."""
    try:
        name = urlsplit(str(url)).hostname or ""
    except ValueError:
        return False
    return name == "inkeep.com" or name.endswith(".inkeep.com")


def _is_kubernetes(name: str, value: str) -> bool:
    return bool(_KUBERNETES.fullmatch(name)) or (name.endswith("_PORT") and "://" in value and "__" not in name)


def _of_upstream(name: str, found: Mapping[str, Found]) -> tuple[str, str]:
    """Section and key of `TEELOG_UPSTREAMS__<NAME>__<KEY>`; `MY_NAME` is the file's `my-name`, where there is one."""
    match = re.fullmatch(r"TEELOG_UPSTREAMS__(.+)__(.+)", name)
    if not match or match[2].lower() not in hints(Upstream):
        return "", ""
    named = match[1].lower()
    section = next((known for known in _upstreams(found) if known.replace("-", "_") == named), named)
    return f"upstreams.{section}", f"upstreams.{section}.{match[2].lower()}"


def _upstreams(found: Mapping[str, Found]) -> list[str]:
    """Names of the sections `[upstreams.x]`."""
    return [
        key.removeprefix("upstreams.")
        for key, one in found.items()
        if one.value is _SECTION and key.startswith("upstreams.")
    ]


# Names


@cache
def hints(section: Any) -> dict[str, Any]:
    """The keys of a section and their types, rules included."""
    return get_type_hints(section, include_extras=True)


@cache
def known_keys() -> tuple[str, ...]:
    """Every dotted key, without those of `[upstreams.x]`."""
    plain = {name: wanted for name, wanted in hints(Config).items() if name != "upstreams"}
    return tuple(
        key
        for name, wanted in plain.items()
        for key in ([f"{name}.{one}" for one in hints(wanted)] if _is_section(wanted) else [name])
    )


def _is_section(wanted: Any) -> bool:
    return is_dataclass(wanted)


def variable(key: str) -> str:
    """The environment variable of a dotted key."""
    return _PREFIX + key.upper().replace(".", "__")


# The whole


class _Build:
    """Turns what was found into sections; notes where each value came from, and which keys are broken."""

    def __init__(self, found: Mapping[str, Found], faults: list[str]) -> None:
        self.origins: dict[str, str] = {}
        self.broken: set[str] = set()
        self._found = found
        self._faults = faults

    def config(self) -> Config:
        upstreams = {name: self._upstream(name) for name in _upstreams(self._found)}
        config: Config = self._section(Config, "", upstreams=upstreams)
        return config

    def _upstream(self, name: str) -> Upstream:
        prefix = f"upstreams.{name}"
        if not _UPSTREAM_NAME.fullmatch(name) or name in RESERVED_NAMES:
            reserved = ", ".join(sorted(RESERVED_NAMES))
            self._fault(prefix, f"found this name; allowed: a-z, 0-9, single - and _ between them, but not {reserved}")
        if f"{prefix}.base_url" not in self._found:
            self._fault(f"{prefix}.base_url", "found none; allowed: a URL, since a named upstream has no default")
        upstream: Upstream = self._section(Upstream, f"{prefix}.")
        return upstream

    def _section(self, section: Any, prefix: str, **values: Any) -> Any:
        for one in fields(section):
            wanted = hints(section)[one.name]
            key = prefix + one.name
            if _is_section(wanted):
                values[one.name] = self._section(wanted, f"{key}.")
            elif one.name not in values:
                found = self._found.get(key)
                self.origins[key] = found.origin if found else "default"
                if found and (value := self._value(found, wanted)) is not _BROKEN:
                    values[one.name] = value
        return section(**values)

    def _value(self, found: Found, wanted: Any) -> Any:
        try:
            return read(parse(found.value, wanted) if found.is_text else found.value, wanted)
        except ValueError as error:
            shown = "***" if is_secret(wanted) else show(found.value)
            self._fault(found.key, f"found {shown} ({found.origin}); allowed: {error}")
            return _BROKEN

    def _fault(self, key: str, text: str) -> None:
        self.broken.add(key)
        self._faults.append(f"{key}: {text}")

"""The configuration: frozen, typed sections, handed in.

Defaults stand here and nowhere else; the unit ends the key; `Annotated[type, rule]` names a rule that the value keeps
(`config_rules.py`). `config_sources.load` reads a `Config` from flags, environment and file, and applies the rules; one
built by hand, as tests do, is taken as it is. Each room is given its own section, never the whole.

`config.example.toml` is the manual of the keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from . import config_rules as rules
from .config_values import Secret
from .core import names

__all__ = [
    "Analytics",
    "Config",
    "Conversation",
    "Delivery",
    "JournalConfig",
    "Listen",
    "Loaded",
    "Log",
    "Privacy",
    "Proxy",
    "Secret",
    "Upstream",
]

Host = Annotated[str, rules.host]
Port = Annotated[int, rules.Range(0, 65535)]
Url = Annotated[str, rules.url]
Origin = Annotated[str, rules.origin]
HeaderName = Annotated[str, rules.header_name]
KeptHeaderName = Annotated[str, rules.kept_header_name]
FieldPath = Annotated[str, rules.field_path]
#: Seconds that may not be 0: a wait that ends before it began would refuse everything.
Patience = Annotated[float, rules.Range(0.1, 86_400)]
Seconds = Annotated[float, rules.Range(0, 86_400)]
StoreLevel: TypeAlias = Literal["full", "redacted", "metadata", "none"]


@dataclass(frozen=True, slots=True)
class Listen:
    """Where chat clients reach us, and who may."""

    host: Host = "127.0.0.1"
    #: 0 lets the machine choose a free one.
    port: Port = 8080
    #: When there are any, a client must show one; they never go upstream.
    client_keys: tuple[Secret, ...] = ()
    #: Opens `/status` and `/metrics` to callers who are not on this machine.
    admin_key: Secret | None = None
    #: Pages of other sites that may send requests.
    cors_origins: tuple[Origin, ...] = ()
    #: Names that `Host` may have besides localhost and addresses; empty: any, or on loopback none.
    allowed_hosts: tuple[Host, ...] = ()
    #: How long a request's head may take; of a new connection, from its beginning.
    head_seconds: Patience = 60.0
    #: How long a request's body may bring less than 16 KiB, or pause.
    body_idle_seconds: Patience = 60.0
    #: How long a client may take less than 16 KiB of what waits for it.
    write_idle_seconds: Patience = 60.0
    #: The largest JSON body, and the largest of any other kind.
    json_max_bytes: Annotated[int, rules.Range(1024**2, 1024**4)] = 512 * 1024**2
    body_max_bytes: Annotated[int, rules.Range(1024**2, 1024**4)] = 1024**3
    #: Connections of clients at the same time, and of them from one address.
    max_connections: Annotated[int, rules.Range(1, 1_000_000)] = 10_000
    max_connections_per_client: Annotated[int, rules.Range(1, 1_000_000)] = 2_000
    #: How long an idle client connection is kept.
    keepalive_seconds: Seconds = 75.0
    #: How long SIGTERM lets streams finish.
    drain_seconds: Seconds = 600.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """An OpenAI-compatible server that we forward to."""

    #: Without a slash at its end.
    base_url: Url = "https://api.openai.com/v1"
    #: A key of ours, sent for clients that send none (`if_absent`) or instead of theirs (`replace`).
    api_key: Secret | None = None
    api_key_mode: Literal["if_absent", "replace"] = "if_absent"
    #: `authorization` carries the key as `Bearer <key>`; any other header carries it bare. Lower-case.
    api_key_header: HeaderName = "authorization"
    #: More certificates to trust, PEM.
    ca_file: Annotated[Path, rules.existing_file] | None = None
    connect_timeout_seconds: Patience = 10.0
    #: The longest silence of the upstream; there is no limit on the whole.
    idle_timeout_seconds: Patience = 900.0
    #: How long an idle upstream connection is kept; below the 5 s after which many servers close theirs.
    keepalive_seconds: Seconds = 4.0
    #: Go through the proxy that `HTTPS_PROXY` or `HTTP_PROXY` names, unless `NO_PROXY` does; see `proxies.py`.
    trust_env: bool = False
    #: What is kept of an exchange: all, all but what is redacted, its metadata, nothing.
    store: StoreLevel = "full"


@dataclass(frozen=True, slots=True)
class Analytics:
    """The local analytics server."""

    host: Host = "127.0.0.1"
    port: Port = 8081
    #: Keys that read and write; one is made at the first start.
    api_keys: tuple[Secret, ...] = ()
    #: Keys for browsers: they write, and read a conversation whose id they know.
    web_keys: tuple[Secret, ...] = ()
    #: Whether those may delete a conversation whose id they know.
    web_delete: bool = False
    #: Empty: `sqlite:///<data_dir>/analytics.db`.
    database: Annotated[str, rules.database] = ""
    cors_origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where conversations are delivered, and how hard."""

    #: Absent: the local analytics server.
    url: Url | None = None
    api_key: Secret | None = None
    #: POSTs in flight at once.
    concurrency: Annotated[int, rules.Range(1, 64)] = 4
    #: One try; three of them and their waits must fit into the courier's lease of 120 s.
    timeout_seconds: Annotated[float, rules.Range(1, 30)] = 30.0
    #: A conversation that goes on is not sent again for so long.
    debounce_seconds: Annotated[float, rules.Range(0, 60)] = 1.0
    #: An undelivered conversation older than this is set aside.
    max_age_hours: Annotated[float, rules.Range(0.01, 87_600)] = 168.0
    #: Feedback on a message that never came is set aside after so long.
    feedback_wait_hours: Annotated[float, rules.Range(0.01, 8_760)] = 24.0
    #: How many conversations a second go out after an outage.
    recovery_per_second: Annotated[float, rules.Range(0.1, 10_000)] = 20.0
    #: As `upstream.trust_env`; the local analytics server is always reached directly.
    trust_env: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """What tells whose conversation it is; headers in lower case, body fields as paths."""

    #: Name the chat, besides `x-teelog-conversation-id`.
    id_headers: tuple[KeptHeaderName, ...] = names.ID_HEADERS
    id_fields: tuple[FieldPath, ...] = names.ID_FIELDS
    #: Name a session, which may span several conversations.
    session_headers: tuple[KeptHeaderName, ...] = names.SESSION_HEADERS
    session_fields: tuple[FieldPath, ...] = names.SESSION_FIELDS
    #: Kept as a property only.
    trace_headers: tuple[KeptHeaderName, ...] = names.TRACE_HEADERS
    trace_fields: tuple[FieldPath, ...] = names.TRACE_FIELDS
    #: Name the user, besides `x-teelog-user`.
    user_headers: tuple[KeptHeaderName, ...] = names.USER_HEADERS
    user_fields: tuple[FieldPath, ...] = names.USER_FIELDS
    #: JSON objects of properties.
    metadata_headers: tuple[KeptHeaderName, ...] = names.METADATA_HEADERS
    #: What keeps callers apart: "key" (their credential), "none", or "header:<name>".
    tenant: Annotated[str, rules.tenant] = "key"
    #: What becomes of a front end's own requests (titles, tags, …): an event of their chat, or nothing.
    side_requests: Literal["attach", "drop"] = "attach"
    #: What was said is taken out of the store so long after the last turn, and once it is delivered.
    idle_days: Annotated[int, rules.Range(1, 90)] = 7
    #: A conversation that nobody has spoken in for so long is not known any more.
    known_days: Annotated[int, rules.Range(90, 36_500)] = 90

    @property
    def headers(self) -> frozenset[str]:
        """All headers that are read for this, so that they must be recorded."""
        ids = (self.id_headers, self.session_headers, self.trace_headers, self.user_headers, self.metadata_headers)
        return frozenset(name for headers in ids for name in headers)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is taken out before a conversation is stored."""

    redact: bool = False
    #: Name -> regular expression, redacted besides the built-in set.
    patterns: Annotated[dict[str, str], rules.patterns] = field(default_factory=dict)
    #: With `redact`: whether an exchange that could not be read is kept as it came, since nothing can be redacted in it.
    keep_unreadable: bool = False
    #: The share of conversations that is recorded.
    sample_rate: Annotated[float, rules.Range(0, 1)] = 1.0
    #: Of conversations that have not changed, everywhere; 0: keep.
    retention_days: Annotated[int, rules.Range(0, 36_500)] = 0
    #: Of dead letters, and of records that could not be read; 0: keep.
    set_aside_days: Annotated[int, rules.Range(0, 36_500)] = 30
    #: Of each of the two, the oldest go first.
    set_aside_max_bytes: Annotated[int, rules.Range(1024**2, 1024**4)] = 128 * 1024**2


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """The files between relay and recorder."""

    #: When a reply's end is released: bytes with the kernel, on the disk, or in a pipe.
    durability: Literal["process", "power", "memory"] = "process"
    #: All segments together.
    max_bytes: Annotated[int, rules.Range(1024**2, 1024**5)] = 2 * 1024**3
    #: One exchange; it must fit into what may wait in memory for the disk (64 MiB).
    record_max_bytes: Annotated[int, rules.Range(1024, 64 * 1024**2)] = 32 * 1024**2
    #: Of the disk, for the databases, twice: left free by the journal, and as a file; never over a twentieth of the disk.
    reserve_bytes: Annotated[int, rules.Range(0, 1024**4)] = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Log:
    """What is said on stderr, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    #: "auto": console on a terminal, JSON lines elsewhere.
    format: Literal["auto", "json", "console"] = "auto"


@dataclass(frozen=True, slots=True)
class Config:
    """All of it; only `app.py` and the commands see it whole."""

    data_dir: Annotated[Path, rules.folder] = Path("data")
    #: Start though `data_dir` lies on a network file system.
    allow_network_folder: bool = False
    listen: Listen = field(default_factory=Listen)
    upstream: Upstream = field(default_factory=Upstream)
    #: Name -> upstream of `/<name>/*`.
    upstreams: dict[str, Upstream] = field(default_factory=dict)
    analytics: Analytics = field(default_factory=Analytics)
    delivery: Delivery = field(default_factory=Delivery)
    conversation: Conversation = field(default_factory=Conversation)
    privacy: Privacy = field(default_factory=Privacy)
    journal: JournalConfig = field(default_factory=JournalConfig)
    log: Log = field(default_factory=Log)

    @property
    def store_levels(self) -> dict[str, StoreLevel]:
        """What is kept of the exchanges of each upstream; the first one has no name."""
        return {"": self.upstream.store} | {name: one.store for name, one in self.upstreams.items()}


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy on the way to one of our servers; not a setting: the environment names it."""

    #: The variable that names it.
    variable: str
    host: str
    port: int
    #: The value of `Proxy-Authorization`.
    authorization: Secret | None = None

    @property
    def authority(self) -> str:
        """Host and port, as they stand in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def headers(self) -> dict[str, str]:
        """What it is sent besides; holds its credentials."""
        return {"Proxy-Authorization": self.authorization.reveal()} if self.authorization else {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked configuration, and where each value came from."""

    config: Config
    #: "section.key" (also "data_dir", "upstreams.x.key") -> "default", "file config.toml",
    #: "environment TEELOG_LISTEN__PORT", "flag --port".
    origins: dict[str, str]
    #: The proxies to be used: "upstream", "upstreams.<name>" or "delivery" -> proxy.
    proxies: dict[str, Proxy] = field(default_factory=dict)
    #: Variables that name a proxy which `trust_env` does not allow to be used.
    ignored_proxies: tuple[str, ...] = ()
    #: What was found and will not be used, though somebody may think so: sentences.
    unused: tuple[str, ...] = ()

"""Every error of ours, as one family; a kind is a decision.

    TeelogError                    never raised itself; its text is a sentence for a person
    ├─ ConfigError                 print all faults, exit 2
    ├─ StartError                  the machine refuses (port, folder, lock): print, exit 2
    ├─ RequestRefused              answer the chat client with `status` in OpenAI's error shape
    ├─ UpstreamError               answer the chat client in OpenAI's error shape
    │  ├─ UpstreamUnreachable      502
    │  ├─ UpstreamBroken           502 while nothing was sent; else the client is cut as the upstream was
    │  └─ UpstreamTimeout          504
    ├─ CommandRefused              tell whoever asked (`teelog outbox`, `teelog export`), exit 2
    ├─ RecordUnreadable            set the exchange aside with this reason; the others go on
    ├─ DatabaseError               the database refused; the transaction did not happen
    │  └─ DatabaseUnavailable      the disk or the file refuses, not these values: the same may succeed later
    │     └─ DatabaseDamaged       start the recorder again: it mends the file then


    │  ├─ DatabaseUnavailable      the disk or the file refuses, not these values: the same may succeed later
    │  └─ DatabaseInterrupted      a read took longer than it was given: less must be asked for
    ├─ DeliveryError               the courier decides by the kind
    │  ├─ TransientFailure         postpone this row
    │  ├─ SinkBusy                 send nothing to this sink for a while, `retry_after` seconds where it said so
    │  ├─ SinkClosed               the key or the address is wrong, never the data: pause, and ask once a minute
    │  ├─ BodyTooLarge             shorten, try once more, then bury
    │  └─ PermanentFailure         bury
    └─ ApiError                    the local server's one error shape (problem+json)

Foreign errors are translated once, in the file that called the foreign code, always `from` their cause.
"""

from __future__ import annotations


class TeelogError(Exception):
    """The base; never raised itself."""


class ConfigError(TeelogError):
    """The configuration cannot be used; `faults` holds one sentence for each reason, all found at once."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class StartError(TeelogError):
    """The machine refuses what the configuration asks for: a port in use, a folder that cannot be written."""


class RequestRefused(TeelogError):
    """A chat client's request that must not go upstream; `code` is OpenAI's error code."""

    def __init__(self, status: int, message: str, code: str = "bad_request") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class UpstreamError(TeelogError):
    """
    The upstream gave no usable answer; `status` is what the client gets while nothing has been sent.

    Its text names hosts and reasons, for who runs this; clients from elsewhere are told `told`.
    """

    status = 502
    code = "upstream_error"
    told = "the upstream gave no usable answer"


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream could be made."""

    code = "upstream_unreachable"
    told = "the upstream cannot be reached"


class UpstreamBroken(UpstreamError):
    """The upstream closed, or sent what is not HTTP/1.1."""

    code = "upstream_broken"


class UpstreamTimeout(UpstreamError):
    """The upstream was silent for longer than configured."""

    status = 504
    code = "upstream_timeout"
    told = "the upstream was silent for too long"


class CommandRefused(TeelogError):
    """What a person asked of a command cannot be done, and why."""


class RecordUnreadable(TeelogError):
    """A journal record, or the exchange in it, that cannot be understood."""


class DatabaseError(TeelogError):
    """A database refused; the transaction did not happen."""


class DatabaseUnavailable(DatabaseError):
    """The disk is full, failing or locked, or the file is damaged: no fault of the values that were to be stored."""


class DatabaseDamaged(DatabaseUnavailable):
    """The file is not what SQLite wrote: it is looked over, and mended, at the next start."""


class DatabaseInterrupted(DatabaseError):
    """A read took longer than it was given, and was ended; nothing is wrong with the file."""


class DeliveryError(TeelogError):
    """An upsert that was not acknowledged."""


class TransientFailure(DeliveryError):
    """Try again later: the network, a timeout, 5xx; `in_doubt` when the sink may have taken it, or may still."""

    def __init__(self, message: str, *, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class SinkBusy(DeliveryError):
    """The sink asks everyone to wait (429, 503): `retry_after` seconds, None where it does not say how long."""

    def __init__(self, message: str, retry_after: float | None = None, *, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class SinkClosed(DeliveryError):
    """The sink refuses us, whatever is sent (401, 403, 404, 3xx); `cause` is what is wrong: "key" or "address"."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


class BodyTooLarge(DeliveryError):
    """The sink takes only smaller bodies (413)."""


class PermanentFailure(DeliveryError):
    """The sink understood and refused (400, 422): the same body would be refused again."""


class ApiError(TeelogError):
    """An answer of the local analytics server that is an error; see `analytics/api.py` for its shape.

    `wait`: seconds, where it is a 429.
    """

    def __init__(self, status: int, detail: str, errors: list[dict[str, str]] | None = None, *, wait: int = 1) -> None:
        super().__init__(detail)
        self.wait = wait
        self.status = status
        self.detail = detail
        self.errors = errors or []

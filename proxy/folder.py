"""The data folder: made, locked, and its two secrets.

One instance owns it, by a lock that the kernel gives up with the process, however that ends; a second one waits
`LOCK_SECONDS` for the first to finish, then stops with the reason. The folder is 0700 and what lies in it 0600.

    journal/          raw exchanges, until recorded          teelog.db      conversations and outbox
    analytics.key     key of the local server                analytics.db   the local analytics server
    secret            makes tenants of callers' keys         *.lock         who owns the folder
    control.sock      where `teelog outbox` asks
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .errors import StartError
from .mending import stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import Config

_log = structlog.get_logger("teelog")

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_SECRET = re.compile(r"[0-9a-f]{64}")
#: A key that a person has put there is as good.
_KEY = re.compile(r"[\x21-\x7e]+")
#: A restart may overlap with the end of the one before; that one has 5 s for its last deliveries.
LOCK_SECONDS = 30.0
#: How soon a secret is written for which there was no room.
KEEP_SECONDS = 1.0


def database_path(config: Config) -> Path:
    """Where the local analytics server's database lies."""
    place = config.analytics.database.removeprefix("sqlite:///")
    return Path(place) if place else config.data_dir / "analytics.db"


class Folder:
    """The data folder of this instance."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.journal.mkdir(mode=0o700, exist_ok=True)
            probe = path / ".writable"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            if error.errno in _FULL and self.journal.is_dir():
                return  # requests are served meanwhile, and what is not recorded is counted
            raise StartError(
                f"data_dir {path} cannot be written ({error.strerror}): choose another with --data-dir, or give this "
                "user the right to write there"
            ) from error

    def lock(self, name: str, wait: Callable[[float], object], patience: float = LOCK_SECONDS) -> int:
        """Own `<name>.lock` until this process ends; `StartError` when another one keeps it for `patience` seconds."""
        path = self.path / f"{name}.lock"
        _make_way(path)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(
                f"{path} cannot be opened ({error.strerror}): give it to this user, or remove it"
            ) from error
        tries = 20
        for left in range(tries, -1, -1):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if left:
                    wait(patience / tries)
            else:
                return lock
        os.close(lock)
        raise StartError(
            f"data_dir {self.path} belongs to a running teelog: stop that one, or give this one its own --data-dir"
        )

    def secret(self) -> bytes:
        """
        32 bytes that stay with this installation.

        One that is damaged is set aside for a new one: callers then count as new ones, and chats in progress begin new
        conversations.
        """
        return bytes.fromhex(self._kept("secret", lambda: secrets.token_hex(32), _SECRET)[0])

    def analytics_key(self) -> tuple[str, bool]:
        """The local server's key, and whether it was made just now."""
        return self._kept("analytics.key", lambda: "tl_" + secrets.token_urlsafe(24), _KEY)

    def _kept(self, name: str, make: Callable[[], str], form: re.Pattern[str]) -> tuple[str, bool]:
        path = self.path / name
        _make_way(path)
        try:
            text = path.read_text("latin-1").strip()
        except OSError:
            text = ""
        if form.fullmatch(text):
            return text, False
        if text:
            _set_aside(path)
        text = make()
        try:
            _keep(path, text)
        except OSError as error:  # a full disk is no reason not to serve
            _log.error("folder.not_kept", file=str(path), reason=error.strerror, hint="it is tried until there is room")
            threading.Thread(target=_keep_at_last, args=(path, text), name=f"keep {name}", daemon=True).start()
        return text, True


def _keep(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _keep_at_last(path: Path, text: str) -> None:
    kept = threading.Event()
    while not kept.wait(KEEP_SECONDS):
        with suppress(OSError):
            _keep(path, text)
            kept.set()


def _make_way(path: Path) -> None:
    """Set aside what is no file."""
    if path.exists() and not path.is_file():
        _set_aside(path)


def _set_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.{stamp()}.damaged")
    path.rename(aside)
    _log.error("folder.set_aside", file=str(path), kept_as=aside.name)

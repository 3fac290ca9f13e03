"""The data folder: made, locked, and its two secrets.

One instance owns it, by a lock that the kernel gives up with the process, however that ends; a second one waits
`LOCK_SECONDS` for the first to finish, then stops with the reason. The folder is 0700 and what lies in it 0600.

    journal/          raw exchanges, until recorded          teelog.db      conversations and outbox
    analytics.key     key of the local server                analytics.db   the local analytics server
    secret            makes tenants of callers' keys         *.lock         who owns the folder
    control.sock      where `teelog outbox` asks
"""

from __future__ import annotations

import fcntl
import os
import secrets
from typing import TYPE_CHECKING

from .errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: A restart may overlap with the end of the one before; that one has 5 s for its last deliveries.
LOCK_SECONDS = 30.0


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
            raise StartError(
                f"data_dir {path} cannot be written ({error.strerror}): choose another with --data-dir, or give this "
                "user the right to write there"
            ) from error

    def lock(self, name: str, wait: Callable[[float], object], patience: float = LOCK_SECONDS) -> int:
        """Own `<name>.lock` until this process ends; `StartError` when another one keeps it for `patience` seconds."""
        lock = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        """32 bytes that stay with this installation; `StartError` when the file is damaged."""
        try:
            return bytes.fromhex(self._kept("secret", lambda: secrets.token_hex(32))[0])
        except ValueError as error:
            raise StartError(
                f"{self.path / 'secret'} is damaged: put it back from a backup, or remove it (callers then count as "
                "new ones, and chats in progress begin new conversations)"
            ) from error

    def analytics_key(self) -> tuple[str, bool]:
        """The local server's key, and whether it was made just now."""
        return self._kept("analytics.key", lambda: "tl_" + secrets.token_urlsafe(24))

    def _kept(self, name: str, make: Callable[[], str]) -> tuple[str, bool]:
        path = self.path / name
        try:
            text = path.read_text("ascii").strip()
            if text:
                return text, False
        except FileNotFoundError:
            pass
        text = make()
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        return text, True

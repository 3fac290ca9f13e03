"""Files that are not as they should be: set aside under a name that says when, told in the log, and seen in `/status`.

<name>.<when>.damaged        what was there, kept for a person to look at; `/status` speaks of it until it is gone
<journal>/<n>.log.….damaged  a segment of which not all could be read; what could is recorded
<journal>/….unreadable       one that the medium does not give back
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_log = structlog.get_logger("teelog")

_ASIDE = (".damaged", ".unreadable")


def stamp() -> str:
    """Now, as it stands in the names of what is set aside: UTC, to the second."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def mended(
    path: Path,
    migrations: Sequence[str],
    functions: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    settle: str = "",
) -> bool:
    """Mend a database file where it has to be, as `mend` does; whether it had to."""
    from .db.mend import mend  # noqa: PLC0415 - the relay process, which sets files aside too, opens no database

    told = mend(path, migrations, stamp(), functions, settle)
    if told is None:
        return False
    _log.error(
        "database.mended", file=str(path), reason=told.reason, kept_as=told.aside.name, rows=told.rows,
        left_out=told.left_out,
    )  # fmt: skip
    return True


def set_aside(folder: Path) -> list[str]:
    """The names of what was set aside in a folder and in its journal."""
    found: list[str] = []
    for place in (folder, folder / "journal"):
        try:
            found += [path.name for path in place.iterdir() if path.name.endswith(_ASIDE)]
        except OSError:
            continue  # whoever needs the folder says so
    return sorted(found)

"""Whether a folder lies on a network file system, where locks and SQLite's log are not to be relied on.

Linux says so in `/proc/self/mountinfo` (proc(5)); where there is no such file, nothing is known, and nothing refused.
"""

from __future__ import annotations

import os
from pathlib import Path

from .errors import StartError

#: Types of file systems whose files another machine serves.
NETWORK = frozenset(
    """
    nfs nfs4 cifs smb3 smbfs smb2 ncpfs afs coda 9p ceph lustre glusterfs gpfs beegfs pvfs2 orangefs ocfs2 gfs2 davfs
    """.split()  # noqa: SIM905 - a table is read by columns
)
#: And of those that a program serves.
_FUSE = frozenset("sshfs glusterfs s3fs rclone gcsfuse goofys davfs2 curlftpfs smbnetfs ceph-fuse mfs juicefs".split())  # noqa: SIM905
_MOUNTS = Path("/proc/self/mountinfo")


def refuse_network(folder: Path, mounts: Path = _MOUNTS) -> None:
    """`StartError` when a folder, or the nearest one above it that is there, lies on a network file system."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    kind = type_of(os.path.realpath(place), lines)
    if kind in NETWORK or (kind.startswith("fuse.") and kind.removeprefix("fuse.") in _FUSE):
        raise StartError(
            f"data_dir {folder} lies on a network file system ({kind}), where locks and databases are not safe: choose a "
            "local folder with --data-dir, or set allow_network_folder = true"
        )


def type_of(path: str, mountinfo: list[str]) -> str:
    """The type of the file system a path is on; empty where that is not told."""
    best, kind = "", ""
    for line in mountinfo:
        fields, _, rest = line.partition(" - ")
        point = _unescaped(fields.split(" ")[4]) if fields.count(" ") >= 4 else ""
        inside = point and (path == point or path.startswith(point.rstrip("/") + "/"))
        if inside and len(point) >= len(best):  # (the last one of equals lies on top)
            best, kind = point, rest.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    """Blanks, tabs, newlines and backslashes stand as octal numbers."""
    for number in (0o40, 0o11, 0o12, 0o134):
        text = text.replace(f"\\{number:03o}", chr(number))
    return text

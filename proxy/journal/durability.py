"""Where the journal goes, by its durability: a folder of segments, or the pipe to the recorder. `StartError` when it cannot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import StartError
from .folder import FolderSink, Limits
from .pipe import PipeSink

if TYPE_CHECKING:
    from pathlib import Path

    from ..config import JournalConfig
    from .sink import Sink


def opened(config: JournalConfig, folder: Path, marker: bytes, limits: Limits, pipe: int | None) -> Sink:
    """
    The sink of a durability.

    Args:
        config: The section.
        folder: Made with mode 0700; not touched for durability "memory".
        marker: What frames begin with.
        limits: Of the folder.
        pipe: For durability "memory": the writing end of the pipe to the recorder.

    """
    if config.durability == "memory":
        if pipe is None:
            raise StartError('journal.durability = "memory" needs a pipe to the recorder')
        return PipeSink(marker, pipe)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError("no right to write there")
        return FolderSink(folder, marker, limits, power=config.durability == "power")
    except OSError as error:
        raise StartError(f"the journal's folder {folder} cannot be used: {error}") from error

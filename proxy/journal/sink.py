"""What the writer writes to; one thread uses it."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Where frames go: the folder, or the pipe."""

    def write(self, frames: list[bytes]) -> list[str]:
        """Write frames in order; for each the reason why it was not stored, or ""."""

    def due(self) -> float | None:
        """In how many seconds `tidy` has something to do; None when it has not."""

    def tidy(self) -> None:
        """Do what is due."""

    def close(self) -> None:
        """Bring everything to where it belongs; nothing is written after."""

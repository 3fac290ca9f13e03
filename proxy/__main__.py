"""The command `teelog`, which is also `python -m proxy`: who gives way to a running one does so before anything is loaded.

Loading takes a fifth of a second of the processor, and chunks of running streams would wait for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .processor import EXPORT_NICENESS, RECORDER_NICENESS, step_back

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The relay starts its child as `teelog _recorder`; nobody else asks for it, and so it is not listed.
RECORDER = "_recorder"
_NICENESS = {"export": EXPORT_NICENESS, RECORDER: RECORDER_NICENESS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in _NICENESS:
        step_back(_NICENESS[arguments[0]])
    if arguments == [RECORDER]:
        from .app import recorder  # noqa: PLC0415 - it needs nothing of the others

        return recorder()
    from .cli import main as run  # noqa: PLC0415 - see the module

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m proxy` is the command `teelog`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())

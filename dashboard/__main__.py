"""``python -m dashboard …``: hand the command line to ``dashboard.cli``."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command that the process was started with and return its exit code."""
    # Imported late so that asking for this function costs nothing.
    from dashboard.cli import main  # noqa: PLC0415

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())

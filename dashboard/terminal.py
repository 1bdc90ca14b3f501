"""What a command shows on a terminal while it works: one line with a bar, gone at the end."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self, TextIO

_WIDEST = 40


class ProgressBar:
    """A bar on the last line of a terminal; says nothing where the stream is none.

    Used in a ``with``, so that the line is cleared whatever happens. It goes to stderr: a
    command's output can be piped while the bar is seen.

    Args:
        before: Shown until the first `update`.
        during: Stands before the bar.
        stream: Where to write; default: stderr as it is when the command runs.
        unit: What is counted.
    """

    def __init__(
        self, before: str, during: str, stream: TextIO | None = None, unit: str = "rows"
    ) -> None:
        self._before = before
        self._during = during
        self._stream = sys.stderr if stream is None else stream
        self._unit = unit
        self._shown = ""

    def __enter__(self) -> Self:
        self._show(self._before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._show("")
            self._stream.write("\r")
            self._stream.flush()

    def update(self, done: int, total: int) -> None:
        """Show how much is done; written only when the line changes, so call it as you like."""
        share = min(done / total, 1.0) if total > 0 else 1.0
        width = min(_WIDEST, max(shutil.get_terminal_size().columns - len(self._during) - 40, 5))
        filled = int(share * width)
        bar = "#" * filled + "." * (width - filled)
        self._show(f"{self._during} [{bar}] {int(share * 100):3d} % of {total:,} {self._unit}")

    def _show(self, text: str) -> None:
        if text == self._shown or not self._stream.isatty():
            return
        # Blanks over what was longer: not every terminal knows the sequence that erases a line.
        self._stream.write(f"\r{text.ljust(len(self._shown))}")
        self._stream.flush()
        self._shown = text

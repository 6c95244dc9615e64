"""Lines of a file with their places, so that a worker can go on where another stopped."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

MOST_LINE: Final = 4 << 20
"""Bytes of one line; a lead with two thousand events has a tenth of it."""
CHUNK: Final = 1 << 16


class Lines:
    """Lines of a file from a position on; ``position`` is where the next one begins.

    A line that is too long is passed over and given as ``None``.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        self._file = path.open("rb")
        self.position = position

    def __enter__(self) -> Self:
        self._file.seek(self.position)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def go_to(self, position: int) -> None:
        """Read on from another place."""
        self._file.seek(position)
        self.position = position

    def next(self) -> bytes | None:
        """The next line with its end; empty behind the last one, ``None`` for one that is too long."""
        line = self._file.readline(MOST_LINE + 1)
        self.position += len(line)
        if len(line) <= MOST_LINE:
            return line
        while line and not line.endswith(b"\n"):
            line = self._file.readline(CHUNK)
            self.position += len(line)
        return None

"""Whether the service is being stopped, and how much is under way. Used on the event loop alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from serving.codes import Code
from serving.problems import ProblemError

MOST_UNDER_WAY: Final = 256
"""Requests that one worker works on; one more would only make all wait longer."""


class Lifecycle:
    """Counts what is under way; refuses what is too much."""

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        self._most = most
        self._under_way = 0
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether the service is being stopped: not ready any more, but still answering what comes."""
        return self._stopping

    @property
    def under_way(self) -> int:
        """Requests that have arrived and are not answered."""
        return self._under_way

    def stop(self) -> None:
        """From now on the service is not ready; what is under way goes on."""
        self._stopping = True

    @contextmanager
    def work(self) -> Iterator[None]:
        """Around the work on one request.

        Raises:
            ProblemError: too much is under way.
        """
        if self._under_way >= self._most:
            raise ProblemError(Code.OVERLOADED)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

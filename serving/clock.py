"""What time it is: asked of one object, so that a demo can live at the end of its history and a test anywhere."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Protocol

from typing_extensions import override

from features.clock import micros


class Clock(Protocol):
    """Tells the time of the service."""

    def now(self) -> int:
        """Microseconds since 1970 in UTC."""


class SystemClock(Clock):
    """The time of the machine."""

    @override
    def now(self) -> int:
        return time.time_ns() // 1_000


class StartedAt(Clock):
    """Runs as fast as any clock, but stood at ``moment`` when it was made."""

    def __init__(self, moment: datetime) -> None:
        self._start = micros(moment)
        self._made = time.monotonic_ns()

    @override
    def now(self) -> int:
        return self._start + (time.monotonic_ns() - self._made) // 1_000


def clock_of(demo_clock: datetime | None) -> Clock:
    """The clock that the settings ask for."""
    return SystemClock() if demo_clock is None else StartedAt(demo_clock)

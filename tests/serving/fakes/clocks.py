"""A clock that is set by hand."""

from __future__ import annotations

from features.clock import SECOND

NOW = 1_775_000_000 * SECOND


class HandClock:
    def __init__(self, now: int = NOW) -> None:
        self.moment = now

    def now(self) -> int:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += int(seconds * SECOND)

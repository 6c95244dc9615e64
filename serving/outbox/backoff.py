"""When a delivery that failed is tried again: ten tries within about a day, then it is a dead letter."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from features.clock import DAY, HOUR, SECOND

TRIES: Final = 10
FIRST_WAIT: Final = 10 * SECOND
GROWTH: Final = 3
LONGEST_WAIT: Final = 12 * HOUR


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow, each shortened at random by up to a half so that many deliveries do not come at once."""

    rng: random.Random

    def next_try(self, now: int, tries: int, asked: float | None) -> int | None:
        """Instant of the next try, ``None`` if there is none.

        Args:
            now: instant of the try that failed.
            tries: how many there were, this one among them.
            asked: seconds that the receiver asked for (Retry-After).
        """
        if tries >= TRIES:
            return None
        longest = min(FIRST_WAIT * GROWTH ** (tries - 1), LONGEST_WAIT)
        wait = int(longest * self.rng.uniform(0.5, 1.0))
        wished = 0 if asked is None else int(min(asked, DAY / SECOND) * SECOND)
        return now + max(wait, wished)

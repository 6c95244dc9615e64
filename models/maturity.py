"""How outcomes ripen: the share of leads that have become an SQL by each age, and the horizon that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.clock import DAY
from features.matrix import Floats, Ints

PROPOSED: Final = (30, 60, 90, 120, 180)
"""Horizons that people can work with, in days."""
ENOUGH: Final = 0.8
"""Share of the SQLs to come that a horizon must catch."""
LONGEST: Final = 365
"""An SQL later than this is another story."""
LEAST_SQLS: Final = 20
"""With fewer SQLs a curve says nothing."""


@dataclass(frozen=True, slots=True)
class Maturity:
    """Share of leads that have become an SQL by each age.

    Attributes:
        leads, converted: how many episodes, and how many of them ended as an SQL.
        days: ages 0, 1, ... up to the longest follow-up (at most a year).
        share: cumulative incidence at the end of each day; shape of ``days``.
    """

    leads: int
    converted: int
    days: Ints
    share: Floats

    @property
    def followed(self) -> int:
        """Days of follow-up behind the curve."""
        return int(self.days[-1])

    def caught(self, days: int) -> float:
        """Share of all SQLs (within the follow-up, at most a year) that come in less than ``days``; NaN without any.

        As a horizon of so many days counts them: day ``days`` itself is outside.
        """
        if self.share[-1] <= 0:
            return float("nan")
        return float(self.share[min(days, self.followed + 1) - 1] / self.share[-1])

    @property
    def horizon(self) -> int | None:
        """The shortest of ``PROPOSED`` that catches ``ENOUGH``; None where the follow-up is too short to tell."""
        if self.converted < LEAST_SQLS:
            return None
        fitting = [days for days in PROPOSED if days <= self.followed and self.caught(days) >= ENOUGH]
        return fitting[0] if fitting else None


def maturity(start: Ints, end: Ints, converted: NDArray[np.bool_], *, observed_until: int) -> Maturity:
    """Aalen-Johansen estimate of the cumulative incidence of SQLs.

    A lead that was closed otherwise (rejected, recycled) can no longer convert: a competing event. A lead still
    in play when the data end is censored there, not counted as a loss.

    Source: Aalen and Johansen (1978), *An empirical transition matrix*, Scand. J. Statist. 5, with daily steps.

    Args:
        start: instant at which each episode began.
        end: instant at which it ended, ``NEVER`` while in play.
        converted: whether it ended as an SQL.
        observed_until: end of the data.
    """
    closed = end <= observed_until
    age = (np.where(closed, end, observed_until) - start) // DAY
    longest = int(np.clip((observed_until - start.min(initial=observed_until)) // DAY, 0, LONGEST))
    length = longest + 2
    within = np.clip(age, 0, length - 1)
    won = np.bincount(within[closed & converted], minlength=length)[: longest + 1]
    gone = np.bincount(within, minlength=length)
    at_risk = np.cumsum(gone[::-1])[::-1][: longest + 1]
    ended = np.bincount(within[closed], minlength=length)[: longest + 1]
    hazard = np.divide(ended, at_risk, out=np.zeros(longest + 1), where=at_risk > 0)
    in_play = np.r_[1.0, np.cumprod(1.0 - hazard)[:-1]]
    step = np.divide(won, at_risk, out=np.zeros(longest + 1), where=at_risk > 0) * in_play
    return Maturity(len(start), int((closed & converted).sum()), np.arange(longest + 1), np.cumsum(step))

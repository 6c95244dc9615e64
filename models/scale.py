"""Points: the additive scale people read, a straight line through the calibrated log-odds.

``points = offset + factor * log_odds``. Contributions in points are the contributions in log-odds times
``factor``, so they add up exactly as those do, whatever the offset.

Source: Siddiqi, *Credit Risk Scorecards* (2006), ch. 6 (points to double the odds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from features.matrix import Floats

POINTS_TO_DOUBLE: Final = 15.0
"""How many points double the odds where no sheet sets the unit."""

AVERAGE_POINTS: Final = 50.0
"""Points of a lead with the average chance, where no sheet sets the anchor."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit and an anchor.

    Attributes:
        factor: points per unit of log-odds; positive.
        offset: points at even odds (log-odds 0).
        anchor: how the scale was fixed, in words.

    >>> scale = default_scale(0.2)
    >>> round(scale.points(math.log(0.2 / 0.8)), 6)  # the average lead
    50.0
    >>> round(scale.points(math.log(2 * 0.2 / 0.8)), 6)  # twice the odds
    65.0
    """

    factor: float
    offset: float
    anchor: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0 and math.isfinite(self.offset)):
            raise ValueError(
                f"a scale needs a positive factor and a finite offset, got {self.factor}, {self.offset}"
            )

    def points(self, log_odds: Any) -> Any:
        """Points of log-odds, a number or an array of any shape."""
        return self.offset + self.factor * log_odds

    def log_odds(self, points: Any) -> Any:
        """Inverse of ``points``."""
        return (points - self.offset) / self.factor

    def shares(self, contributions: Floats) -> Floats:
        """Contributions in points, same shape; their base in points is ``points(base)``."""
        return self.factor * contributions

    @property
    def points_to_double(self) -> float:
        """How many points double the odds."""
        return self.factor * math.log(2)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scale:
        """Inverse of ``to_json``."""
        return cls(float(data["factor"]), float(data["offset"]), str(data["anchor"]))


def default_scale(base_rate: float, *, points_to_double: float = POINTS_TO_DOUBLE) -> Scale:
    """Scale without a sheet: 50 points are the average chance ``base_rate``, 15 more double the odds."""
    if not 0 < base_rate < 1:
        raise ValueError(f"a base rate lies between 0 and 1, got {base_rate}")
    factor = points_to_double / math.log(2)
    offset = AVERAGE_POINTS - factor * math.log(base_rate / (1 - base_rate))
    average = f"{AVERAGE_POINTS:g} points are the average chance of {base_rate:.1%}"
    words = f"{average}; {points_to_double:g} points double the odds"
    return Scale(factor, offset, words)


def sheet_scale(
    log_odds: Floats, totals: Floats, mql_at: float, *, points_to_double: float = POINTS_TO_DOUBLE
) -> Scale:
    """Scale that keeps the number at which marketing hands a lead over.

    As many leads reach ``mql_at`` points on the new scale as reach it on the sheet.

    Args:
        log_odds: of the model, shape (leads,).
        totals: of the sheet for the same leads, shape (leads,).
        mql_at: the sheet's threshold.
        points_to_double: the unit.

    Raises:
        ValueError: if all leads, or none, reach ``mql_at``: then the threshold says nothing about volume.
    """
    passed = int(np.count_nonzero(totals >= mql_at))
    if not 0 < passed < len(totals):
        raise ValueError(
            f"{passed} of {len(totals)} leads reach {mql_at:g} points, so this threshold fixes no scale"
        )
    ordered = np.sort(log_odds)[::-1]
    threshold = float(ordered[passed - 1] + ordered[passed]) / 2
    factor = points_to_double / math.log(2)
    words = (
        f"{mql_at:g} points are reached by {passed} of {len(totals)} leads, as on the hand-set sheet; "
        f"{points_to_double:g} points double the odds"
    )
    return Scale(factor, mql_at - factor * threshold, words)

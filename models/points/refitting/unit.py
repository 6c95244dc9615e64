"""What a point is worth: points for each unit of log-odds, and the step in which a sheet counts."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from features.matrix import Floats
from models.wilson import Z_95

DOUBLES_ODDS: Final = 15.0
"""Points that double the odds, where today's sheet does not say how much a point is worth."""
PLAIN_UNIT: Final = DOUBLES_ODDS / math.log(2.0)
STEPS: Final = (5.0, 1.0, 0.5, 0.1)
"""In which a sheet may count, coarsest first."""
NEAR: Final = 0.4
"""Prior standard deviation of the unit on a log scale, around what the slope of the total says."""
_GRID: Final = np.geomspace(0.2, 5.0, 500)
"""Units that are tried, as multiples of that."""


def step_of(points: Floats) -> float:
    """The coarsest of ``STEPS`` of which all points are multiples; the finest if there is none.

    >>> step_of(np.array([20.0, -5.0])), step_of(np.array([20.0, 3.0]))
    (5.0, 1.0)
    """
    whole = (step for step in STEPS if np.allclose(points / step, np.round(points / step), atol=1e-9))
    return next(whole, STEPS[-1])


def robust_unit(points: Floats, log_odds: Floats, error: Floats, slope: float) -> float:
    """Points per log-odds at which most rules agree with the data, however wrong the others are.

    A rule counts by its squared distance in standard errors, and by no more than that of a rule that is surely
    wrong; one divided by the slope of the total would be inflated by every wrong rule.

    Args:
        points: of today's sheet, shape (rules,).
        log_odds: what the data say of the rules.
        error: standard errors of that.
        slope: log-odds per point of the total, positive. The unit is near to one divided by it, as far as few
            rules or few leads leave it open.
    """
    units = _GRID / slope
    apart = (points / units[:, None] - log_odds) / error
    loss = np.minimum(apart**2, Z_95**2).sum(axis=1) + (np.log(_GRID) / NEAR) ** 2
    return float(units[loss.argmin()])


def rounded(points: Floats, step: float) -> Floats:
    """The nearest multiples of ``step``, halves away from 0; never -0.

    >>> rounded(np.array([7.5, -7.5, 0.2, -0.2]), 5.0)
    array([ 10., -10.,   0.,   0.])
    """
    whole = np.copysign(np.floor(np.abs(points) / step + 0.5), points) * step
    return np.asarray(np.round(whole, 6) + 0.0)

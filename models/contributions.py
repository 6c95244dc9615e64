"""A log-odds taken apart, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.matrix import Floats

TOLERANCE = 1e-9
"""How far the parts may be from the whole, in log-odds."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to the log-odds of each row: ``base + by_feature.sum(1) + sheet``.

    Attributes:
        base: log-odds before anything is known about the lead.
        by_feature: shape (rows, features of the matrix), in the order of its columns.
        sheet: shape (rows,): what the team's own points add where a booster started from them;
            a group of its own ("your points"), 0 everywhere else.
    """

    base: float
    by_feature: Floats
    sheet: Floats

    def __post_init__(self) -> None:
        if self.by_feature.ndim != 2 or self.sheet.shape != (len(self.by_feature),):
            message = (
                f"rows do not match: {self.by_feature.shape} by feature, {self.sheet.shape} from the sheet"
            )
            raise ValueError(message)

    @property
    def total(self) -> Floats:
        """The log-odds they add up to, shape (rows,)."""
        return np.asarray(self.base + self.by_feature.sum(axis=1) + self.sheet)

    def scaled(self, slope: float, intercept: float = 0.0) -> Contributions:
        """Parts of ``intercept + slope * total``."""
        return Contributions(intercept + slope * self.base, slope * self.by_feature, slope * self.sheet)


def of_features(base: float, by_feature: Floats) -> Contributions:
    """Contributions without a sheet group.

    >>> of_features(-1.0, np.array([[0.25, 0.5]])).total
    array([-0.25])
    """
    return Contributions(base, by_feature, np.zeros(len(by_feature)))


def combine(intercept: float, weights: Sequence[float], parts: Sequence[Contributions]) -> Contributions:
    """Parts of ``intercept + sum(weight * part)``; all parts are of the same rows and features."""
    scaled = [part.scaled(weight) for weight, part in zip(weights, parts, strict=True)]
    return Contributions(
        intercept + sum(part.base for part in scaled),
        np.sum([part.by_feature for part in scaled], axis=0),
        np.sum([part.sheet for part in scaled], axis=0),
    )

"""From a total of points to a probability: a straight line in log-odds that never falls, shifted by service line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from features.matrix import Floats, Ints, Texts
from models.dataset import Dataset
from models.points.judging.account_draws import AccountDraws
from models.ridge import Problem, fit_ridge

SHIFT_PRECISION: Final = 3.0
"""Prior precision of a service line's log-odds: lines differ by about .6 before the data are asked."""
SLOPE_PRECISION: Final = 0.25
"""Prior precision of the slope per standard deviation of the total; it only matters where a total parts the classes."""
LEVELS: Final = 1000
"""Totals that wear off by the hour are taken together by a thousandth of their range."""


@dataclass(frozen=True, slots=True)
class Line:
    """``intercept + shifts[service line] + slope * total``.

    Attributes:
        slope: log-odds per point.
        shifts: of service lines, in log-odds; 0 for those not named.
    """

    slope: float
    intercept: float
    shifts: dict[str, float]

    def log_odds(self, total: Floats, service_line: Texts) -> Floats:
        """Shape (rows,)."""
        shift = np.array([self.shifts.get(line, 0.0) for line in service_line], dtype=np.float64)
        return np.asarray(self.intercept + shift + self.slope * total)

    def probability(self, total: Floats, service_line: Texts) -> Floats:
        """Of becoming an SQL, shape (rows,)."""
        return np.asarray(expit(self.log_odds(total, service_line)))


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """Rows that a line cannot tell apart, added up; a bootstrap draw then costs as much as there are totals.

    Attributes:
        lines: service lines with a shift of their own. x: one, total and lines, shape (2 * patterns, k);
            the first half converted, the other half did not.
        member: place of each row in ``x``, shape (rows,).
        center, spread: of the total in ``x``.
        weight: of rows, shape (rows,).
    """

    lines: tuple[str, ...]
    x: Floats
    member: Ints
    center: float
    spread: float
    weight: Floats

    @classmethod
    def of(cls, total: Floats, rows: Dataset) -> Patterns:
        """Patterns of the total and the service line."""
        lines, line = np.unique(rows.service_line.astype(str), return_inverse=True)
        pairs, member = np.unique(np.column_stack([_leveled(total), line]), axis=0, return_inverse=True)
        center, spread = float(total.mean()), float(total.std()) or 1.0
        shifted = lines if len(lines) > 1 else lines[:0]
        x = np.column_stack(
            [
                np.ones(len(pairs)),
                (pairs[:, 0] - center) / spread,
                pairs[:, 1:] == np.arange(len(shifted)),
            ]
        )
        place = member.ravel() + len(pairs) * (rows.label == 0.0)
        return cls(
            tuple(map(str, shifted)), np.tile(x, (2, 1)), place.astype(np.int64), center, spread, rows.weight
        )

    def fit(self, weight: Floats) -> Line:
        """The line that fits best under ``weight``, shape (rows,); its slope may be negative."""
        penalty = np.array([0.0, SLOPE_PRECISION, *[SHIFT_PRECISION] * len(self.lines)])
        b = self._solve(self.x, weight, penalty)
        slope = float(b[1]) / self.spread
        return Line(slope, float(b[0]) - slope * self.center, self._shifts(b[2:]))

    def flat(self, weight: Floats) -> Line:
        """The same with a slope of 0."""
        penalty = np.array([0.0, *[SHIFT_PRECISION] * len(self.lines)])
        b = self._solve(np.delete(self.x, 1, axis=1), weight, penalty)
        return Line(0.0, float(b[0]), self._shifts(b[1:]))

    def drawn(self, draws: AccountDraws) -> Iterator[Line]:
        """The line of each draw; slopes may be negative."""
        for block in draws.weightings(self.weight):
            for weight in block:
                yield self.fit(weight)

    def _solve(self, x: Floats, weight: Floats, penalty: Floats) -> Floats:
        label = np.repeat([1.0, 0.0], len(x) // 2)
        mass: Floats = np.bincount(self.member, weights=weight, minlength=len(x)).astype(np.float64)
        held = mass > 0.0
        none = np.zeros(len(penalty))
        problem = Problem(x[held], label[held], mass[held], np.zeros(int(held.sum())), penalty, none)
        return fit_ridge(problem)

    def _shifts(self, b: Floats) -> dict[str, float]:
        return dict(zip(self.lines, b.tolist(), strict=True))


def _leveled(total: Floats) -> Floats:
    if len(np.unique(total)) <= LEVELS:
        return total
    grain = float(np.ptp(total)) / LEVELS
    return np.asarray(np.round(total / grain) * grain)


def fit_line(total: Floats, rows: Dataset) -> Line:
    """The line that fits best among those that do not fall.

    The first two steps of model updating: Steyerberg, *Clinical Prediction Models* (2019), ch. 20.

    Args:
        total: points of each row, shape (rows,).
        rows: what became of them.
    """
    patterns = Patterns.of(total, rows)
    free = patterns.fit(rows.weight)
    return free if free.slope >= 0.0 else patterns.flat(rows.weight)

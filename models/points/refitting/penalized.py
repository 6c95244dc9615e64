"""Logistic regression with a ridge and bounds, for rows that mostly hold zeros: exact, deterministic, fast.

A rule of a sheet holds for few leads and equal leads are many, so rows are kept once, with what converted and what
did not, and only their cells that are not zero. Steps are Newton's, projected on the bounds: Bertsekas (1982),
*Projected Newton Methods for Optimization Problems with Simple Constraints*, SIAM J. Control Optim. 20.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numba import njit
from scipy.linalg import cho_factor, cho_solve

from features.matrix import Floats, Ints

STEPS: Final = 100
CLOSE: Final = 1e-12
"""The last step is one that promises to gain less than this, in log loss per unit of weight."""
FAST: Final = 0.05
"""What a step promises must be less than this share of what the one before promised, or curvature is taken anew."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a table that are not zero, row by row.

    Attributes:
        starts: where each row begins in the other two, shape (rows + 1,).
        column, value: shape (cells,).
        width: number of columns.
    """

    starts: Ints
    column: Ints
    value: Floats
    width: int

    @classmethod
    def of(cls, table: Floats) -> Cells:
        """Keep what is not zero.

        >>> Cells.of(np.array([[0.0, 2.0], [1.0, 0.0]])).column
        array([1, 0])
        """
        row, column = np.nonzero(table)
        starts = np.zeros(len(table) + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=len(table)), out=starts[1:])
        return cls(starts, column.astype(np.int64), table[row, column], table.shape[1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def times(self, b: Floats) -> Floats:
        """The table times a vector, shape (rows,)."""
        row = np.repeat(np.arange(len(self)), np.diff(self.starts))
        return np.bincount(row, weights=self.value * b[self.column], minlength=len(self)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Penalized:
    """Find the b with least ``sum(weight * log loss(x @ b)) + sum(penalty * (b - toward)^2) / 2`` within bounds.

    Attributes:
        x: shape (rows, k). An intercept is a column of ones with penalty 0.
        converted, other: weight of what converted in each row, and of what did not, shape (rows,).
        penalty: precisions, shape (k,). toward: shape (k,).
        low, high: bounds, shape (k,); infinite where there is none. 0 must not lie outside.
    """

    x: Cells
    converted: Floats
    other: Floats
    penalty: Floats
    toward: Floats
    low: Floats
    high: Floats

    def weighted(self, converted: Floats, other: Floats) -> Penalized:
        """The same with other weights."""
        return replace(self, converted=converted, other=other)

    def evaluate(self, b: Floats) -> tuple[float, Floats]:
        """Objective and gradient (k,)."""
        loss, gradient = _slopes(self._cells, self.converted, self.other, b)
        away = b - self.toward
        return loss + 0.5 * float(self.penalty @ away**2), gradient + self.penalty * away

    def curvature(self, b: Floats) -> Floats:
        """Second derivatives, shape (k, k)."""
        half: Floats = _bends(self._cells, self.converted + self.other, b)
        return np.asarray(half + np.tril(half.T, -1) + np.diag(self.penalty))

    @property
    def _cells(self) -> tuple[Ints, Ints, Floats]:
        return self.x.starts, self.x.column, self.x.value

    @property
    def total(self) -> float:
        """Weight of all rows."""
        return float(self.converted.sum() + self.other.sum())


@njit(cache=True, nogil=True)
def _at(cells, row, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """One row times b."""
    starts, column, value = cells
    z = 0.0
    for at in range(starts[row], starts[row + 1]):
        z += value[at] * b[column[at]]
    return z


@njit(cache=True, nogil=True)
def _slopes(cells, converted, other, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Log loss and its gradient."""
    starts, column, value = cells
    loss = 0.0
    gradient = np.zeros(len(b))
    for row in range(len(starts) - 1):
        weight = converted[row] + other[row]
        if weight == 0.0:
            continue
        z = _at(cells, row, b)
        tail = np.exp(-abs(z))
        p = 1.0 / (1.0 + tail) if z > 0.0 else tail / (1.0 + tail)
        loss += weight * (np.log1p(tail) + max(z, 0.0)) - converted[row] * z
        slope = weight * p - converted[row]
        for at in range(starts[row], starts[row + 1]):
            gradient[column[at]] += slope * value[at]
    return loss, gradient


@njit(cache=True, nogil=True)
def _bends(cells, weight, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The upper half of the curvature of the log loss; columns rise within a row."""
    starts, column, value = cells
    bends = np.zeros((len(b), len(b)))
    for row in range(len(starts) - 1):
        if weight[row] == 0.0:
            continue
        tail = np.exp(-abs(_at(cells, row, b)))
        bend = weight[row] * tail / (1.0 + tail) ** 2
        for at in range(starts[row], starts[row + 1]):
            bent = bend * value[at]
            line = bends[column[at]]
            for beside in range(at, starts[row + 1]):
                line[column[beside]] += bent * value[beside]
    return bends


def fit_penalized(problem: Penalized, start: Floats | None = None) -> Floats:
    """The coefficients, shape (k,). ``start``: near the answer, if one is known.

    Curvature costs far more than a gradient, so it is kept as long as steps shrink fast with it.
    """
    b = np.clip(problem.toward if start is None else start, problem.low, problem.high)
    reached, gradient = problem.evaluate(b)
    curvature = problem.curvature(b)
    enough = CLOSE * max(problem.total, 1.0)
    before = np.inf
    for _ in range(STEPS):
        step = _newton_step(problem, b, gradient, curvature)
        if gradient @ step > FAST * before:
            curvature = problem.curvature(b)
            step = _newton_step(problem, b, gradient, curvature)
        before = float(gradient @ step)
        if before <= enough:
            return np.clip(b - step, problem.low, problem.high)
        tried = _downhill(problem, b, step, (reached, before))
        if tried is None:
            break
        b, reached, gradient = tried
    return b


def _newton_step(problem: Penalized, b: Floats, gradient: Floats, curvature: Floats) -> Floats:
    """Gradient over curvature among the coefficients that no bound holds back; 0 for the others."""
    held = ((b <= problem.low) & (gradient > 0.0)) | ((b >= problem.high) & (gradient < 0.0))
    free = np.flatnonzero(~held)
    step = np.zeros_like(b)
    inner = curvature[np.ix_(free, free)]
    inner[np.diag_indices_from(inner)] += 1e-10 * max(problem.total, 1.0)
    step[free] = cho_solve(cho_factor(inner), gradient[free])
    return step


def _downhill(
    problem: Penalized, b: Floats, step: Floats, reached: tuple[float, float]
) -> tuple[Floats, float, Floats] | None:
    """The step, halved until it falls as far as it promises in part; ``None`` if it never does."""
    for halvings in range(40):
        share = 0.5**halvings
        tried = np.clip(b - share * step, problem.low, problem.high)
        objective, gradient = problem.evaluate(tried)
        if objective <= reached[0] - 1e-4 * share * reached[1]:
            return tried, objective, gradient
    return None

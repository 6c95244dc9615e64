"""Logistic regression with a ridge, by damped Newton steps: exact, deterministic, NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from features.matrix import Floats

STEPS: Final = 100
CLOSE: Final = 1e-9
"""Newton stops when a step gains less than this, in log loss per unit of weight."""


def log_loss_terms(log_odds: Floats, label: Floats) -> Floats:
    """Log loss of each row, stable for any log-odds.

    >>> log_loss_terms(np.array([0.0, 800.0]), np.array([1.0, 1.0])).round(3)
    array([0.693, 0.   ])
    """
    return np.asarray(np.logaddexp(0.0, log_odds) - label * log_odds)


@dataclass(frozen=True, slots=True)
class Problem:
    """Find b with least ``sum(weight * log loss(offset + x @ b)) + sum(penalty * (b - toward)^2) / 2``.

    Attributes:
        x: shape (rows, k). For an intercept, a column of ones with penalty 0: see ``with_intercept``.
        label: 0 or 1. weight: say of each row. offset: log-odds to start from. Each of shape (rows,).
        penalty, toward: shape (k,). A penalty is a precision: the inverse of a prior variance.
    """

    x: Floats
    label: Floats
    weight: Floats
    offset: Floats
    penalty: Floats
    toward: Floats

    def objective(self, b: Floats) -> float:
        """What is to be least."""
        losses = log_loss_terms(self.x @ b + self.offset, self.label)
        return float(self.weight @ losses + 0.5 * (self.penalty @ (b - self.toward) ** 2))

    def newton_step(self, b: Floats) -> Floats:
        """Gradient over curvature, shape (k,)."""
        p = expit(self.x @ b + self.offset)
        gradient = self.x.T @ (self.weight * (p - self.label)) + self.penalty * (b - self.toward)
        curvature = (self.x * (self.weight * p * (1.0 - p))[:, None]).T @ self.x
        tiny = 1e-10 * max(float(self.weight.sum()), 1.0)
        curvature[np.diag_indices_from(curvature)] += self.penalty + tiny
        return np.asarray(cho_solve(cho_factor(curvature), gradient))


def with_intercept(x: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    """``x`` with a first column of ones, and ``penalty`` with a 0 for it."""
    return np.column_stack([np.ones(len(x)), x]), np.concatenate([[0.0], penalty])


def fit_ridge(problem: Problem) -> Floats:
    """The coefficients, shape (k,)."""
    b = problem.toward.astype(np.float64)
    reached = problem.objective(b)
    enough = CLOSE * float(problem.weight.sum())
    for _ in range(STEPS):
        before = reached
        b, reached = _downhill(problem, b, before)
        if before - reached <= enough:
            break
    return b


def _downhill(problem: Problem, b: Floats, reached: float) -> tuple[Floats, float]:
    """A Newton step, halved until the objective falls; (b, objective)."""
    step = problem.newton_step(b)
    for halvings in range(30):
        tried = b - step * 0.5**halvings
        objective = problem.objective(tried)
        if objective <= reached:
            return tried, objective
    return b, reached

"""Two small logistic regressions on log-odds, solved for many weightings of the same rows at once.

They answer whether probabilities are right on the whole (intercept) and whether they are too bold or
too timid (slope).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from features.matrix import Floats

STEPS: Final = 60
"""Newton steps before we say that there is no maximum."""

CLOSE: Final = 1e-6
"""A step shorter than this is the last: the error left over is about its square."""

LONGEST: Final = 2.0
"""Longest Newton step in either coordinate, in standardized log-odds; keeps far starts from flying off."""


def slope_and_intercept(label: Floats, log_odds: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Maximum likelihood of logit P(label) = a + b ``log_odds``.

    Args:
        label: 1.0 or 0.0, shape (rows,).
        log_odds: shape (rows,).
        weights: shape (weightings, rows).

    Returns:
        b and a, each of shape (weightings,); NaN where no finite maximum exists (one class only,
        constant ``log_odds``, or classes that a threshold separates).
    """
    exists = _overlap(label, log_odds, weights)
    mean, spread = log_odds.mean(), max(log_odds.std(), CLOSE)
    x = (log_odds - mean) / spread
    start = _newton(label, x, weights.mean(axis=0, keepdims=True), np.zeros((1, 2)))
    start = np.where(np.isfinite(start), start, 0.0)
    found = np.full((len(weights), 2), np.nan)
    found[exists] = _newton(label, x, weights[exists], np.repeat(start, exists.sum(), axis=0))
    slope = found[:, 1] / spread
    return slope, found[:, 0] - slope * mean


def intercept_given(label: Floats, log_odds: Floats, weights: Floats) -> Floats:
    """Maximum likelihood of logit P(label) = a + ``log_odds``, the slope held at 1.

    Newton steps inside a bracket, so it converges whenever both classes have weight; else NaN.

    Returns:
        a, shape (weightings,).
    """
    converted = weights @ label
    total = weights.sum(axis=1)
    both = (converted > 0.0) & (total - converted > 0.0)
    # Every root lies where the mean probability is the smallest or largest that the weights can ask for.
    reach = np.abs(log_odds).max() + np.log(total.max() / weights[weights > 0.0].min()) + 1.0
    low, high = np.full(len(weights), -reach), np.full(len(weights), reach)
    a = np.zeros(len(weights))
    for _ in range(STEPS):
        p = expit(a[:, None] + log_odds)
        weighted = weights * p
        slack = converted - weighted.sum(axis=1)
        low, high = np.where(slack > 0.0, a, low), np.where(slack < 0.0, a, high)
        curvature = (weighted - weighted * p).sum(axis=1)
        newton = a + np.divide(slack, curvature, out=np.full_like(a, np.inf), where=curvature > 0.0)
        following = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2.0)
        moved = np.abs(following - a)[both]
        a = following
        if not len(moved) or moved.max() < CLOSE:
            break
    return np.where(both, a, np.nan)


def _overlap(label: Floats, x: Floats, weights: Floats) -> NDArray[np.bool_]:
    """Whether no threshold on ``x`` parts the classes: what a finite maximum needs. Shape (weightings,).

    Source: Albert and Anderson (1984).
    """
    order = np.argsort(x, kind="stable")
    least, most = [], []
    for member in (label == 1.0, label == 0.0):
        rows = order[member[order]]
        if not len(rows):
            return np.zeros(len(weights), dtype=np.bool_)
        present = weights[:, rows] > 0.0
        least.append(np.where(present.any(axis=1), x[rows[present.argmax(axis=1)]], np.inf))
        most.append(np.where(present.any(axis=1), x[rows[-1 - present[:, ::-1].argmax(axis=1)]], -np.inf))
    return (most[0] > least[1]) & (most[1] > least[0])


def _newton(label: Floats, x: Floats, weights: Floats, start: Floats) -> Floats:
    """Intercept and slope, shape (weightings, 2); NaN where the steps do not settle."""
    powers = np.column_stack([np.ones_like(x), x, x * x])
    wanted = weights @ (powers[:, :2] * label[:, None])
    beta, moved = start, np.full(len(start), np.inf)
    for _ in range(STEPS):
        p = expit(beta[:, :1] + beta[:, 1:] * x)
        weighted = weights * p
        slack = wanted - weighted @ powers[:, :2]
        h00, h01, h11 = ((weighted - weighted * p) @ powers).T
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.column_stack(
                [h11 * slack[:, 0] - h01 * slack[:, 1], h00 * slack[:, 1] - h01 * slack[:, 0]]
            )
            step /= (h00 * h11 - h01 * h01)[:, None]
        beta = beta + np.clip(step, -LONGEST, LONGEST)
        moved = np.abs(step).max(axis=1)
        if (moved[np.isfinite(moved)] < CLOSE).all():
            break
    return np.where((moved < CLOSE)[:, None], beta, np.nan)

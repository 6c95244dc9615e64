"""How good probabilities are: ranking, sharpness, calibration, and what the top of the list is worth.

Each metric is computed for many weightings of the same rows at once, because a bootstrap draw is
nothing but a weighting. Rows are sorted once; ties in the probability are treated as one group, so a
metric is its expected value under random tie breaking, a row of weight 2 counts as two rows of
weight 1, and the order of the rows does not matter.

A metric that is not defined (only one class, or a slope of perfectly separated classes) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats
from models.recalibration import intercept_given, slope_and_intercept

METRICS: Final = (
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "ece",
    "ece_debiased",
    "calibration_slope",
    "calibration_intercept",
    "lift_at_5",
    "lift_at_10",
    "lift_at_20",
    "precision_at_10",
)
"""Names of all metrics, in the order in which ``measure`` returns them."""

BINS: Final = 10
"""Bins of equal weight in the calibration errors."""

SMALLEST: Final = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 where a logarithm is taken."""


def measure(label: Floats, probability: Floats, weights: Floats) -> Floats:
    """All ``METRICS`` of one model under many weightings.

    Args:
        label: 1.0 or 0.0, shape (rows,).
        probability: shape (rows,).
        weights: shape (weightings, rows), non-negative; zero leaves a row out.

    Returns:
        Shape (weightings, metrics).
    """
    _check(label, probability, weights)
    ranked = _Ranked.of(label, probability, weights)
    clipped = np.clip(probability, SMALLEST, 1.0 - SMALLEST)
    surprise = -np.where(label == 1.0, np.log(clipped), np.log1p(-clipped))
    log_odds = np.log(clipped) - np.log1p(-clipped)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = [
            _roc_auc(ranked),
            _pr_auc(ranked),
            weights @ surprise / ranked.total,
            weights @ (probability - label) ** 2 / ranked.total,
            *_calibration_errors(ranked, weights),
            slope_and_intercept(label, log_odds, weights)[0],
            intercept_given(label, log_odds, weights),
            *_lifts(ranked, (0.05, 0.10, 0.20)),
            _caught(ranked, 0.10) / 0.10 / ranked.total,
        ]
    return np.column_stack(columns)


def roc_auc(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Chance that a converted row is ranked above another; a tie counts half.

    >>> float(roc_auc(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.2, 0.3])))
    0.625
    """
    return _one("roc_auc", label, probability, weight)


def pr_auc(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Average precision: the mean, over converted rows, of the precision at that row's rank."""
    return _one("pr_auc", label, probability, weight)


def log_loss(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Mean surprise in nats; lower is better."""
    return _one("log_loss", label, probability, weight)


def brier(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Mean squared error of the probability; lower is better."""
    return _one("brier", label, probability, weight)


def ece(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Expected calibration error: mean over ten bins of equal weight of |share converted - mean probability|.

    It is an absolute value, so noise makes it too large: even perfect probabilities score above 0.
    ``ece_debiased`` takes the noise off.
    """
    return _one("ece", label, probability, weight)


def ece_debiased(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Root of the mean squared gap over the same ten bins, less the variance that noise alone would give.

    In bin b with share converted y and n effective rows, y (1 - y) / (n - 1) is taken off the squared
    gap; below zero the result is 0. Source: Kumar, Liang, Ma, *Verified uncertainty calibration*
    (2019). Effective rows are (sum of weights)^2 / (sum of squared weights), Kish (1965).
    """
    return _one("ece_debiased", label, probability, weight)


def calibration_slope(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Slope b of the logistic regression logit P(label) = a + b logit(probability); 1 is right.

    Below 1 the probabilities are too extreme, above 1 too timid. Source: Cox (1958).
    """
    return _one("calibration_slope", label, probability, weight)


def calibration_intercept(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Intercept a of logit P(label) = a + logit(probability), slope held at 1; 0 is right.

    Above 0 the probabilities are too low on the whole ("calibration in the large").
    """
    return _one("calibration_intercept", label, probability, weight)


def lift_at_5(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Share converted among the top 5 %, over the share converted among all."""
    return _one("lift_at_5", label, probability, weight)


def lift_at_10(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Share converted among the top 10 %, over the share converted among all."""
    return _one("lift_at_10", label, probability, weight)


def lift_at_20(label: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """Share converted among the top 20 %, over the share converted among all."""
    return _one("lift_at_20", label, probability, weight)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Running sums over groups of tied rows, best first; each of shape (weightings, groups)."""

    converted: Floats
    mass: Floats
    gap: Floats

    @classmethod
    def of(cls, label: Floats, probability: Floats, weights: Floats) -> _Ranked:
        order = np.argsort(-probability, kind="stable")
        ranked, truth, sorted_weights = probability[order], label[order], weights[:, order]
        ends = np.append(np.flatnonzero(np.diff(ranked) != 0.0), len(ranked) - 1)
        running = (np.cumsum(sorted_weights * part, axis=1)[:, ends] for part in (truth, 1.0, truth - ranked))
        return cls(*running)

    @property
    def total(self) -> Floats:
        """Weight of all rows, shape (weightings,)."""
        return self.mass[:, -1]

    def at(self, running: Floats, shares: Floats) -> Floats:
        """A running sum when the best ``shares`` of the weight are taken; part of a group counts in part."""
        start = np.zeros(1)
        return np.stack(
            [
                np.interp(shares * mass[-1], np.concatenate([start, mass]), np.concatenate([start, values]))
                for mass, values in zip(self.mass, running, strict=True)
            ]
        )


def _roc_auc(ranked: _Ranked) -> Floats:
    others = ranked.mass - ranked.converted
    above = others - 0.5 * np.diff(others, axis=1, prepend=0.0)
    beaten = others[:, -1:] - above
    won = (np.diff(ranked.converted, axis=1, prepend=0.0) * beaten).sum(axis=1)
    return np.asarray(won / (ranked.converted[:, -1] * others[:, -1]))


def _pr_auc(ranked: _Ranked) -> Floats:
    precision = np.divide(
        ranked.converted, ranked.mass, out=np.zeros_like(ranked.mass), where=ranked.mass > 0.0
    )
    caught = np.diff(ranked.converted, axis=1, prepend=0.0)
    return np.asarray((caught * precision).sum(axis=1) / ranked.converted[:, -1])


def _caught(ranked: _Ranked, share: float) -> Floats:
    return ranked.at(ranked.converted, np.array([share]))[:, 0]


def _lifts(ranked: _Ranked, shares: tuple[float, ...]) -> list[Floats]:
    caught = ranked.at(ranked.converted, np.array(shares)) / ranked.converted[:, -1:]
    return list((caught / np.array(shares)).T)


def _calibration_errors(ranked: _Ranked, weights: Floats) -> tuple[Floats, Floats]:
    edges = np.linspace(0.0, 1.0, BINS + 1)
    mass = ranked.total[:, None] / BINS
    gap = np.diff(ranked.at(ranked.gap, edges), axis=1) / mass
    share = np.clip(np.diff(ranked.at(ranked.converted, edges), axis=1) / mass, 0.0, 1.0)
    effective = ranked.total**2 / (weights**2).sum(axis=1) / BINS
    noise = share * (1.0 - share) / np.maximum(effective - 1.0, 1.0)[:, None]
    squared = np.maximum((gap**2 - noise).mean(axis=1), 0.0)
    return np.abs(gap).mean(axis=1), np.sqrt(squared)


def _one(metric: str, label: Floats, probability: Floats, weight: Floats | None) -> float:
    weights = np.ones((1, len(label))) if weight is None else np.asarray(weight, dtype=np.float64)[None, :]
    values = measure(np.asarray(label, dtype=np.float64), np.asarray(probability, dtype=np.float64), weights)
    return float(values[0, METRICS.index(metric)])


def _check(label: Floats, probability: Floats, weights: Floats) -> None:
    if not label.shape == probability.shape == weights.shape[1:]:
        message = (
            f"label {label.shape}, probability {probability.shape} and weights {weights.shape} do not match"
        )
        raise ValueError(message)
    if not len(label):
        raise ValueError("there are no rows to judge")
    if not ((probability >= 0.0) & (probability <= 1.0)).all():
        raise ValueError("probabilities must lie between 0 and 1; log-odds or NaN were given")

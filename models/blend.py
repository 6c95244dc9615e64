"""The served model: a non-negative sum of other models' log-odds, plus an intercept, which is also the calibration.

Sums of sums are sums, so contributions stay exact. A single calibrated model is a blend of one part.

How weights are found, from margins of forward folds (each row judged by models that had not seen it):

1. Their sum is shrunk towards 1, and their differences towards 0, each with a prior standard deviation
   of .2: with few conversions the parts count alike. (Margins of folds, whose models saw less, call for
   a smaller sum than the final models need.) A part whose weight would be negative is left out.
2. The intercept makes the training rows right on the whole, then moves towards the newest labels: rows
   lose half their say every 60 days, and the move has a prior standard deviation of .1.

Source: shrunk recalibration, Steyerberg et al. (2004), *Statistics in Medicine* 23.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import expit

from features.clock import DAY
from features.definitions import Feature
from features.matrix import Floats, Ints, Matrix
from models.contributions import Contributions, combine
from models.dataset import Dataset
from models.learning import Model
from models.ridge import Problem, fit_ridge

SUM_PRECISION: Final = 25.0
DIFFERENCE_PRECISION: Final = 25.0
SHIFT_PRECISION: Final = 100.0
HALF_LIFE: Final = 60 * DAY
WIDEST: Final = 30.0
"""Largest shift, in log-odds, that bringing margins to one level may need."""


@dataclass(frozen=True, slots=True)
class Blend:
    """``intercept + sum(weight * part)``."""

    parts: tuple[Model, ...]
    weights: tuple[float, ...]
    intercept: float
    name: str = "blend"

    def __post_init__(self) -> None:
        if not self.parts or len(self.parts) != len(self.weights):
            raise ValueError(
                f"a blend needs one weight per part, got {len(self.weights)} for {len(self.parts)}"
            )
        if not all(np.isfinite([*self.weights, self.intercept])) or min(self.weights) < 0.0:
            raise ValueError(f"weights must be finite and not negative, got {self.weights}, {self.intercept}")

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those that any part needs in a matrix."""
        return tuple({feature.name: feature for part in self.parts for feature in part.features}.values())

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        margins = (
            weight * part.log_odds(matrix) for weight, part in zip(self.weights, self.parts, strict=True)
        )
        return self.intercept + sum(margins, np.zeros(len(matrix)))

    def contributions(self, matrix: Matrix) -> Contributions:
        """The parts' contributions, weighted."""
        return combine(self.intercept, self.weights, [part.contributions(matrix) for part in self.parts])

    def probability(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        return np.asarray(expit(self.log_odds(matrix)))

    def to_files(self) -> dict[str, str]:
        """``model.json``, and the files of each part in ``parts/<number>/``."""
        plain = {
            "kind": "blend",
            "name": self.name,
            "intercept": self.intercept,
            "parts": [part.name for part in self.parts],
            "weights": list(self.weights),
        }
        inner = {
            f"parts/{at}/{name}": text
            for at, part in enumerate(self.parts)
            for name, text in part.to_files().items()
        }
        return {"model.json": json.dumps(plain, indent=1, sort_keys=True) + "\n", **inner}

    @classmethod
    def assemble(cls, plain: Mapping[str, Any], parts: Sequence[Model]) -> Blend:
        """From the content of ``model.json`` and the parts; ``models.loading`` reads both."""
        return cls(tuple(parts), tuple(plain["weights"]), plain["intercept"], plain["name"])


@dataclass(frozen=True, slots=True)
class Margins:
    """Log-odds that models gave to rows which they had not seen.

    Attributes:
        train: all training rows.
        rows: positions of the judged ones, shape (judged,).
        fold: number of the fold in which a row was judged, shape (judged,); folds are in order of time.
        log_odds: shape (judged, models).
    """

    train: Dataset
    rows: Ints
    fold: Ints
    log_odds: Floats

    @property
    def label(self) -> Floats:
        """Shape (judged,)."""
        return self.train.label[self.rows]

    @property
    def weight(self) -> Floats:
        """Shape (judged,)."""
        return self.train.weight[self.rows]

    def of(self, models: Sequence[int]) -> Margins:
        """Of some of the models."""
        return Margins(self.train, self.rows, self.fold, self.log_odds[:, list(models)])

    def before(self, fold: int) -> Margins:
        """Of earlier folds, where the label was known when this one begins."""
        begins = self.train.as_of[self.rows[self.fold == fold]].min()
        earlier = (self.fold < fold) & (self.train.label_known_at[self.rows] <= begins)
        return Margins(self.train, self.rows[earlier], self.fold[earlier], self.log_odds[earlier])


def blend_weights(margins: Margins) -> Floats:
    """Non-negative weights, shape (models,); equal ones where there are no rows.

    Each fold has a level of its own, so that a drift of the base rate does not bend the weights.
    """
    kept = list(range(margins.log_odds.shape[1]))
    found = _weights(margins)
    while found.min() < 0.0 and len(kept) > 1:
        kept.pop(int(found.argmin()))
        found = _weights(margins.of(kept))
    weights = np.zeros(margins.log_odds.shape[1])
    weights[kept] = np.maximum(found, 0.0)
    return weights


def fit_blend(parts: Sequence[Model], margins: Margins, name: str) -> Blend:
    """Blend ``parts``, fitted on all training rows, by the margins of their forward folds."""
    weights = blend_weights(margins)
    train = margins.train
    final = np.column_stack([part.log_odds(train.matrix) for part in parts]) @ weights
    start = level(final, train)
    shift = _latest_shift(_levelled(margins, weights, final + start), margins)
    return Blend(tuple(parts), tuple(weights.tolist()), start + shift, name)


def level(log_odds: Floats, train: Dataset) -> float:
    """What to add so that the mean probability of the training rows is their base rate."""
    return _shift_to(log_odds, train.weight, float(train.weight @ train.label / train.weight.sum()))


def _weights(margins: Margins) -> Floats:
    """Ridge in the directions of the sum and of the differences, then back to weights; may be negative."""
    many = margins.log_odds.shape[1]
    turn = np.linalg.qr(np.column_stack([np.ones(many), np.eye(many)[:, 1:]]))[0]
    levels = (margins.fold[:, None] == np.unique(margins.fold)).astype(np.float64)
    # The first direction is ones / sqrt(many) up to its sign: a sum of 1 lies at 1 / sqrt(many) along it.
    toward = turn.T @ np.full(many, 1.0 / many)
    precision = np.array([many * SUM_PRECISION] + [many * DIFFERENCE_PRECISION] * (many - 1))
    none = np.zeros(levels.shape[1])
    problem = Problem(
        np.column_stack([levels, margins.log_odds @ turn]),
        margins.label,
        margins.weight,
        np.zeros(len(margins.rows)),
        np.concatenate([none, precision]),
        np.concatenate([none, toward]),
    )
    fitted = fit_ridge(problem)
    return np.asarray(turn @ fitted[levels.shape[1] :])


def _levelled(margins: Margins, weights: Floats, final: Floats) -> Floats:
    """Blended margins, each fold at the level (mean probability) that ``final`` has on its rows, shape (judged,).

    The models of early folds know an old base rate, the final ones a newer one: what the folds tell
    about spread is kept, their level is not.
    """
    blended = margins.log_odds @ weights
    for fold in np.unique(margins.fold):
        rows = margins.fold == fold
        weight = margins.weight[rows]
        wanted = float(weight @ expit(final[margins.rows[rows]]) / weight.sum())
        blended[rows] += _shift_to(blended[rows], weight, wanted)
    return blended


def _latest_shift(log_odds: Floats, margins: Margins) -> float:
    """What to add so that the newest labels come out right on the whole."""
    as_of = margins.train.as_of[margins.rows]
    fading = 0.5 ** ((as_of.max() - as_of) / HALF_LIFE)
    one, prior = np.ones((len(log_odds), 1)), np.array([SHIFT_PRECISION])
    return float(
        fit_ridge(Problem(one, margins.label, margins.weight * fading, log_odds, prior, np.zeros(1)))[0]
    )


def _shift_to(log_odds: Floats, weight: Floats, wanted: float) -> float:
    """Shift at which the weighted mean probability is ``wanted``."""
    from scipy.optimize import brentq  # noqa: PLC0415 - for training alone; a tenth of what a service would load

    total = weight.sum()
    return float(brentq(lambda shift: weight @ expit(log_odds + shift) / total - wanted, -WIDEST, WIDEST))

"""The plain model: a regularized logistic regression with bends and flags.

The penalties are priors, not settings to tune. Flags (a word, another word, missing) get a prior
standard deviation of .58 log-odds each; all bent lines together get a prior variance of .5 in log-odds,
shared evenly, so that a wide matrix is trusted no more than a narrow one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.definitions import Feature
from features.matrix import Floats, Matrix
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.encoder import Encoder, fit_encode
from models.learning import Files
from models.linear import Term, design, terms_of
from models.ridge import Problem, fit_ridge, with_intercept

FLAG_PRECISION: Final = 3.0
"""Prior precision of a flag's log-odds."""
SMOOTH_VARIANCE: Final = 0.5
"""Prior variance, in log-odds, of all bent lines together."""


MOST_ROWS: Final = 50_000
"""More rows would hardly move some hundred coefficients, and their design would not fit into memory."""
BLOCK: Final = 10_000
"""Rows whose design is in memory at a time."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """``intercept + design(terms) @ coefficients``; terms have mean 0, so the intercept is the typical lead."""

    encoder: Encoder
    terms: tuple[Term, ...]
    coefficients: tuple[float, ...]
    intercept: float
    name: str = "logistic"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those it needs in a matrix."""
        return self.encoder.features

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        told = [self._parts(block).sum(axis=1) for block in _blocks(matrix)]
        return self.intercept + np.concatenate([np.empty(0), *told])

    def contributions(self, matrix: Matrix) -> Contributions:
        """Coefficient times term, summed by feature."""
        by_feature = [
            np.empty((0, len(matrix.features))),
            *(self._by_feature(block) for block in _blocks(matrix)),
        ]
        return of_features(self.intercept, np.concatenate(by_feature))

    def _by_feature(self, matrix: Matrix) -> Floats:
        parts = self._parts(matrix)
        by_column = np.zeros((len(matrix), len(self.encoder.columns)))
        for at, term in enumerate(self.terms):
            by_column[:, term.column] += parts[:, at]
        return self.encoder.to_features(by_column, matrix)

    def _parts(self, matrix: Matrix) -> Floats:
        return np.asarray(design(self.terms, self.encoder.encode(matrix)) * np.array(self.coefficients))

    def to_files(self) -> dict[str, str]:
        """``model.json`` and ``encoder.json``."""
        plain = {
            "kind": "logistic",
            "name": self.name,
            "intercept": self.intercept,
            "coefficients": list(self.coefficients),
            "terms": [term.to_json() for term in self.terms],
        }
        return {
            "model.json": json.dumps(plain, indent=1, sort_keys=True) + "\n",
            "encoder.json": self.encoder.to_json(),
        }

    @classmethod
    def from_files(cls, files: Files) -> Logistic:
        """Inverse of ``to_files``."""
        plain = json.loads(files["model.json"])
        return cls(
            Encoder.from_json(files["encoder.json"]),
            tuple(Term(**term) for term in plain["terms"]),
            tuple(plain["coefficients"]),
            plain["intercept"],
            plain["name"],
        )


@dataclass(frozen=True, slots=True)
class LogisticLearner:
    """Fits a ``Logistic``.

    Attributes:
        features: the columns to learn from; all if None.
        smooth_variance: prior variance, in log-odds, of all bent lines together.
        flag_precision: prior precision of one flag.
    """

    features: tuple[Feature, ...] | None = None
    smooth_variance: float = SMOOTH_VARIANCE
    flag_precision: float = FLAG_PRECISION
    name: str = "logistic"

    def fit(self, train: Dataset, *, seed: int) -> Logistic:
        """Learn from every row of ``train``; from ``MOST_ROWS`` of them, evenly spread, where there are more."""
        if len(train) > MOST_ROWS:
            train = train.take(np.linspace(0, len(train) - 1, MOST_ROWS).astype(np.int64))
        encoder, encoded = fit_encode(train, self.features)
        terms = terms_of(encoded)
        x, penalty = with_intercept(design(terms, encoded), self._penalties(encoder, terms))
        start = np.zeros(len(train)), penalty, np.zeros(len(penalty))
        fitted = fit_ridge(Problem(x, train.label, train.weight, *start))
        return Logistic(encoder, terms, tuple(fitted[1:].tolist()), float(fitted[0]), self.name)

    def _penalties(self, encoder: Encoder, terms: tuple[Term, ...]) -> Floats:
        flags = np.array([_is_flag(encoder, term) for term in terms], dtype=np.bool_)
        scale = np.array([term.scale for term in terms])
        smooth = max((~flags).sum(), 1) / self.smooth_variance
        return np.where(flags, self.flag_precision / scale**2, smooth)


def _is_flag(encoder: Encoder, term: Term) -> bool:
    return term.is_missing_flag or encoder.columns[term.column].kind in ("word", "other", "missing")


def _blocks(matrix: Matrix) -> Iterator[Matrix]:
    return (matrix.take(np.arange(at, min(at + BLOCK, len(matrix)))) for at in range(0, len(matrix), BLOCK))

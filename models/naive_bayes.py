"""The industry's free baseline: naive Bayes on words, as Odoo's CRM scores leads.

Each known word multiplies the odds by (won share of the word) / (lost share of the word), with 0.1
added to each count; unknown and missing words are skipped; the probability is kept within
.0001 to .9999. Source: Odoo ``crm_lead.py``, predictive lead scoring. Numbers, which Odoo does not
use, are read as words by their quintile here, so that it is judged on the same evidence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.definitions import Feature
from features.matrix import Floats, Ints, Matrix
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.learning import Files

ADDED: Final = 0.1
LIMIT: Final = float(np.log(0.9999 / 0.0001))
"""Largest log-odds that are told."""
BINS: Final = 5


@dataclass(frozen=True, slots=True)
class Factor:
    """What one feature's words are worth.

    Attributes:
        feature: name.
        edges: for a number, the inner bin edges; a bin is called by its position.
        log_odds: word or bin -> log of (won share / lost share).
    """

    feature: str
    edges: tuple[float, ...]
    log_odds: Mapping[str, float]

    def values(self, matrix: Matrix) -> Floats:
        """Shape (rows,); 0 where the word is unknown or missing."""
        raw = matrix.column(self.feature)
        if self.feature in matrix.words:
            names = list(matrix.words[self.feature])
            position = raw
        else:
            names = [str(at) for at in range(len(self.edges) + 1)]
            position = np.where(np.isnan(raw), np.nan, np.searchsorted(self.edges, raw, side="right"))
        worth = np.array([*(self.log_odds.get(name, 0.0) for name in names), 0.0])
        return worth[np.where(np.isnan(position), len(names), position).astype(np.int64)]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"feature": self.feature, "edges": list(self.edges), "log_odds": dict(self.log_odds)}


@dataclass(frozen=True, slots=True)
class NaiveBayes:
    """``prior + sum of factors``, clamped; the clamp scales the factors, so they still add up."""

    features: tuple[Feature, ...]
    factors: tuple[Factor, ...]
    prior: float
    name: str = "naive_bayes"

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        raw = self.prior + sum((factor.values(matrix) for factor in self.factors), np.zeros(len(matrix)))
        return np.clip(raw, -LIMIT, LIMIT)

    def contributions(self, matrix: Matrix) -> Contributions:
        """One factor per feature; where the clamp holds, all are scaled alike."""
        position = {name: at for at, name in enumerate(matrix.names)}
        parts = np.zeros((len(matrix), len(matrix.features)))
        for factor in self.factors:
            parts[:, position[factor.feature]] += factor.values(matrix)
        raw = parts.sum(axis=1)
        wanted = np.clip(self.prior + raw, -LIMIT, LIMIT) - self.prior
        scale = np.divide(wanted, raw, out=np.ones_like(raw), where=wanted != raw)
        return of_features(self.prior, parts * scale[:, None])

    def to_files(self) -> dict[str, str]:
        """``model.json``."""
        plain = {
            "kind": "naive_bayes",
            "name": self.name,
            "prior": self.prior,
            "features": [feature.to_json() for feature in self.features],
            "factors": [factor.to_json() for factor in self.factors],
        }
        return {"model.json": json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"}

    @classmethod
    def from_files(cls, files: Files) -> NaiveBayes:
        """Inverse of ``to_files``."""
        plain = json.loads(files["model.json"])
        return cls(
            tuple(Feature.from_json(feature) for feature in plain["features"]),
            tuple(Factor(one["feature"], tuple(one["edges"]), one["log_odds"]) for one in plain["factors"]),
            plain["prior"],
            plain["name"],
        )


@dataclass(frozen=True, slots=True)
class NaiveBayesLearner:
    """Fits a ``NaiveBayes`` by counting. features: the columns to learn from; all if None."""

    features: tuple[Feature, ...] | None = None
    name: str = "naive_bayes"

    def fit(self, train: Dataset, *, seed: int) -> NaiveBayes:
        """Count won and lost leads of each word."""
        given = train.matrix.features if self.features is None else self.features
        won, lost = train.weight * train.label, train.weight * (1.0 - train.label)
        prior = float(np.log(won.sum() + ADDED) - np.log(lost.sum() + ADDED))
        factors: dict[bytes, Factor] = {}
        for feature in given:
            cut = _cut(feature, train.matrix)
            # Windows that tell the rows apart alike are one piece of evidence, not to be believed twice.
            factors.setdefault(cut.position.tobytes(), _factor(feature.name, cut, won, lost))
        kept = tuple(factor for factor in factors.values() if len(factor.log_odds) > 1)
        names = {factor.feature for factor in kept}
        return NaiveBayes(tuple(f for f in given if f.name in names), kept, prior, self.name)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A feature as words: of each row the position of its word, -1 where missing."""

    words: tuple[str, ...]
    edges: tuple[float, ...]
    position: Ints


def _cut(feature: Feature, matrix: Matrix) -> _Cut:
    raw = matrix.column(feature.name)
    if feature.is_category:
        return _Cut(matrix.words[feature.name], (), np.nan_to_num(raw, nan=-1.0).astype(np.int64))
    edges = _edges(raw[~np.isnan(raw)])
    position = np.where(np.isnan(raw), -1, np.searchsorted(edges, raw, side="right"))
    return _Cut(tuple(str(at) for at in range(len(edges) + 1)), edges, position)


def _factor(name: str, cut: _Cut, won: Floats, lost: Floats) -> Factor:
    known, many = cut.position >= 0, len(cut.words)
    seen = np.bincount(cut.position[known], minlength=many) > 0
    sides = [
        np.bincount(cut.position[known], weights=side[known], minlength=many)[seen] + ADDED
        for side in (won, lost)
    ]
    worth = np.log(sides[0] / sides[0].sum()) - np.log(sides[1] / sides[1].sum())
    words = [word for word, occurs in zip(cut.words, seen, strict=True) if occurs]
    return Factor(name, cut.edges, dict(zip(words, worth.tolist(), strict=True)))


def _edges(values: Floats) -> tuple[float, ...]:
    if not len(values):
        return ()
    inner = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return tuple(float(edge) for edge in inner if edge > values.min())

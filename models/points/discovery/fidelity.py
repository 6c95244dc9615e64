"""How much of a model a sheet keeps, and at what price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.matrix import Floats, Ints
from models.dataset import Dataset
from models.intervals import LEVEL, Estimate

DRAWS: Final = 400


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A sheet against the model that it follows, on later rows; intervals by account bootstrap.

    Attributes:
        spearman: rank correlation of points and the model's log-odds.
        auc_against_model: ROC-AUC of the points where the leads that the model would hand over are right.
        auc_outcomes, auc_outcomes_of_model: ROC-AUC of the points, and of the model, where SQLs are right.
        price: the model's ROC-AUC less that of the points, on the same draws.
    """

    spearman: Estimate
    auc_against_model: Estimate
    auc_outcomes: Estimate
    auc_outcomes_of_model: Estimate
    price: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            name: {"value": one.value, "low": one.low, "high": one.high}
            for name in self.__slots__
            for one in [getattr(self, name)]
        }


def fidelity(
    points: Floats, log_odds: Floats, judge: Dataset, *, mql_rate: float, seed: int, draws: int = DRAWS
) -> Fidelity:
    """Compare on rows that neither learned from.

    Args:
        points: of the sheet, shape (rows,).
        log_odds: of the model, shape (rows,).
        judge: the rows, with their outcomes.
        mql_rate: share of the leads that the model would hand over.
        seed: of the bootstrap.
        draws: samples of accounts.
    """
    handed = (log_odds >= _upper(log_odds, judge.weight, mql_rate)).astype(np.float64)
    ranked, by_model = _Ranked.of(points), _Ranked.of(log_odds)

    def measured(weight: Floats) -> list[float]:
        of_points, of_model = ranked.auc(judge.label, weight), by_model.auc(judge.label, weight)
        together = _spearman(ranked.ranks(weight), by_model.ranks(weight), weight)
        return [together, ranked.auc(handed, weight), of_points, of_model, of_model - of_points]

    accounts, member = np.unique(judge.account.astype(str), return_inverse=True)
    random = np.random.default_rng(seed)
    chances = np.full(len(accounts), 1.0 / len(accounts))
    drawn = [
        measured(judge.weight * random.multinomial(len(accounts), chances)[member]) for _ in range(draws)
    ]
    samples = np.array(drawn).T
    return Fidelity(*(_estimate(*one) for one in zip(measured(judge.weight), samples, strict=True)))


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Groups of equal values, lowest first: the group of each row, and how many there are."""

    group: Ints
    groups: int

    @classmethod
    def of(cls, values: Floats) -> _Ranked:
        distinct, group = np.unique(values, return_inverse=True)
        return cls(group.astype(np.int64), len(distinct))

    def ranks(self, weight: Floats) -> Floats:
        """Weight below, and half of the weight of equals, shape (rows,)."""
        mass = np.bincount(self.group, weights=weight, minlength=self.groups)
        return np.asarray((np.cumsum(mass) - 0.5 * mass)[self.group])

    def auc(self, right: Floats, weight: Floats) -> float:
        """Chance that a right row ranks above another; NaN where there is one kind alone."""
        won, lost = (
            np.bincount(self.group, weights=part, minlength=self.groups)
            for part in (weight * right, weight * (1.0 - right))
        )
        pairs = float(won.sum() * lost.sum())
        above = float(won @ (np.cumsum(lost) - 0.5 * lost))
        return above / pairs if pairs > 0.0 else float("nan")


def _spearman(one: Floats, other: Floats, weight: Floats) -> float:
    share = weight / weight.sum()
    a, b = (ranks - share @ ranks for ranks in (one, other))
    spread = float(np.sqrt((share @ a**2) * (share @ b**2)))
    return float(share @ (a * b)) / spread if spread > 0.0 else float("nan")


def _upper(values: Floats, weight: Floats, share: float) -> float:
    """The value that a share of the weight reaches."""
    order = np.argsort(-values, kind="stable")
    reached = np.cumsum(weight[order]) >= share * weight.sum()
    return float(values[order][int(reached.argmax())])


def _estimate(value: float, sample: Floats) -> Estimate:
    known = sample[np.isfinite(sample)]
    if not np.isfinite(value) or not len(known):
        return Estimate(np.nan, np.nan, np.nan)
    low, high = np.quantile(known, ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0))
    return Estimate(value, float(low), float(high))

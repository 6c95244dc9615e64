"""How much of a model a sheet keeps, and at what price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.matrix import Floats
from models.dataset import Dataset
from models.intervals import Estimate
from models.points.judging.account_draws import AccountDraws, within
from models.points.judging.ranking import Ranking

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
    ranked, by_model = Ranking.of(points, judge.label), Ranking.of(log_odds, judge.label)
    followed = Ranking.of(points, handed)
    sampled = AccountDraws.of(judge.account, draws=draws, seed=seed)

    def measured(weights: Floats) -> Floats:
        of_points, of_model, of_handed = (
            one.measured(weights, None)[2] for one in (ranked, by_model, followed)
        )
        together = _spearman(ranked.ranks(weights), by_model.ranks(weights), weights)
        return np.column_stack([together, of_handed, of_points, of_model, of_model - of_points])

    blocks = [judge.weight[None, :], *sampled.weightings(judge.weight)]
    found = np.concatenate([measured(weights) for weights in blocks])
    return Fidelity(*(within(float(one[0]), one[1:]) for one in found.T))


def _spearman(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Of ranks of the rows in each weighting, all of shape (weightings, rows)."""
    share = weights / weights.sum(axis=1, keepdims=True)
    a, b = (ranks - (share * ranks).sum(axis=1, keepdims=True) for ranks in (one, other))
    spread = np.sqrt((share * a**2).sum(axis=1) * (share * b**2).sum(axis=1))
    product = (share * a * b).sum(axis=1)
    return np.asarray(np.divide(product, spread, out=np.full(len(spread), np.nan), where=spread > 0.0))


def _upper(values: Floats, weight: Floats, share: float) -> float:
    """The value that a share of the weight reaches."""
    order = np.argsort(-values, kind="stable")
    reached = np.cumsum(weight[order]) >= share * weight.sum()
    return float(values[order][int(reached.argmax())])

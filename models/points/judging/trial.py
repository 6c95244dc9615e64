"""What all ways of choosing are judged on: rows with outcomes, the leads offered, and the same draws for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats, Ints
from models.dataset import Dataset
from models.points.judging.account_draws import AccountDraws
from models.points.judging.handover import Drawn
from models.points.judging.offered import Offered
from models.points.judging.period import Period
from models.points.judging.rivals import Flags

GRAIN: Final = 9
"""Decimals of a score that count: sums of decimal fractions are not exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """See the module.

    Attributes:
        rows: with outcomes. offered: everybody. period: that both lie in.
        draws: of the accounts of the rows. draws_offered: the same of those offered.
    """

    rows: Dataset
    offered: Offered
    period: Period
    draws: AccountDraws
    draws_offered: AccountDraws

    @classmethod
    def of(cls, rows: Dataset, offered: Offered, period: Period, *, draws: int, seed: int) -> Trial:
        """Draw accounts of either."""
        sampled = AccountDraws.pair(rows.account, offered.account, draws=draws, seed=seed)
        return cls(rows, offered, period, *sampled)

    def handed(self, judged: Flags, offered: Flags, label: Floats | None = None) -> Drawn:
        """What sales gets when some leads are handed over.

        Args:
            judged: which rows.
            offered: which of the leads offered.
            label: of the rows, where only some of the SQLs count.
        """
        weight = self.rows.weight
        converted = weight * (self.rows.label if label is None else label)
        sums = self.draws.sums_first(np.column_stack([weight * judged, converted * judged, converted]))
        everyone = self.offered.weight
        taken, mass = self.draws_offered.sums_first(np.column_stack([everyone * offered, everyone])).T
        per_week = self.period.leads_per_week * np.divide(
            taken, mass, out=np.zeros_like(mass), where=mass > 0.0
        )
        return Drawn.of(sums, per_week, (self.draws.units(judged), self.draws.units(converted > 0.0)))

    def filled(self, judged: Floats, offered: Floats, share: float) -> Floats:
        """Share of the judged weight among the leads that fill a share of those offered, the best scores first.

        Leads of the last score that is taken are taken in part.

        Args:
            judged: score of each row.
            offered: of each lead offered.
            share: of the leads offered.

        Returns:
            As it is and in every draw, shape (1 + draws,).
        """
        scores = np.round(np.concatenate([judged, offered]), GRAIN)
        levels, place = np.unique(-scores, return_inverse=True)
        of_rows, of_offered = np.split(place.astype(np.int64), [len(judged)])
        weights = zip(
            self.draws.each(self.rows.weight), self.draws_offered.each(self.offered.weight), strict=True
        )
        found = [
            _above(_mass(of_rows, ours, len(levels)), _mass(of_offered, theirs, len(levels)), share)
            for ours, theirs in weights
        ]
        return np.array(found)


def _mass(place: Ints, weight: Floats, levels: int) -> Floats:
    """Weight above each level, and of all at the end; shape (levels + 1,)."""
    return np.append(0.0, np.cumsum(np.bincount(place, weights=weight, minlength=levels)))


def _above(rows: Floats, offered: Floats, share: float) -> float:
    """Where ``share`` of one is reached, the share of the other; NaN in a draw that holds none of them."""
    if not rows[-1] > 0.0:
        return float("nan")
    at = np.arange(len(rows), dtype=np.float64)
    reached = np.interp(share * offered[-1], offered, at)
    return float(np.interp(reached, at, rows) / rows[-1])

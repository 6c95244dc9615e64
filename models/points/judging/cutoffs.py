"""What each threshold of a sheet would bring: leads a week, their conversion, the share of SQLs among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats, Ints
from features.sheet import Sheet
from models.dataset import Dataset
from models.intervals import Estimate
from models.points.evaluation import Evaluated, evaluate, points_of, reaches
from models.points.judging.account_draws import AccountDraws, within
from models.points.judging.period import Period
from models.points.refitting.unit import step_of

MOST_CUTOFFS: Final = 9
"""Rows of the table, today's threshold and that of capacity not counted."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What would follow from handing over every lead with a total of ``at`` or more.

    Attributes:
        per_week: leads handed over a week. precision: share of them that become SQL. captured: share of all SQLs.
        today: whether it is the sheet's own threshold. at_capacity: whether it fills the week of sales.
    """

    at: float
    per_week: float
    precision: Estimate
    captured: Estimate
    today: bool
    at_capacity: bool


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """What a sheet says of rows.

    Attributes:
        sheet: the rules. rows: what became of them. said: by the sheet.
        levels: different totals, the highest first. place: of each row among them, shape (rows,).
    """

    sheet: Sheet
    rows: Dataset
    said: Evaluated
    levels: Floats
    place: Ints

    @classmethod
    def of(cls, sheet: Sheet, rows: Dataset) -> Totals:
        """Read the sheet."""
        said = evaluate(sheet, rows.matrix, rows.service_line)
        rising, place = np.unique(said.total, return_inverse=True)
        return cls(sheet, rows, said, rising[::-1], len(rising) - 1 - place.astype(np.int64))

    @property
    def step(self) -> float:
        """Between totals worth naming: that in which the sheet counts."""
        return step_of(points_of(self.sheet))

    def reach(self, at: float) -> float:
        """Share of the leads with a total of ``at`` or more."""
        weight = self.rows.weight
        return float(weight[reaches(self.said.total, at)].sum() / weight.sum())

    def lowest_within(self, share: float, weight: Floats) -> float:
        """The lowest total, in steps, that at most a share of the weight reaches."""
        mass = np.cumsum(np.bincount(self.place, weights=weight, minlength=len(self.levels)))
        over = np.flatnonzero(mass / mass[-1] > share + 1e-12)
        if not len(over):
            return float(np.floor(self.levels[-1] / self.step) * self.step)
        return float((np.floor(self.levels[over[0]] / self.step) + 1.0) * self.step)

    def capacity_cutoff(self, period: Period, sampled: AccountDraws) -> Estimate | None:
        """The lowest total at which no more leads are handed over than sales can work."""
        share = period.capacity_share
        if share is None:
            return None
        value = self.lowest_within(share, self.rows.weight)
        drawn = [
            self.lowest_within(share, weight)
            for block in sampled.weightings(self.rows.weight)
            for weight in block
        ]
        return within(value, np.array(drawn))


def cutoffs(totals: Totals, period: Period, sampled: AccountDraws) -> tuple[Cutoff, ...]:
    """What round thresholds would bring, today's and that of capacity among them; the lowest first."""
    today, share, weight = totals.sheet.mql_at, period.capacity_share, totals.rows.weight
    full = None if share is None else totals.lowest_within(share, weight)
    places = sorted({at for at in (today, full) if at is not None} | _round_totals(totals))
    converted = weight * totals.rows.label
    reached = [reaches(totals.said.total, at).astype(np.float64) for at in places]
    return tuple(
        Cutoff(
            at=at,
            per_week=totals.reach(at) * period.leads_per_week,
            precision=sampled.ratio(converted * over, weight * over),
            captured=sampled.ratio(converted * over, converted),
            today=at == today,
            at_capacity=at == full,
        )
        for at, over in zip(places, reached, strict=True)
    )


def _round_totals(totals: Totals) -> set[float]:
    """Round totals that part the leads, few enough to read."""
    low, high = np.quantile(totals.said.total, (0.10, 0.98))
    wide = max(totals.step, 5.0)
    while (high - low) / wide > MOST_CUTOFFS - 1:
        wide *= 2.0
    places = np.arange(np.ceil(low / wide), np.floor(high / wide) + 1.0) * wide
    return {float(at) for at in places if 0.0 < totals.reach(float(at)) < 1.0}

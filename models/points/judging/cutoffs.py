"""What each threshold of a sheet would bring: leads a week, their conversion, the share of SQLs among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.matrix import Floats, Ints
from features.sheet import Sheet
from models.dataset import Dataset
from models.intervals import Estimate
from models.points.evaluation import SAME, Evaluated, evaluate, points_of, reaches
from models.points.judging.account_draws import AccountDraws, within
from models.points.judging.offered import Offered
from models.points.judging.period import Period
from models.points.refitting.unit import step_of

MOST_CUTOFFS: Final = 9
"""Rows of the table, today's threshold and that of capacity not counted."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What would follow from handing over every lead with a total of ``at`` or more.

    Attributes:
        per_week: leads handed over a week, of all that are offered. precision: share that became SQL, of those
            with an outcome. captured: share of all known SQLs.
        today: whether it is the sheet's own threshold, and the total alone decides.
        at_capacity: whether it fills the week of sales.
    """

    at: float
    per_week: float
    precision: Estimate
    captured: Estimate
    today: bool
    at_capacity: bool


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """What a sheet says of rows. ``rows``: what became of them."""

    sheet: Sheet
    rows: Dataset
    said: Evaluated

    @classmethod
    def of(cls, sheet: Sheet, rows: Dataset) -> Totals:
        """Read the sheet."""
        return cls(sheet, rows, evaluate(sheet, rows.matrix, rows.service_line))


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """How many leads reach which total, of all that were offered.

    Attributes:
        total: of each lead, shape (leads,). weight: likewise.
        levels: different totals, the highest first. place: of each lead among them, shape (leads,).
        step: between totals worth naming, that in which the sheet counts.
    """

    total: Floats
    weight: Floats
    levels: Floats
    place: Ints
    step: float

    @classmethod
    def of(cls, sheet: Sheet, offered: Offered) -> Volume:
        """Read the sheet."""
        total = evaluate(sheet, offered.matrix, offered.service_line).total
        rising, place = np.unique(total, return_inverse=True)
        falling = len(rising) - 1 - place.astype(np.int64)
        return cls(total, offered.weight, rising[::-1], falling, step_of(points_of(sheet)))

    def reach(self, at: float) -> float:
        """Share of the leads with a total of ``at`` or more."""
        return float(self.weight[reaches(self.total, at)].sum() / self.weight.sum())

    def lowest_within(self, share: float, weight: Floats) -> float | None:
        """The lowest total, in steps, that at most a share of the weight reaches; ``None`` where nobody reaches it."""
        mass = np.cumsum(np.bincount(self.place, weights=weight, minlength=len(self.levels)))
        over = np.flatnonzero(mass / mass[-1] > share + 1e-12)
        level = self.levels[over[0] if len(over) else -1]
        at = float((np.floor((level + SAME) / self.step) + bool(len(over))) * self.step)
        return at if weight[reaches(self.total, at)].any() else None

    def capacity_cutoff(self, period: Period, sampled: AccountDraws) -> Estimate | None:
        """The lowest total at which no more leads are handed over than sales can work.

        ``None`` where sales stated no capacity, and where no threshold that somebody reaches keeps it, for example
        because more leads share the highest total than sales can work.
        """
        share = period.capacity_share
        value = None if share is None else self.lowest_within(share, self.weight)
        if share is None or value is None:
            return None
        drawn = [
            self.lowest_within(share, weight) for block in sampled.weightings(self.weight) for weight in block
        ]
        found = within(value, np.array([np.nan if at is None else at for at in drawn]))
        return replace(found, value=value)


def decides_alone(sheet: Sheet) -> bool:
    """Whether the total alone makes an MQL, by one threshold for all leads."""
    others = sheet.grid is not None or sheet.needs or sheet.mql_at_by_line
    return sheet.mql_at is not None and not others and not any(rule.qualifies for rule in sheet.rules)


def cutoffs(totals: Totals, volume: Volume, period: Period, sampled: AccountDraws) -> tuple[Cutoff, ...]:
    """What round thresholds would bring, today's and that of capacity among them; the lowest first.

    Args:
        totals: of the judged rows.
        volume: of the leads offered.
        period: that both lie in.
        sampled: accounts of the judged rows.
    """
    today = totals.sheet.mql_at if decides_alone(totals.sheet) else None
    share, weight = period.capacity_share, totals.rows.weight
    full = None if share is None else volume.lowest_within(share, volume.weight)
    places = sorted({at for at in (today, full) if at is not None} | _round_totals(volume))
    converted = weight * totals.rows.label
    reached = [reaches(totals.said.total, at).astype(np.float64) for at in places]
    return tuple(
        Cutoff(
            at=at,
            per_week=volume.reach(at) * period.leads_per_week,
            precision=sampled.ratio(converted * over, weight * over),
            captured=sampled.ratio(converted * over, converted),
            today=at == today,
            at_capacity=at == full,
        )
        for at, over in zip(places, reached, strict=True)
    )


def _round_totals(volume: Volume) -> set[float]:
    """Round totals that part the leads, few enough to read."""
    low, high = np.quantile(volume.total, (0.10, 0.98))
    wide = max(volume.step, 5.0)
    while (high - low) / wide > MOST_CUTOFFS - 1:
        wide *= 2.0
    places = np.arange(np.ceil(low / wide), np.floor(high / wide) + 1.0) * wide
    return {float(at) for at in places if 0.0 < volume.reach(float(at)) < 1.0}

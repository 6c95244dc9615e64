"""What a total of points is worth: the chance of an SQL behind it, and where the threshold would have to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.errors import TooLittleDataError
from features.matrix import Floats
from features.sheet import Sheet
from models.curves import Bin, reliability
from models.dataset import Dataset
from models.intervals import Estimate
from models.points.judging.account_draws import AccountDraws, within
from models.points.judging.cutoffs import Cutoff, Totals, Volume, cutoffs, decides_alone
from models.points.judging.line import Line, Patterns, fit_line
from models.points.judging.offered import Offered
from models.points.judging.period import Period
from models.points.plain import plain
from models.splits import Split
from models.wilson import Z_95, wilson

WORTH: Final = 10.0
"""Points whose worth is told."""
MOST_BINS: Final = 8
"""Bins of totals."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Leads that today's sheet hands over, and the others.

    Attributes:
        service_line: ``None`` for all of them together.
        threshold: total at which they are handed over; ``None`` where more decides: a grid, needs, a rule that
            qualifies at once or, for all leads together, service lines with thresholds of their own.
        leads, converted: handed over, each lead counted once however often it was asked about.
        above, below: share that became SQL, of those handed over and of the others.
        at_threshold: chance of an SQL for a lead that just reaches it, by the line.
    """

    service_line: str | None
    threshold: float | None
    leads: int
    converted: int
    above: Estimate
    below: Estimate
    at_threshold: float | None


@dataclass(frozen=True, slots=True)
class TotalBin:
    """Leads of similar totals: what the line promises, and what came, with a Wilson interval.

    Attributes:
        lowest, highest: total. leads: their weight. promised: mean probability. converted: share that became SQL.
    """

    lowest: float
    highest: float
    leads: float
    promised: float
    converted: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A sheet's totals as probabilities. Learned before ``judged``, the later part of time.

    Attributes:
        sheet: its name. line: see there. slope: log-odds per point, with its interval.
        worth: factor on the odds of an SQL of ten points more.
        informative: whether the interval of the slope leaves out 0: a higher total really means more SQLs.
        bins: by total, of the judged rows. reliability: by promised probability, of the judged rows.
        today: conversion at today's threshold, first of all leads, then by service line; all labelled rows.
        cutoffs: what each would bring, of the judged rows.
        at_capacity: the lowest total at which no more leads are handed over than sales can work; ``None`` where
            they did not say how many, or no threshold keeps to it.
        caps_bind: share of rows in which a cap took points.
        leads, converted: different leads the line was learned from.
        period: of the judged rows.
    """

    sheet: str
    line: Line
    slope: Estimate
    worth: Estimate
    informative: bool
    bins: tuple[TotalBin, ...]
    reliability: tuple[Bin, ...]
    today: tuple[Conversion, ...]
    cutoffs: tuple[Cutoff, ...]
    at_capacity: Estimate | None
    caps_bind: float
    leads: int
    converted: int
    period: Period

    @property
    def sentence(self) -> str:
        """The answer in a line."""
        if not self.informative:
            return "the total says nothing that these data can show: a higher total does not mean more SQLs"
        worth = self.worth
        return f"ten points more multiply the odds of an SQL by {worth.value:.2f} ({worth.low:.2f} to {worth.high:.2f})"

    @property
    def tied(self) -> str:
        """Why there is no threshold for a stated capacity; empty where there is one, or nobody asked."""
        if self.at_capacity is not None or self.period.capacity_per_week is None:
            return ""
        return "no threshold fits the week of sales: more leads share the highest total than sales can work"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**plain(self), "sentence": self.sentence, "tied": self.tied}


def calibrate(
    sheet: Sheet,
    split: Split,
    period: Period,
    *,
    offered: Offered | None = None,
    draws: int = 400,
    seed: int = 0,
) -> Calibration:
    """Find what totals mean on the earlier part of time, and look at it on the later one.

    Args:
        sheet: the rules.
        split: matrices with the columns of ``with_sheet``.
        period: of the later part.
        offered: all leads of the later part; ``None`` where its rows stand for them.
        draws: of accounts, behind each interval.
        seed: of the draws.

    Raises:
        TooLittleDataError: nobody converted in the earlier part.
    """
    train, test = split.training, split.testing
    if not train.positives > 0 or not train.negatives:
        raise TooLittleDataError(
            "totals cannot be brought to probabilities",
            [
                f"{train.positives} leads converted before the period that is judged, {train.negatives} did not"
            ],
        )
    learned, judged, everyone = (Totals.of(sheet, rows) for rows in (train, test, split.dataset))
    line = fit_line(learned.said.total, train)
    slope = _slope(line, learned, AccountDraws.of(train.account, draws=draws, seed=seed))
    leads = Offered.of(test) if offered is None else offered
    sampled, sampled_offered = AccountDraws.pair(test.account, leads.account, draws=draws, seed=seed)
    volume = Volume.of(sheet, leads)
    promised = line.probability(judged.said.total, test.service_line)
    return Calibration(
        sheet=sheet.name,
        line=line,
        slope=slope,
        worth=Estimate(*(float(np.exp(WORTH * end)) for end in (slope.value, slope.low, slope.high))),
        informative=slope.low > 0.0,
        bins=_bins(judged, promised),
        reliability=reliability(test.label, promised, test.weight),
        today=_today(everyone, line, AccountDraws.of(split.dataset.account, draws=draws, seed=seed)),
        cutoffs=cutoffs(judged, volume, period, sampled),
        at_capacity=volume.capacity_cutoff(period, sampled_offered),
        caps_bind=float(learned.said.caps_bind.mean()),
        leads=len(set(train.lead_id)),
        converted=train.positives,
        period=period,
    )


def _slope(line: Line, learned: Totals, sampled: AccountDraws) -> Estimate:
    """The slope and its interval, widened where the slope was kept from falling."""
    patterns = Patterns.of(learned.said.total, learned.rows)
    drawn = within(line.slope, np.array([one.slope for one in patterns.drawn(sampled)]))
    return Estimate(line.slope, min(drawn.low, line.slope), max(drawn.high, line.slope))


def _bins(totals: Totals, promised: Floats) -> tuple[TotalBin, ...]:
    total, weight = totals.said.total, totals.rows.weight
    edges = np.unique(np.quantile(total, np.linspace(0.0, 1.0, MOST_BINS + 1)[1:-1]))
    place = np.searchsorted(edges, total, side="right")
    found = []
    for at in np.unique(place):
        rows = place == at
        mass = weight[rows]
        share = float(mass @ totals.rows.label[rows] / mass.sum())
        effective = float(mass.sum() ** 2 / (mass @ mass))
        found.append(
            TotalBin(
                float(total[rows].min()),
                float(total[rows].max()),
                float(mass.sum()),
                float(mass @ promised[rows] / mass.sum()),
                share,
                *wilson(share * effective, effective, z=Z_95),
            )
        )
    return tuple(found)


def _today(totals: Totals, line: Line, sampled: AccountDraws) -> tuple[Conversion, ...]:
    """Of all leads, and of each service line where there are several."""
    if not totals.sheet.decides:
        return ()
    lines = sorted(set(totals.rows.service_line))
    return tuple(
        _conversion(totals, name, line, sampled) for name in (None, *(lines if len(lines) > 1 else ()))
    )


def _conversion(totals: Totals, name: str | None, line: Line, sampled: AccountDraws) -> Conversion:
    sheet, rows, passed = totals.sheet, totals.rows, totals.said.is_mql
    inside: NDArray[np.bool_] = (
        np.ones(len(rows), dtype=np.bool_) if name is None else rows.service_line == name
    )
    above, below = (
        sampled.ratio(rows.weight * rows.label * side, rows.weight * side)
        for side in (inside & passed, inside & ~passed)
    )
    threshold = _threshold(sheet, name)
    return Conversion(
        service_line=name,
        threshold=threshold,
        leads=len(set(rows.lead_id[inside & passed])),
        converted=len(set(rows.lead_id[inside & passed & (rows.label == 1.0)])),
        above=above,
        below=below,
        at_threshold=None if threshold is None else _chance_at(line, threshold, rows, inside),
    )


def _threshold(sheet: Sheet, service_line: str | None) -> float | None:
    """The total that alone makes an MQL of the leads of a service line, or of all."""
    if service_line is None or sheet.grid is not None:
        return sheet.mql_at if decides_alone(sheet) else None
    at = sheet.mql_at_by_line.get(service_line, sheet.mql_at)
    return at if decides_alone(sheet.model_copy(update={"mql_at": at, "mql_at_by_line": {}})) else None


def _chance_at(line: Line, threshold: float, rows: Dataset, inside: NDArray[np.bool_]) -> float:
    """Chance at the threshold, over the service lines that the leads have."""
    of_line = line.probability(np.full(int(inside.sum()), threshold), rows.service_line[inside])
    return float(rows.weight[inside] @ of_line / rows.weight[inside].sum())

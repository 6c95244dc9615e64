"""Bands A to D, and what became of leads that were scored alike.

A single lead's true chance cannot be known from outcomes that are yes or no. What can be told honestly is
how often leads *scored like this one* became an SQL, with a range for that share. Both come from
predictions for leads that the model had not learned from.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from features.clock import iso
from features.errors import TooLittleDataError
from features.matrix import Floats, Ints, Texts
from features.playbook import Bands
from models.wilson import wilson

Band = Literal["A", "B", "C", "D"]
BANDS: Final[tuple[Band, ...]] = get_args(Band)

SHARES: Final = (0.10, 0.30, 0.60)
"""Shares of leads in A, in A or B, and in A to C, where neither the playbook nor capacity says otherwise."""

LEADS_IN_GROUP: Final = 200.0
SQLS_IN_GROUP: Final = 10.0
"""How many leads and SQLs must stand behind a range."""

PRIOR_LEADS: Final = 20.0
"""Weight of the calibrated probability in the range, in leads."""


CELLS: Final = 200
"""Resolution of the table: cells of equal numbers of leads, at most this many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Lower limits of bands A, B and C in probability; below C is D. Equal limits leave a band empty."""

    a: float
    b: float
    c: float
    source: str

    def __post_init__(self) -> None:
        if not 1 > self.a >= self.b >= self.c > 0:
            raise ValueError(
                f"limits must fall from a to c between 0 and 1, got {self.a:g}, {self.b:g}, {self.c:g}"
            )

    def band(self, probability: Floats) -> Texts:
        """Band of each probability, shape (rows,).

        >>> Limits(0.4, 0.2, 0.1, "an example").band(np.array([0.4, 0.39, 0.0])).tolist()
        ['A', 'B', 'D']
        """
        below = np.digitize(probability, (self.c, self.b, self.a))
        return np.array(BANDS[::-1], dtype=object)[below]


def agreed_limits(bands: Bands) -> Limits:
    """Limits that the playbook states."""
    return Limits(bands.a, bands.b, bands.c, "the playbook")


def capacity_limits(probability: Floats, *, capacity_per_week: float, leads_per_week: float) -> Limits:
    """Limits that fill the week of sales: A and B together are as many leads as sales can work.

    A is the better third of those; C is the better half of the rest.
    """
    share = min(capacity_per_week / leads_per_week, 0.9)
    shares = (share / 3, share, share + (1 - share) / 2)
    words = f"capacity of {capacity_per_week:g} leads a week for {leads_per_week:.3g} a week (bands A and B)"
    return _limits_at(probability, shares, words)


def quantile_limits(probability: Floats) -> Limits:
    """Limits that put the best 10 % into A, the next 20 % into B and the next 30 % into C."""
    a, b, c = SHARES
    return _limits_at(probability, SHARES, f"shares of leads: {a:.0%} A, {b - a:.0%} B, {c - b:.0%} C")


def _limits_at(probability: Floats, shares: tuple[float, float, float], source: str) -> Limits:
    if not len(probability):
        raise TooLittleDataError("bands need at least one predicted probability")
    quantiles = np.quantile(probability, [1 - share for share in shares], method="lower")
    a, b, c = (min(max(_floor(float(q)), 1e-6), 1 - 1e-6) for q in quantiles)
    return Limits(a, b, c, source)


def _floor(value: float) -> float:
    """Four significant digits, rounded down so that leads tied at a limit stay above it."""
    if value <= 0:
        return 0.0
    digits = 3 - math.floor(math.log10(value))
    return float(math.floor(value * 10**digits) / 10**digits)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Predictions for leads that the model had not learned from, beside what became of them.

    Attributes:
        probability: calibrated, shape (rows,).
        label: 1.0 became an SQL within the horizon, 0.0 did not.
        weight: how much a row counts; weights add up to the number of leads.
        as_of: instants (int64 microseconds).
    """

    probability: Floats
    label: Floats
    weight: Floats
    as_of: Ints

    def __post_init__(self) -> None:
        lengths = {len(self.probability), len(self.label), len(self.weight), len(self.as_of)}
        if lengths != {len(self.probability)} or not len(self.probability):
            raise ValueError(
                f"outcomes need columns of one length, at least 1, got lengths {sorted(lengths)}"
            )


@dataclass(frozen=True, slots=True)
class Range:
    """What became of leads scored like this.

    Attributes:
        low, high: 90 % range for the share of such leads that become SQLs.
        share: the share itself.
        leads, sqls: how many leads with the nearest scores stand behind it, and how many of them became
            SQLs. Where a lead was asked about several times, each answer counts as its share of the lead.
    """

    low: float
    high: float
    share: float
    leads: float
    sqls: float

    @property
    def sentence(self) -> str:
        """For people.

        >>> Range(0.09, 0.16, 0.1215, 214, 26).sentence
        'leads scored like this: 12 % become SQL (90 % range 9 to 16 %, by the nearest 214 leads; of those 26 did)'
        """
        share, low, high = (_percent(value) for value in (self.share, self.low, self.high))
        behind = f"by the nearest {self.leads:,.0f} leads; of those {self.sqls:,.0f} did"
        return f"leads scored like this: {share} % become SQL (90 % range {low} to {high} %, {behind})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.02 else f"{100 * share:.1f}"


@dataclass(frozen=True, slots=True)
class Group:
    """Leads around one stretch of scores, and how many SQLs their probabilities let expect."""

    from_probability: float
    to_probability: float
    leads: float
    sqls: float
    expected: float


@dataclass(frozen=True, slots=True)
class BandTable:
    """Limits of the bands, and the groups behind the ranges.

    Attributes:
        limits: of the bands.
        upper: upper end in probability of each cell, increasing; the last cell has none. Shape (cells - 1,).
        groups: for each cell, the leads around it.
        since, until: first and last moment asked about (ISO, UTC).
    """

    limits: Limits
    upper: tuple[float, ...]
    groups: tuple[Group, ...]
    since: str
    until: str

    def __post_init__(self) -> None:
        if len(self.groups) != len(self.upper) + 1:
            raise ValueError(
                f"{len(self.groups)} groups need {len(self.groups) - 1} limits, got {len(self.upper)}"
            )
        if any(b <= a for a, b in zip(self.upper, self.upper[1:], strict=False)):
            raise ValueError("cells must be in order of probability")

    def band(self, probability: Floats) -> Texts:
        """Band of each probability, shape (rows,)."""
        return self.limits.band(probability)

    def range_of(self, probability: float) -> Range:
        """What became of leads scored like one with this calibrated probability.

        The share of the group is a Wilson interval in which the group's mean probability counts as much
        as 20 leads would. It is then carried, in log-odds, from that mean to ``probability``: at the ends
        of the scale the nearest 200 leads are on one side of the lead, and without this step the range
        held the true share of the best tenth in 0 to 87 % of simulated cases instead of 90 %.
        Source: Wilson (1927), JASA 22:209; the prior is Beta(p m, (1 - p) m) with m = 20.
        """
        group = self.groups[bisect_right(self.upper, probability)]
        mean = group.expected / group.leads
        sqls, leads = group.sqls + PRIOR_LEADS * mean, group.leads + PRIOR_LEADS
        shift = _log_odds(probability) - _log_odds(mean)
        low, high = (_carried(end, shift) for end in wilson(sqls, leads))
        return Range(low, high, _carried(sqls / leads, shift), group.leads, group.sqls)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "limits": asdict(self.limits),
            "since": self.since,
            "until": self.until,
            "upper": list(self.upper),
            "groups": [asdict(group) for group in self.groups],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BandTable:
        """Inverse of ``to_json``."""
        groups = tuple(Group(**group) for group in data["groups"])
        return cls(Limits(**data["limits"]), tuple(data["upper"]), groups, data["since"], data["until"])


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


def _carried(share: float, shift: float) -> float:
    return 1 / (1 + math.exp(-(_log_odds(share) + shift)))


def tabulate(outcomes: Outcomes, limits: Limits) -> BandTable:
    """Build the table behind the ranges.

    Cells hold about equal numbers of leads in order of probability. The group of a cell is the smallest
    stretch of cells around it with at least 200 leads and 10 SQLs, or all leads where there are fewer.
    """
    order = np.argsort(outcomes.probability, kind="stable")
    probability, weight, label = outcomes.probability[order], outcomes.weight[order], outcomes.label[order]
    starts = _cell_starts(probability, weight)
    per_row = np.stack([weight, weight * label, weight * probability])
    before = np.concatenate(
        [np.zeros((3, 1)), np.cumsum(np.add.reduceat(per_row, starts, axis=1), axis=1)], axis=1
    )
    ends = np.append(starts[1:], len(weight))
    groups = []
    for cell in range(len(starts)):
        first, end = _around(cell, before[0], before[1])
        sums = (round(float(value), 6) for value in before[:, end] - before[:, first])
        groups.append(Group(float(probability[starts[first]]), float(probability[ends[end - 1] - 1]), *sums))
    upper = tuple(float(p) for p in probability[starts[1:]])
    return BandTable(
        limits, upper, tuple(groups), iso(int(outcomes.as_of.min())), iso(int(outcomes.as_of.max()))
    )


def _cell_starts(probability: Floats, weight: Floats) -> NDArray[np.int64]:
    """First row of each cell; equal probabilities share a cell."""
    at_row = np.cumsum(weight) - weight
    wanted = np.linspace(0, weight.sum(), CELLS, endpoint=False)
    candidates = np.searchsorted(at_row, wanted, side="left").clip(max=len(weight) - 1)
    return np.unique(np.searchsorted(probability, probability[candidates], side="left")).astype(np.int64)


def _around(cell: int, leads_before: Floats, sqls_before: Floats) -> tuple[int, int]:
    """Cells [first, end) around ``cell`` with enough leads and SQLs, reaching equally far to both sides."""
    cells = len(leads_before) - 1
    for reach in range(cells):
        first, end = max(cell - reach, 0), min(cell + reach + 1, cells)
        leads, sqls = leads_before[end] - leads_before[first], sqls_before[end] - sqls_before[first]
        if leads >= LEADS_IN_GROUP and sqls >= SQLS_IN_GROUP:
            return first, end
    return 0, cells

"""Whether sales can keep up: leads handed over against capacity, and how long they would wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import DAY, HOUR
from features.matrix import Floats, Ints
from models.points.judging.period import Period
from models.points.judging.rivals import Flags

WEEK: Final = 7 * DAY


@dataclass(frozen=True, slots=True)
class Load:
    """What the leads handed over mean for sales.

    Attributes:
        per_week: leads handed over. capacity_per_week: that sales can work. ratio: of the two.
        busiest_week: leads handed over in it. weeks_over: share of the weeks that bring more than capacity.
        within_hours: how soon a lead has to be called. in_time: share that would be, were the leads called in
            the order in which they come, capacity spread evenly over the week and nobody waiting at the start.
    """

    per_week: float
    capacity_per_week: float
    ratio: float
    busiest_week: float
    weeks_over: float
    within_hours: float | None
    in_time: float | None


def load(is_mql: Flags, weight: Floats, as_of: Ints, period: Period) -> Load | None:
    """See ``Load``; ``None`` where the playbook states no capacity.

    Args:
        is_mql: whether each lead that was offered is handed over, with an outcome or without, shape (rows,).
        weight: of the rows; together they stand for all leads of the period.
        as_of: when they are handed over, in order.
        period: how many leads a week, and what sales can do.
    """
    capacity, hours = period.capacity_per_week, period.within_hours
    if capacity is None:
        return None
    arrivals = weight * is_mql * (period.leads_per_week * period.weeks / weight.sum())
    week = (as_of - as_of[0]) // WEEK
    whole = max(int(period.weeks), 1)
    by_week = np.bincount(week, weights=arrivals, minlength=whole)[:whole]  # the last one may be cut short
    per_week = float(arrivals.sum() / period.weeks)
    return Load(
        per_week=per_week,
        capacity_per_week=capacity,
        ratio=per_week / capacity,
        busiest_week=float(by_week.max()),
        weeks_over=float((by_week > capacity).mean()),
        within_hours=hours,
        in_time=None if hours is None else _in_time(arrivals, as_of, capacity, hours),
    )


def waits(arrivals: Floats, as_of: Ints, capacity_per_week: float) -> Floats:
    """Hours that each arrival waits for those before it, first come, first served; shape (rows,).

    Lindley's recursion: Lindley (1952), *Math. Proc. Cambridge Phil. Soc.* 48.

    >>> waits(np.ones(2), np.array([0, 6 * HOUR]), 7.0)
    array([ 0., 18.])
    """
    hours_each = 7 * 24.0 / capacity_per_week
    since = np.diff(as_of, prepend=as_of[:1]) / HOUR
    waited = np.zeros(len(arrivals))
    queue = 0.0
    for at, (arrived, passed) in enumerate(zip(arrivals, since, strict=True)):
        queue = max(queue - passed, 0.0)
        waited[at] = queue
        queue += arrived * hours_each
    return waited


def _in_time(arrivals: Floats, as_of: Ints, capacity: float, hours: float) -> float | None:
    if not arrivals.sum():
        return None
    called: Flags = waits(arrivals, as_of, capacity) <= hours
    return float(arrivals[called].sum() / arrivals.sum())

"""The arithmetic of point sheets, compiled: the same few lines for a million rows and for one.

``models.points.readings`` says which of the kinds below a rule is, and what it reads.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

GONE: Final = 1e-6
"""A share of the points that is no more than this has worn off; it is above what single precision leaves unsure."""

# What a rule makes of its cells, with numbers of its own:
ENOUGH: Final = 0
"""1 where the count reaches ``numbers[0]``."""
SUMMED: Final = 1
"""What the cell holds."""
LINEAR: Final = 2
"""Share left at an age in days that is gone after ``numbers[0]``."""
HALVED: Final = 3
"""Share left at an age in days that is halved every ``numbers[0]``."""
EACH_BY_STEPS: Final = 4
"""Counts of growing windows: each event by the share of the first window that holds it."""
LATEST_BY_STEPS: Final = 5
"""The same windows: the share of the first that holds any event."""
SILENT: Final = 6
"""1 where there is no event, and the lead is at least ``numbers[0]`` days old."""
NAMED: Final = 7
"""1 where the word is one of those meant."""
BETWEEN: Final = 8
"""1 where ``numbers[0] <= cell < numbers[1]``."""
NAMED_BETWEEN: Final = 9
"""Both, of the word and the number of one attribute."""


@njit(cache=True, nogil=True)
def _share_by_steps(cells, shares):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for ring in range(len(cells)):
        if cells[ring] > 0.0:
            return shares[ring]
    return 0.0


@njit(cache=True, nogil=True)
def _sum_by_steps(cells, shares):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    total, before = 0.0, 0.0
    for ring in range(len(cells)):
        total += (cells[ring] - before) * shares[ring]
        before = cells[ring]
    return total


@njit(cache=True, nogil=True)
def _left(kind, age, days):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What is left of points at an age; nothing where there was no event."""
    if np.isnan(age):
        return 0.0
    return max(1.0 - age / days, 0.0) if kind == LINEAR else 2.0 ** -(age / days)


@njit(cache=True, nogil=True)
def _holds(kind, cells, numbers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What is either so or not."""
    if kind == ENOUGH:
        return cells[0] >= numbers[0]
    if kind == SILENT:
        return cells[0] == 0.0 and cells[1] >= numbers[0]
    if kind == NAMED:
        return cells[0] > 0.0
    value = cells[-1]
    between = value >= numbers[0] and value < numbers[1]
    return between and (kind == BETWEEN or cells[0] > 0.0)


@njit(cache=True, nogil=True)
def _count(kind, cells, numbers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """How often the points of one rule count for one lead."""
    if kind == SUMMED:
        return cells[0]
    if kind in (LINEAR, HALVED):
        return _left(kind, cells[0], numbers[0])
    if kind in (EACH_BY_STEPS, LATEST_BY_STEPS):
        return _sum_by_steps(cells, numbers) if kind == EACH_BY_STEPS else _share_by_steps(cells, numbers)
    return 1.0 if _holds(kind, cells, numbers) else 0.0


@njit(cache=True, nogil=True)
def count_all(cells, program):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """How often the points of each rule count, shape (rows, rules).

    Args:
        cells: shape (rows, cells), those of each rule side by side.
        program: kind of each rule; where its cells and its numbers begin, with the end behind the last; numbers.
    """
    kind, cells_at, numbers_at, numbers = program
    times = np.empty((len(cells), len(kind)))
    for row in range(len(cells)):
        for rule in range(len(kind)):
            own = cells[row, cells_at[rule] : cells_at[rule + 1]]
            count = _count(kind[rule], own, numbers[numbers_at[rule] : numbers_at[rule + 1]])
            times[row, rule] = count if count > GONE else 0.0  # of something missing: nothing
    return times


@njit(cache=True, nogil=True)
def _clipped(value, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return min(max(value, limits[0]), limits[1])


@njit(cache=True, nogil=True)
def cap_all(times, rules, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Points after every cap.

    A cap on a sum leaves each of its points the same share.

    Args:
        times: shape (rows, rules).
        rules: points, cap and group of each rule.
        limits: least and most of each group and, behind them, of the total.

    Returns:
        Points by rule, points by group before the caps of the total, totals, and whether some cap binds.
    """
    points, most, group = rules
    rows, groups = len(times), len(limits) - 1
    by_rule, by_group = np.zeros(times.shape), np.zeros((rows, groups))
    totals, binds = np.zeros(rows), np.zeros(rows, np.bool_)
    left = np.ones(groups)
    for row in range(rows):
        for rule in range(len(points)):
            given = times[row, rule] * points[rule]
            kept = min(max(given, -most[rule]), most[rule])
            binds[row] |= kept != given
            by_rule[row, rule] = kept
            by_group[row, group[rule]] += kept
        summed = 0.0
        for at in range(groups):
            raw = by_group[row, at]
            by_group[row, at] = _clipped(raw, limits[at])
            left[at] = by_group[row, at] / raw if raw != 0.0 else 1.0
            binds[row] |= by_group[row, at] != raw
            summed += by_group[row, at]
        totals[row] = _clipped(summed, limits[groups])
        binds[row] |= totals[row] != summed
        of_total = totals[row] / summed if summed != 0.0 else 1.0
        for rule in range(len(points)):
            by_rule[row, rule] = by_rule[row, rule] * left[group[rule]] * of_total + 0.0  # no negative zero
    return by_rule, by_group, totals, binds

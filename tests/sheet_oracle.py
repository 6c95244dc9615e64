"""Slow twin of ``models.points``: what a point sheet says of one lead, from its raw rows, by the definitions alone.

It knows neither features nor matrices: for every question it looks at all rows again, and keeps two clocks: what
happened before the moment and was known before it. Plain numbers, plain loops.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.sheet import Axis, Decay, Limits, Rule, RuleTest, Selection, Sheet

Row = dict[str, Any]
DAY = 24 * 60 * 60 * 1_000_000
"""Microseconds."""


@dataclass(frozen=True)
class Answer:
    """What the sheet says of a lead.

    Attributes:
        by_rule: points of each rule after every cap. groups: sums of the named groups after their caps.
        cell: of the grid, "" without one.
        margin: how many points the nearest limit is away that decides something; infinite without one.
    """

    times: list[float]
    by_rule: list[float]
    groups: dict[str, float]
    total: float
    cell: str
    is_mql: bool
    margin: float


@dataclass(frozen=True)
class Lead:
    """The rows of one lead as they were known just before ``as_of``."""

    lead: Row
    events: list[Row]
    attributes: list[Row]
    as_of: int


def answer(
    sheet: Sheet, rows: Mapping[str, Sequence[Row]], lead_id: str, as_of: int, line: str | None
) -> Answer:
    """Read a sheet for one lead at one moment.

    Args:
        sheet: the rules.
        rows: of ``leads``, ``events`` and ``attributes``; instants in microseconds.
        lead_id: whom we ask about.
        as_of: when.
        line: the service line of the lead.
    """
    [lead] = [one for one in rows["leads"] if one["lead_id"] == lead_id]
    told = [one for one in rows["events"] if one["lead_id"] == lead_id]
    events = list(_known(_once(told), as_of))
    about = Lead(lead, events, list(_known(rows["attributes"], as_of)), as_of)
    times = [_times(rule, about) for rule in sheet.rules]
    return _judged(sheet, times, line or "")


def _once(events: Iterable[Row]) -> Iterable[Row]:
    """An event told twice is one event: the row known first."""
    first: dict[str, Row] = {}
    for event in events:
        kept = first.get(event["event_id"])
        if kept is None or event["known_at"] < kept["known_at"]:
            first[event["event_id"]] = event
    return first.values()


def _known(rows: Iterable[Row], as_of: int) -> Iterable[Row]:
    return [row for row in rows if row["occurred_at"] < as_of and row["known_at"] < as_of]


def _times(rule: Rule, about: Lead) -> float:
    """How often the points count, before caps; what has worn off to a millionth is gone."""
    counted = _attribute(rule.when, about) if rule.when.attribute else _events(rule, about)
    return counted if counted > 1e-6 else 0.0


def _events(rule: Rule, about: Lead) -> float:
    test = rule.when
    ages = sorted(about.as_of - event["occurred_at"] for event in about.events if _selected(test, event))
    if test.silent_days is not None:
        old_enough = _single((about.as_of - about.lead["created_at"]) / DAY) >= test.silent_days
        return float(old_enough and not any(age <= test.silent_days * DAY for age in ages))
    if test.days is not None:
        ages = [age for age in ages if age <= test.days * DAY]
    if rule.decay is not None:
        left = [_left(rule.decay, age) for age in ages]
        return math.fsum(left) if rule.each else max(left, default=0.0)
    return float(len(ages)) if rule.each else float(len(ages) >= test.times)


def _left(decay: Decay, age: int) -> float:
    """Share of the points that an age leaves; it falls, so the latest event is worth most."""
    if decay.linear_days is not None:
        return max(1.0 - age / (decay.linear_days * DAY), 0.0)
    if decay.half_life_days is not None:
        return math.pow(0.5, age / (decay.half_life_days * DAY))
    passed = [share for days, share in (decay.steps or {}).items() if age > days * DAY]
    return min(passed, default=1.0)


def _selected(test: RuleTest, event: Row) -> bool:
    where: Selection = test.where
    words = ((getattr(where, column), event[column]) for column in ("topic", "channel", "campaign", "source"))
    if test.event not in ("any", event["type"]) or any(
        wanted and word not in wanted for wanted, word in words
    ):
        return False
    if where.at_least is None and where.below is None:
        return True
    value = event["value"]
    if value is None or math.isnan(value):
        return False
    high_enough = where.at_least is None or value >= where.at_least
    return high_enough and (where.below is None or value < where.below)


def _attribute(test: RuleTest, about: Lead) -> float:
    owner = about.lead["lead_id"] if test.entity == "lead" else about.lead["account_id"]
    word: str | None = None
    newest: tuple[int, int, bool, str] | None = None
    for row in about.attributes:
        if (row["entity"], row["entity_id"], row["field"]) != (test.entity, owner, test.attribute):
            continue
        order = (row["occurred_at"], row["known_at"], row["value"] is not None, row["value"] or "")
        if newest is None or order >= newest:
            newest, word = order, row["value"]
    return float(word is not None and _says(test, word) and _lies_between(test, word))


def _says(test: RuleTest, word: str) -> bool:
    if test.contains:
        return any(part.casefold() in word.casefold() for part in test.contains)
    return not test.one_of or word in test.one_of


def _lies_between(test: RuleTest, word: str) -> bool:
    if test.at_least is None and test.below is None:
        return True
    try:
        value = float(word)
    except ValueError:
        return False
    if not math.isfinite(value):
        return False
    value = _single(value)
    return (test.at_least is None or value >= _single(test.at_least)) and (
        test.below is None or value < _single(test.below)
    )


def _single(number: float) -> float:
    """As a matrix holds it, in single precision."""
    [rounded] = struct.unpack("f", struct.pack("f", number))
    return float(rounded)


def _judged(sheet: Sheet, times: list[float], line: str) -> Answer:
    given = [_capped(rule, counted) for rule, counted in zip(sheet.rules, times, strict=True)]
    member = [rule.group or "" for rule in sheet.rules]
    groups, kept = {}, {}
    for name in [*sheet.groups, ""]:
        sum_of = math.fsum(points for points, group in zip(given, member, strict=True) if group == name)
        groups[name] = _between(sum_of, sheet.groups.get(name, Limits()))
        kept[name] = groups[name] / sum_of if sum_of else 1.0
    summed = math.fsum(groups.values())
    total = _between(summed, sheet.total)
    of_total = total / summed if summed else 1.0
    by_rule = [points * kept[group] * of_total for points, group in zip(given, member, strict=True)]
    margins = [math.inf]
    cell = _cell(sheet, groups, margins)
    at_once = any(rule.qualifies and counted > 0 for rule, counted in zip(sheet.rules, times, strict=True))
    is_mql = _reached(sheet, total, groups, line, margins) if sheet.grid is None else cell in sheet.grid.mql
    named = {name: points for name, points in groups.items() if name}
    return Answer(times, by_rule, named, total, cell, is_mql or at_once, min(margins))


def _capped(rule: Rule, counted: float) -> float:
    points = rule.points * counted
    return points if rule.most is None else min(max(points, -rule.most), rule.most)


def _between(points: float, limits: Limits) -> float:
    if limits.most is not None and points > limits.most:
        return limits.most
    return limits.least if limits.least is not None and points < limits.least else points


def _reaches(points: float, limit: float, margins: list[float]) -> bool:
    """Points are at least a limit; a billionth less is the same, as decimals are not exact."""
    margins.append(abs(points - limit))
    return points >= limit - 1e-9


def _reached(
    sheet: Sheet, total: float, groups: Mapping[str, float], line: str, margins: list[float]
) -> bool:
    limit = sheet.mql_at_by_line.get(line, sheet.mql_at)
    if limit is None:
        return False
    enough = [_reaches(groups[name], need, margins) for name, need in sheet.needs.items()]
    return all([_reaches(total, limit, margins), *enough])


def _cell(sheet: Sheet, groups: Mapping[str, float], margins: list[float]) -> str:
    if sheet.grid is None:
        return ""
    return "".join(
        _place(axis, groups[axis.group], margins) for axis in (sheet.grid.rows, sheet.grid.columns)
    )


def _place(axis: Axis, points: float, margins: list[float]) -> str:
    reached = [name for name, limit in axis.at.items() if _reaches(points, limit, margins)]
    return reached[0] if reached else axis.rest

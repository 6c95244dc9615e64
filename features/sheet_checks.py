"""What cannot be meant of a sheet as a whole, though each of its rules could be: told with the place to mend."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from features.definitions import COLUMNS
from features.refusals import Place, Problem
from features.sheet import Rule, RuleTest, Selection, Sheet

if TYPE_CHECKING:
    from features.playbook import Condition, SqlDefinition


def sheet_problems(sheet: Sheet, definition: SqlDefinition | None = None) -> list[Problem]:
    """Every problem, with its place within the sheet.

    Args:
        sheet: well-formed.
        definition: of an SQL, where it is known: what counts as one cannot give points.
    """
    endless = list(_endless(sheet, ()))
    if endless:
        return endless
    given_away = _of_outcomes(sheet, definition) if definition else iter(())
    return [*_overlaps(sheet), *_caps(sheet), *_out_of_reach(sheet), *given_away]


def _endless(part: Any, place: Place) -> Iterator[Problem]:
    if isinstance(part, float) and not math.isfinite(part):
        yield place, f"a number is needed, not {part}"
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _endless(getattr(part, name), (*place, name))
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from _endless(value, (*place, key))
    elif isinstance(part, tuple):
        for index, value in enumerate(part):
            yield from _endless(value, (*place, index))


def _overlaps(sheet: Sheet) -> Iterator[Problem]:
    """Ranges of one attribute in which two rules hold; one that only qualifies at once gives no points twice."""
    ranges = [
        (at, rule)
        for at, rule in enumerate(sheet.rules)
        if rule.when.attribute is not None and rule.when.has_range and (rule.points or not rule.qualifies)
    ]
    for (_, one), (at, other) in combinations(ranges, 2):
        if _of_one_kind(one.when, other.when):
            low = max(_low(one.when), _low(other.when))
            high = min(_high(one.when), _high(other.when))
            if low < high:
                yield ("rules", at, "when"), _told(one, other, low, high)


def _of_one_kind(one: RuleTest, other: RuleTest) -> bool:
    return (
        one.attribute == other.attribute
        and one.entity == other.entity
        and set(one.one_of) == set(other.one_of)
        and {word.casefold() for word in one.contains} == {word.casefold() for word in other.contains}
    )


def _low(test: RuleTest) -> float:
    return -math.inf if test.at_least is None else test.at_least


def _high(test: RuleTest) -> float:
    return math.inf if test.below is None else test.below


def _told(one: Rule, other: Rule, low: float, high: float) -> str:
    both = f"{other.name!r} and {one.name!r} both hold for {one.when.attribute} {in_words(low, high)}"
    return f"{both}, so a lead there gets {one.points + other.points:g} points; {_mend(one, other)}"


def _mend(one: Rule, other: Rule) -> str:
    lower, upper = sorted((one, other), key=lambda rule: (_low(rule.when), -_high(rule.when)))
    if _low(lower.when) == _low(upper.when) and _high(lower.when) == _high(upper.when):
        return "write one rule with the points that are meant"
    if _low(lower.when) == _low(upper.when):
        wide, narrow = lower, upper
        return f"write at_least: {_high(narrow.when):g} for {wide.name!r}"
    written = f"write below: {_low(upper.when):g} for {lower.name!r}"
    if _high(lower.when) <= _high(upper.when):
        return written
    return f"{written}, and a rule of its own from at_least: {_high(upper.when):g}"


def in_words(low: float, high: float) -> str:
    """A range of values.

    >>> in_words(50, 500), in_words(50, math.inf), in_words(-math.inf, 3)
    ('from 50 to below 500', 'from 50 on', 'below 3')
    """
    if math.isinf(low):
        return "of any value" if math.isinf(high) else f"below {high:g}"
    return f"from {low:g} on" if math.isinf(high) else f"from {low:g} to below {high:g}"


def _caps(sheet: Sheet) -> Iterator[Problem]:
    """Caps below the points of a single rule. A floor above the loss of one is none: it ends the fall."""
    for at, rule in enumerate(sheet.rules):
        caps = [("the total", "total", sheet.total.most)]
        if rule.group:
            caps.insert(0, (f"group {rule.group!r}", f"groups.{rule.group}", sheet.groups[rule.group].most))
        cut = next((cap for cap in caps if cap[2] is not None and rule.points > cap[2]), None)
        if cut is not None:
            of, key, most = cut
            told = f"{rule.name!r} gives {rule.points:g} points and {of} is capped at {most:g}; write"
            yield ("rules", at, "points"), f"{told} {key}.most: {rule.points:g} or more, or fewer points"


def most_points(sheet: Sheet) -> tuple[float, dict[str, float]]:
    """Points that a sheet can give a lead at most, after caps: in all, and by group."""
    of_groups = {name: _most_of(sheet, name) for name in sheet.groups}
    given = _most_of(sheet, None) + sum(of_groups.values())
    return (given if sheet.total.most is None else min(given, sheet.total.most)), of_groups


def _out_of_reach(sheet: Sheet) -> Iterator[Problem]:
    """Thresholds above the points that all rules together give, after caps."""
    most, of_groups = most_points(sheet)
    thresholds: list[tuple[Place, float]] = [
        (("mql_at_by_line", line), at) for line, at in sheet.mql_at_by_line.items()
    ]
    if sheet.mql_at is not None:
        thresholds.insert(0, (("mql_at",), sheet.mql_at))
    for place, at in thresholds:
        if at > most + _SAME:
            capped = sheet.total.most == most
            why = f"total.most caps it at {most:g}" if capped else f"all rules together give at most {most:g}"
            yield place, f"no total reaches {at:g}: {why}; {_mend_reach(sheet, place, most)}"
    for place, group, at in _group_thresholds(sheet):
        empty = all(rule.group != group for rule in sheet.rules)
        # A cell of a grid that nobody reaches is empty, no more; a need that nobody meets leaves no MQL.
        if at > of_groups[group] + _SAME and (empty or place[0] == "needs"):
            told = f"no lead reaches {at:g} points of group {group!r}: {_why_below(sheet, group, of_groups[group])}"
            yield place, f"{told}; {_mend_reach(sheet, place, of_groups[group])}"


_SAME: Final = 1e-9
"""Points closer than this are the same: sums of decimal fractions are not exact."""


def _most_of(sheet: Sheet, group: str | None) -> float:
    """Points that the rules of a group give at most, after its cap; of those without one for ``None``."""
    rules = [rule for rule in sheet.rules if rule.group == group]
    given = sum(map(_most_given, rules))
    cap = None if group is None else sheet.groups[group].most
    return given if cap is None else min(given, cap)


def _most_given(rule: Rule) -> float:
    if rule.points <= 0:
        return 0.0
    return (math.inf if rule.most is None else rule.most) if rule.each else rule.points


def _why_below(sheet: Sheet, group: str, most: float) -> str:
    rules = [rule for rule in sheet.rules if rule.group == group]
    if not rules:
        return "no rule is in this group"
    if most == sheet.groups[group].most:
        return f"it is capped at {most:g}"
    return f"its rules together give at most {most:g}"


def _mend_reach(sheet: Sheet, place: Place, most: float) -> str:
    """What to write; a sheet by which rules alone decide needs no threshold."""
    mend = (
        f"write {most:g} or less, or let rules give more"
        if most
        else "let rules give points for it, or leave it out"
    )
    only = place == ("mql_at",) and any(rule.qualifies for rule in sheet.rules)
    return f"{mend}; leave mql_at out if only rules that qualify shall decide" if only else mend


def _group_thresholds(sheet: Sheet) -> Iterator[tuple[Place, str, float]]:
    for group, at in sheet.needs.items():
        yield ("needs", group), group, at
    if sheet.grid is not None:
        for side, axis in (("rows", sheet.grid.rows), ("columns", sheet.grid.columns)):
            for name, at in axis.at.items():
                yield ("grid", side, "at", name), axis.group, at


def _of_outcomes(sheet: Sheet, definition: SqlDefinition) -> Iterator[Problem]:
    """Rules that give points for what counts as an SQL: at a snapshot it is still to come."""
    alone = [event for condition in definition.any_of for event in _alone(condition)]
    for at, rule in enumerate(sheet.rules):
        test = rule.when
        counts = test.event is not None and test.silent_days is None
        if counts and any(_within(test, event) for event in alone):
            told = (
                f"an event that counts as an SQL cannot give points: {test.event!r} is one by definition "
                f"{definition.version!r}, so a lead that has it is handed over already; leave {rule.name!r} "
                f"out, or take the event out of sql"
            )
            yield ("rules", at, "when", "event"), told


def _alone(condition: Condition) -> list[Condition]:
    """The event that makes an SQL by itself, if it is one."""
    if len(condition.all_of) == 1:
        return _alone(condition.all_of[0])
    return [condition] if condition.event is not None else []


def _within(test: RuleTest, event: Condition) -> bool:
    """Whether every event of a rule counts as an SQL."""
    if event.event not in (test.event, "any"):
        return False
    return _narrower(test.where, event.where)


def _narrower(inner: Selection, outer: Selection) -> bool:
    for column in COLUMNS[1:]:
        wanted, allowed = set(getattr(inner, column)), set(getattr(outer, column))
        if allowed and not (wanted and wanted <= allowed):
            return False
    above = outer.at_least is None or (inner.at_least is not None and inner.at_least >= outer.at_least)
    under = outer.below is None or (inner.below is not None and inner.below <= outer.below)
    return above and under

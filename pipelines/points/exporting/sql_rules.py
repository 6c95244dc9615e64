"""Each rule of a sheet in SQL: what is counted of events, what is known of attributes, how often the points count."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from features.clock import DAY
from features.sheet import Decay, Rule, RuleTest
from models.points.engine import GONE
from pipelines.points.exporting.sql_text import (
    as_held,
    chosen,
    days,
    holdable,
    lowered,
    number,
    rounded,
    text,
    texts,
    within,
    younger,
)


@dataclass(slots=True)
class Columns:
    """What the rules look at, each once: the name of a column by what it holds.

    Attributes:
        counted: aggregates of a lead's events that are 0 where there are none.
        youngest: conditions of which the age of the latest event is wanted, NULL where there are none.
        words, numbers: values of attributes, by entity and attribute.
    """

    counted: dict[str, str] = field(default_factory=dict)
    youngest: dict[str, str] = field(default_factory=dict)
    words: dict[tuple[str, str], str] = field(default_factory=dict)
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)

    def count(self, condition: str) -> str:
        """Number of events."""
        return self.summed(f"CASE WHEN {condition} THEN 1 ELSE 0 END")

    def summed(self, each: str) -> str:
        """Sum over the events of a lead."""
        return self.counted.setdefault(f"SUM({each})", f"events_{len(self.counted) + 1}")

    def latest(self, condition: str) -> str:
        """Age of the latest event."""
        return self.youngest.setdefault(condition, f"latest_{len(self.youngest) + 1}")

    def word(self, entity: str, attribute: str) -> str:
        """Word of an attribute."""
        return self.words.setdefault((entity, attribute), f"word_{len(self.words) + 1}")

    def number(self, entity: str, attribute: str) -> str:
        """Number of an attribute."""
        return self.numbers.setdefault((entity, attribute), f"number_{len(self.numbers) + 1}")


def times(rule: Rule, columns: Columns) -> str:
    """How often the points of a rule count before its cap, over columns that are entered in ``columns``."""
    test = rule.when
    if test.event is None:
        return _once(_told(test, columns))
    if rule.decay is not None:
        left = _worn(rule, rule.decay, columns)
        return f"CASE WHEN {left} > {GONE!r} THEN {left} ELSE 0 END"
    condition = chosen(test.selection)
    if test.silent_days is not None:
        counted = columns.count(within(condition, test.silent_days))
        return _once(f"{counted} = 0 AND {days('lead_age')} >= {test.silent_days}")
    counted = columns.count(within(condition, test.days))
    return counted if rule.each else _once(f"{counted} >= {test.times}")


def word_of(attribute: str) -> str:
    """Aggregate over the newest known rows of a lead or account: the word of an attribute."""
    return f"MAX(CASE WHEN field = {text(attribute)} THEN value END)"


def number_of(attribute: str) -> str:
    """``word_of`` for its number, as a column of a matrix holds it."""
    return as_held(f"MAX(CASE WHEN field = {text(attribute)} AND {holdable('number')} THEN number END)")


def _once(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END"


def _told(test: RuleTest, columns: Columns) -> str:
    attribute, parts = test.attribute or "", []
    if test.one_of:
        parts.append(f"{columns.word(test.entity, attribute)} IN ({texts(test.one_of)})")
    if test.contains:
        word = lowered(columns.word(test.entity, attribute))
        folded = dict.fromkeys(part.casefold() for part in test.contains)
        found = " OR ".join(f"POSITION({text(part)} IN {word}) > 0" for part in folded)
        parts.append(f"({found})")
    if test.has_range:
        value = columns.number(test.entity, attribute)
        parts += [f"{value} >= {rounded(test.at_least)}"] if test.at_least is not None else []
        parts += [f"{value} < {rounded(test.below)}"] if test.below is not None else []
    return " AND ".join(parts)


def _worn(rule: Rule, decay: Decay, columns: Columns) -> str:
    condition = chosen(rule.when.selection)
    if decay.steps is not None:
        return (_each_step if rule.each else _one_step)(condition, rings(decay.steps), columns)
    if rule.each:
        return _each_worn(condition, decay, columns)
    age = columns.latest(within(condition, None))
    if decay.linear_days is not None:
        share = f"GREATEST(1 - {days(age)} / {decay.linear_days}, 0)"
    else:
        share = f"POWER(2e0, -{days(age)} / {decay.half_life_days})"
    return f"CASE WHEN {age} IS NULL THEN 0 ELSE {share} END"


def _each_worn(condition: str, decay: Decay, columns: Columns) -> str:
    if decay.linear_days is not None:
        length = decay.linear_days * DAY
        left = f"CASE WHEN {within(condition, decay.linear_days)} THEN {length} - age ELSE 0 END"
        return as_held(f"{columns.summed(left)} / {length}e0")
    half = (decay.half_life_days or 1) * DAY
    return as_held(
        columns.summed(f"CASE WHEN {within(condition, None)} THEN POWER(2e0, -age / {half}e0) ELSE 0 END")
    )


def rings(steps: dict[int, float]) -> list[tuple[int | None, float]]:
    """Windows, each with the share of the events that the windows before do not hold."""
    windows: list[int | None] = [*steps, None]
    pairs = zip(windows, [1.0, *steps.values()], strict=True)
    return [(window, share) for window, share in pairs if share > 0]


def _each_step(condition: str, ringed: list[tuple[int | None, float]], columns: Columns) -> str:
    counts = ["0", *(columns.count(within(condition, window)) for window, _ in ringed)]
    shares = [number(share) for _, share in ringed]
    parts = [
        f"{share} * ({now} - {before})" for share, (before, now) in zip(shares, pairwise(counts), strict=True)
    ]
    return f"({' + '.join(parts)})"


def _one_step(condition: str, ringed: list[tuple[int | None, float]], columns: Columns) -> str:
    age = columns.latest(within(condition, None))
    ages = [f"{age} IS NOT NULL" if window is None else younger(age, window) for window, _ in ringed]
    cases = [f"WHEN {held} THEN {number(share)}" for held, (_, share) in zip(ages, ringed, strict=True)]
    return f"CASE {' '.join(cases)} ELSE 0 END"

"""Conditions of a sheet in words that people find again in the forms of marketing systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from features.sheet import Axis, Rule, RuleTest, Selection, Sheet
from pipelines.points.cells import write_number
from pipelines.points.exporting.sql_rules import rings

BETWEEN: Final = "; "
"""Between the words of a list."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a form: what is looked at, how it is compared, and with what."""

    what: str
    operator: str
    value: str

    @override
    def __str__(self) -> str:
        """In one line."""
        return f"{self.what} {self.operator} {self.value}".strip()


Alternative = tuple[Criterion, ...]
"""Criteria that hold together."""


def of_attribute(test: RuleTest) -> list[Criterion]:
    """Criteria on an attribute, all of which must hold."""
    name, found = test.attribute or "", []
    if test.one_of:
        found.append(Criterion(name, "is any of", BETWEEN.join(dict.fromkeys(test.one_of))))
    if test.contains:
        found.append(Criterion(name, "contains any of", BETWEEN.join(dict.fromkeys(test.contains))))
    if test.at_least is not None:
        found.append(Criterion(name, "is at least", write_number(test.at_least)))
    if test.below is not None:
        found.append(Criterion(name, "is less than", write_number(test.below)))
    return found


def refined(where: Selection) -> list[Criterion]:
    """Criteria on the columns of an event."""
    words = {name: getattr(where, name) for name in ("topic", "channel", "campaign", "source")}
    found = [Criterion(name, "is any of", BETWEEN.join(some)) for name, some in words.items() if some]
    if where.at_least is not None:
        found.append(Criterion("value", "is at least", write_number(where.at_least)))
    if where.below is not None:
        found.append(Criterion("value", "is less than", write_number(where.below)))
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """Points for events of the last ``days``, of all of the past if ``None``."""

    days: int | None
    points: float

    @property
    def span(self) -> str:
        """In words."""
        return "at any time" if self.days is None else f"in the last {self.days} days"


def windows(rule: Rule) -> list[Window]:
    """Windows that together give what a rule on events gives: several where its points fall by steps.

    Points of 10 that fall to 4 after 30 days are 6 in the last 30 days and 4 at any time.
    """
    if rule.decay is None or rule.decay.steps is None:
        return [Window(rule.when.days, rule.points)]
    ringed = rings(rule.decay.steps)
    after = [*(share for _, share in ringed[1:]), 0.0]
    return [
        Window(days, round(rule.points * (share - less), 9))
        for (days, share), less in zip(ringed, after, strict=True)
    ]


def alternatives(sheet: Sheet, score: str) -> list[Alternative]:
    """Who is an MQL: whoever meets all criteria of one of the alternatives. ``score``: name of the total."""
    at_once = [(Criterion(f"rule {rule.name!r}", "holds", ""),) for rule in sheet.rules if rule.qualifies]
    return [*_cells(sheet), *_totals(sheet, score), *at_once]


def _totals(sheet: Sheet, score: str) -> Iterator[Alternative]:
    if sheet.mql_at is None:
        return
    needs = [
        Criterion(f"points of {group}", "is at least", write_number(at)) for group, at in sheet.needs.items()
    ]
    for line, at in sheet.mql_at_by_line.items():
        yield (
            Criterion(score, "is at least", write_number(at)),
            Criterion("service line", "is", line),
            *needs,
        )
    others = BETWEEN.join(sheet.mql_at_by_line)
    rest = [Criterion("service line", "is none of", others)] if others else []
    yield (Criterion(score, "is at least", write_number(sheet.mql_at)), *rest, *needs)


def _cells(sheet: Sheet) -> Iterator[Alternative]:
    if sheet.grid is None:
        return
    for row in sheet.grid.rows.names:
        for column in sheet.grid.columns.names:
            if row + column in sheet.grid.mql:
                yield (*_side(sheet.grid.rows, row), *_side(sheet.grid.columns, column))


def _side(axis: Axis, name: str) -> Iterator[Criterion]:
    """Limits of the points of a group between which it has a name."""
    place, limits = axis.names.index(name), list(axis.at.values())
    if place < len(limits):
        yield Criterion(f"points of {axis.group}", "is at least", write_number(limits[place]))
    if place > 0:
        yield Criterion(f"points of {axis.group}", "is less than", write_number(limits[place - 1]))

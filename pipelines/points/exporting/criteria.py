"""Conditions of a sheet in words that people find again in the forms of marketing systems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from features.sheet import Axis, Rule, RuleTest, Selection, Sheet
from pipelines.points.cells import write_number
from pipelines.points.exporting.sql_rules import rings

BETWEEN: Final = "; "
"""Between the words of a list."""
AND: Final = " AND "
"""Between criteria that hold together."""


def listed(words: Iterable[str]) -> str:
    """Words of a list, each once and in quotes, as they may hold what stands between them.

    >>> print(listed(["R&D; labs", 'the "best" one']))
    "R&D; labs"; "the ""best"" one"
    """
    return BETWEEN.join('"' + word.replace('"', '""') + '"' for word in dict.fromkeys(words))


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
        found.append(Criterion(name, "is any of", listed(test.one_of)))
    if test.contains:
        found.append(Criterion(name, "contains any of", listed(test.contains)))
    if test.at_least is not None:
        found.append(Criterion(name, "is at least", write_number(test.at_least)))
    if test.below is not None:
        found.append(Criterion(name, "is less than", write_number(test.below)))
    return found


def refined(where: Selection) -> list[Criterion]:
    """Criteria on the columns of an event."""
    words = {name: getattr(where, name) for name in ("topic", "channel", "campaign", "source")}
    found = [Criterion(name, "is any of", listed(some)) for name, some in words.items() if some]
    if where.at_least is not None:
        found.append(Criterion("value", "is at least", write_number(where.at_least)))
    if where.below is not None:
        found.append(Criterion("value", "is less than", write_number(where.below)))
    return found


def activity(rule: Rule) -> str:
    """The event of a rule, with what is asked of its columns in brackets."""
    chosen = AND.join(map(str, refined(rule.when.where)))
    return f"{rule.when.event} ({chosen})" if chosen else str(rule.when.event)


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

    Points of 10 that fall to 4 after 30 days are 6 in the last 30 days and 4 at any time. The last window holds the
    others; it is the only one where there are no points to give.
    """
    if rule.decay is None or rule.decay.steps is None:
        return [Window(rule.when.days, rule.points)]
    ringed = rings(rule.decay.steps)
    after = [*(share for _, share in ringed[1:]), 0.0]
    found = [
        Window(days, round(rule.points * (share - less), 9))
        for (days, share), less in zip(ringed, after, strict=True)
    ]
    return found if rule.points else found[-1:]


@dataclass(frozen=True, slots=True)
class Wording:
    """What a system calls what decides.

    Attributes:
        score: name of the total.
        groups: name of the points of a group, where it is not "points of" the group.
        held: criterion by the name of a rule that qualifies, where it is not that the rule holds.
    """

    score: str
    groups: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, Criterion] = field(default_factory=dict)

    def group(self, name: str) -> str:
        """Name of the points of a group."""
        return self.groups.get(name, f"points of {name}")

    def holds(self, rule: str) -> Criterion:
        """Criterion of a rule that qualifies."""
        return self.held.get(rule, Criterion(f"rule {rule!r}", "holds", ""))


def alternatives(sheet: Sheet, words: Wording) -> list[Alternative]:
    """Who is an MQL: whoever meets all criteria of one of the alternatives."""
    at_once = [(words.holds(rule.name),) for rule in sheet.rules if rule.qualifies]
    return [*_cells(sheet, words), *_totals(sheet, words), *at_once]


def _totals(sheet: Sheet, words: Wording) -> Iterator[Alternative]:
    if sheet.mql_at is None:
        return
    needs = [
        Criterion(words.group(group), "is at least", write_number(at)) for group, at in sheet.needs.items()
    ]
    for line, at in sheet.mql_at_by_line.items():
        yield (
            Criterion(words.score, "is at least", write_number(at)),
            Criterion("service line", "is", line),
            *needs,
        )
    others = listed(sheet.mql_at_by_line)
    rest = [Criterion("service line", "is none of", others)] if others else []
    yield (Criterion(words.score, "is at least", write_number(sheet.mql_at)), *rest, *needs)


def _cells(sheet: Sheet, words: Wording) -> Iterator[Alternative]:
    if sheet.grid is None:
        return
    for row in sheet.grid.rows.names:
        for column in sheet.grid.columns.names:
            if row + column in sheet.grid.mql:
                yield (
                    *_side(sheet.grid.rows, row, words.group(sheet.grid.rows.group)),
                    *_side(sheet.grid.columns, column, words.group(sheet.grid.columns.group)),
                )


def _side(axis: Axis, name: str, points: str) -> Iterator[Criterion]:
    """Limits of the points of a group between which it has a name."""
    place, limits = axis.names.index(name), list(axis.at.values())
    if place < len(limits):
        yield Criterion(points, "is at least", write_number(limits[place]))
    if place > 0:
        yield Criterion(points, "is less than", write_number(limits[place - 1]))

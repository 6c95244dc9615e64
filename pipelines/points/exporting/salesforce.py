"""A sheet as Salesforce formula fields: points of each group, their total, and whether the lead is an MQL.

Formulas read fields of the lead. Some are there already (a title, an industry); counts of events within days have to
be kept up to date by a scheduled flow or a roll-up tool, since a roll-up summary field cannot look at today's date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from features.errors import LeadlightError
from features.sheet import Axis, Limits, Sheet
from pipelines.points.exporting import formulas
from pipelines.points.exporting.formulas import LONGEST_TEXT, MOST_CHARACTERS, MOST_COMPILED, Formula
from pipelines.points.exporting.idle import working
from pipelines.points.exporting.salesforce_fields import Fields, ToFill, Type
from pipelines.points.exporting.salesforce_rules import NONE, ONE, Said, compared, said

_TERM: Final = 24
"""Characters that a sum needs besides its parts."""


@dataclass(frozen=True, slots=True)
class Made:
    """A field with a formula.

    Attributes:
        label: in words. stored: a plain field that a flow sets to the formula whenever the lead is saved, because
            formulas that refer to it would get too large otherwise.
    """

    api_name: str
    label: str
    type: Type
    formula: Formula
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule is: a part of the formula of a field, by the names of both."""

    rule: str
    gives: Literal["points", "MQL at once"]
    api_name: str
    part: str


@dataclass(frozen=True, slots=True)
class Salesforce:
    """All fields, in the order in which they can be made; the last ones answer.

    Attributes:
        to_fill: what the formulas read. made: formula fields. groups: API name by group. total, mql: API names.
        places: where the rules are, twice for one that gives points and qualifies.
        cell: that of the grid, empty without one.
    """

    to_fill: tuple[ToFill, ...]
    made: tuple[Made, ...]
    groups: dict[str, str]
    total: str
    mql: str
    places: tuple[Place, ...]
    cell: str = ""


def to_salesforce(sheet: Sheet) -> Salesforce:
    """The fields of a sheet.

    Raises:
        LeadlightError: some formula cannot be kept within the limits of Salesforce.
    """
    short = _Builder(sheet, stored=False).built()
    built = short if _fits(short) else _Builder(sheet, stored=True).built()
    problems = [
        f"{made.api_name}: {len(made.formula.text):,} characters, about {made.formula.size:,} bytes compiled"
        for made in built.made
        if not made.formula.fits
    ]
    if problems:
        limits = f"a formula has at most {MOST_CHARACTERS:,} characters and {MOST_COMPILED:,} bytes compiled"
        raise LeadlightError(
            f"{sheet.name!r} is too large for Salesforce: {limits}; export it as SQL", problems
        )
    return built


def _fits(built: Salesforce) -> bool:
    return all(made.formula.fits for made in built.made)


class _Builder:
    """Puts the fields of one sheet together."""

    def __init__(self, sheet: Sheet, *, stored: bool) -> None:
        """``stored``: helper fields hold numbers, so that formulas above them stay small."""
        self._sheet, self._stored = sheet, stored
        self._fields, self._made = Fields(), list[Made]()
        self._moved = list[tuple[Formula, str]]()
        self._total, self._mql = self._fields.name("points total"), self._fields.name("points mql")
        self._cell = self._fields.name("points cell") if sheet.grid else ""
        self._groups = {group: self._fields.name(f"points {group}") for group in sheet.groups}

    def built(self) -> Salesforce:
        """All fields."""
        sheet = self._sheet
        by_rule = {rule.name: said(rule, self._fields, self._words) for rule in working(sheet)}
        groups = {group: self._group(group, limits, by_rule) for group, limits in sheet.groups.items()}
        loose = self._points(by_rule, None)
        total = self._packed([*groups.values(), *loose], "points")
        capped = formulas.clipped(total, sheet.total.least, sheet.total.most)
        reference = self._make(self._total, "points in all", "Number(18, 6)", capped)
        holds = {
            rule.name: formulas.call("IF", by_rule[rule.name].holds, ONE, NONE)
            for rule in sheet.rules
            if rule.qualifies
        }
        conditions = [*self._reached(reference, groups), *self._at_once(list(holds.values()))]
        decided = formulas.either(conditions) if conditions else compared(ONE, "=", NONE)
        self._make(self._mql, "is an MQL", "Checkbox", decided)
        to_fill = tuple(self._fields.to_fill.values())
        places = tuple(self._places(by_rule, holds))
        return Salesforce(
            to_fill, tuple(self._made), self._groups, self._total, self._mql, places, self._cell
        )

    def _places(self, by_rule: Mapping[str, Said], holds: Mapping[str, Formula]) -> Iterable[Place]:
        for rule in working(self._sheet):
            if rule.points:
                part = by_rule[rule.name].points
                home = self._groups[rule.group] if rule.group else self._total
                yield Place(rule.name, "points", self._field_with(part, home), part.text)
            if rule.qualifies:
                part = holds[rule.name]
                yield Place(rule.name, "MQL at once", self._field_with(part, self._mql), part.text)

    def _field_with(self, part: Formula, home: str) -> str:
        """The helper field that a part was moved to, else ``home``."""
        moved = (name for one, name in self._moved if one is part)
        return next(moved, home)

    def _make(self, name: str, label: str, kind: Type, formula: Formula, *, stored: bool = False) -> Formula:
        self._made.append(Made(name, label, kind, formula, stored))
        return formulas.field(name, None if stored else formula.size, timed=formula.timed)

    def _help(self, formula: Formula, label: str) -> Formula:
        """A field of its own for a part; what changes with time cannot be stored."""
        name = self._fields.name(f"{label} part")
        stored = self._stored and not formula.timed
        return self._make(name, f"part of {label}", "Number(18, 6)", formula, stored=stored)

    def _words(self, formula: Formula) -> Formula:
        return self._help(formula, "points words")

    def _points(self, by_rule: Mapping[str, Said], group: str | None) -> list[Formula]:
        """Points of the rules of a group; those of 0 points are left out."""
        return [
            by_rule[rule.name].points for rule in self._sheet.rules if rule.group == group and rule.points
        ]

    def _group(self, group: str, limits: Limits, by_rule: Mapping[str, Said]) -> Formula:
        points = self._packed(self._points(by_rule, group), f"points {group}")
        capped = formulas.clipped(points, limits.least, limits.most)
        return self._make(self._groups[group], f"points of {group}", "Number(18, 6)", capped)

    def _packed(self, parts: list[Formula], label: str) -> Formula:
        """A sum; parts move to helper fields, as many as needed to keep each formula within the limits."""
        whole = formulas.summed(parts, lines=True)
        if _room(whole) and not self._stored:
            return whole
        steady = [part for part in parts if not part.timed]
        timed = [part for part in parts if part.timed]
        moved = [self._move(chunk, label) for chunk in (*_chunks(steady), *_chunks(timed))]
        again = formulas.summed(moved, lines=True)
        return again if _room(again) or len(moved) >= len(parts) else self._packed(moved, label)

    def _move(self, parts: list[Formula], label: str) -> Formula:
        """A helper field for the sum of some parts."""
        helper = self._help(formulas.summed(parts, lines=True), label)
        self._moved += [(part, helper.text) for part in parts]
        return helper

    def _reached(self, total: Formula, groups: dict[str, Formula]) -> Iterable[Formula]:
        sheet = self._sheet
        if sheet.grid is not None:
            row, column = (self._named(axis, groups) for axis in (sheet.grid.rows, sheet.grid.columns))
            cell = replace(formulas.joined("&", [row, column]), text=f"{row.text} & {column.text}")
            reference = self._make(self._cell, "cell of the grid", "Text(255)", cell)
            yield compared(
                formulas.named(reference, list(dict.fromkeys(sheet.grid.mql)), ONE, NONE), "=", ONE
            )
        elif sheet.mql_at is not None:
            needs = [compared(groups[group], ">=", formulas.number(at)) for group, at in sheet.needs.items()]
            yield formulas.both([compared(total, ">=", self._threshold(sheet.mql_at)), *needs])

    def _threshold(self, usual: float) -> Formula:
        if not self._sheet.mql_at_by_line:
            return formulas.number(usual)
        line = self._fields.service_line()
        pairs = [
            (formulas.text(name), formulas.number(at)) for name, at in self._sheet.mql_at_by_line.items()
        ]
        return formulas.call("CASE", line, *(part for pair in pairs for part in pair), formulas.number(usual))

    @staticmethod
    def _named(axis: Axis, groups: dict[str, Formula]) -> Formula:
        name = formulas.text(axis.rest)
        for above, limit in reversed(axis.at.items()):
            reached = compared(groups[axis.group], ">=", formulas.number(limit))
            name = formulas.call("IF", reached, formulas.text(above), name)
        return name

    def _at_once(self, parts: list[Formula]) -> Iterable[Formula]:
        if parts:
            yield compared(formulas.joined("+", [self._packed(parts, "points at once")]), ">", NONE)


def _room(whole: Formula) -> bool:
    """Whether a sum may stand in a formula, with its caps around it."""
    return replace(whole, text=whole.text + " " * _TERM, size=whole.size + _TERM).fits


def _chunks(parts: list[Formula]) -> list[list[Formula]]:
    """As many parts together as one formula takes."""
    chunks: list[list[Formula]] = []
    for part in parts:
        if not chunks or not _room(formulas.summed([*chunks[-1], part], lines=True)):
            chunks.append([])
        chunks[-1].append(part)
    return chunks


def too_long(sheet: Sheet) -> list[tuple[str, str]]:
    """Rules with words that no text field can hold, each with the word's beginning."""
    return [
        (rule.name, word[:40])
        for rule in working(sheet)
        for word in (*rule.when.one_of, *rule.when.contains)
        if len(word) > LONGEST_TEXT
    ]

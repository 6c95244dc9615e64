"""What a point sheet says of leads: how often each rule counts, its points after every cap, and who is an MQL.

The columns that it reads are ordinary features (``models.points.readings``), so they are as known at each snapshot,
and the total of any past day is what it was then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.definitions import Feature
from features.errors import LeadlightError
from features.matrix import Floats, Matrix, Texts
from features.sheet import Axis, Limits, Rule, Sheet
from models.points.engine import cap_all, count_all
from models.points.readings import Flags, program_of, reading

NO_GROUP: Final = ""
"""Group of the rules that name none; it has no caps."""

SAME: Final = 1e-9
"""Points closer than this are the same: sums of decimal fractions are not exact."""


def rule_features(rule: Rule) -> list[Feature]:
    """What a rule looks at, as few columns as say it."""
    return list(reading(rule).features)


def with_sheet(features: Sequence[Feature], sheet: Sheet) -> list[Feature]:
    """``features`` and, behind them, those the rules need and no feature of that name gives yet."""
    joined = {feature.name: feature for feature in features}
    for rule in sheet.rules:
        for feature in rule_features(rule):
            joined.setdefault(feature.name, feature)
    return list(joined.values())


def times(sheet: Sheet, matrix: Matrix) -> Floats:
    """How often the points of each rule count, before caps, shape (rows, rules).

    1 or 0 where points are given once; less than 1 where they have worn off; the number of events, each by its
    age, where they are given for each. A rule on something unknown does not hold. Never negative.

    Raises:
        LeadlightError: the matrix lacks a feature of a rule.
    """
    reader = SheetReader(sheet)
    missing = sorted({feature.name for feature in reader.features} - set(matrix.names))
    if missing:
        raise LeadlightError(
            f"the matrix lacks features of {sheet.name!r}; build it with with_sheet()", missing
        )
    return reader.times(reader.cells(matrix))


def fires(sheet: Sheet, matrix: Matrix) -> Flags:
    """Whether each rule gives anything, shape (rows, rules)."""
    return times(sheet, matrix) > 0.0


def capped(sheet: Sheet, counted: Floats) -> Floats:
    """``times`` no further than the cap of each rule lets its points grow, shape (rows, rules)."""
    return np.asarray(np.minimum(counted, most_times(sheet)))


def most_times(sheet: Sheet) -> Floats:
    """How often each rule counts at most by its own cap, shape (rules,); infinite without one."""
    return np.array(
        [np.inf if r.most is None or not r.points else r.most / abs(r.points) for r in sheet.rules]
    )


def points_of(sheet: Sheet) -> Floats:
    """Points of each rule, shape (rules,)."""
    return np.array([rule.points for rule in sheet.rules], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A sheet's answer for the rows of a matrix.

    Attributes:
        times: see ``times``, shape (rows, rules).
        by_rule: points of each rule after every cap, shape (rows, rules); their sum is the total.
        groups: names of the columns of ``by_group``.
        by_group: points of each group after its caps, before those of the total.
        total: shape (rows,).
        cell: of the grid, texts; empty texts without one.
        is_mql: whether the sheet hands the lead over; all False where it says nothing of that.
        caps_bind: whether some cap took points away or gave some back.
    """

    times: Floats
    by_rule: Floats
    groups: tuple[str, ...]
    by_group: Floats
    total: Floats
    cell: Texts
    is_mql: Flags
    caps_bind: Flags


@dataclass(frozen=True, slots=True)
class Capped:
    """Points after caps; see ``Evaluated``."""

    by_rule: Floats
    by_group: Floats
    total: Floats
    binds: Flags


class SheetReader:
    """A sheet, ready for any number of rows. May be shared by threads.

    Attributes:
        readings: of each rule.
        features: columns that it needs, each once.
        groups: those of the sheet and, behind them, that of the rules without one.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.readings = tuple(reading(rule) for rule in sheet.rules)
        self.features = tuple({f.name: f for one in self.readings for f in one.features}.values())
        self.groups = (*sheet.groups, NO_GROUP)
        self._program = program_of(self.readings)
        most = np.array([np.inf if rule.most is None else rule.most for rule in sheet.rules])
        member = np.array([self.groups.index(rule.group or NO_GROUP) for rule in sheet.rules], dtype=np.int64)
        self._rules = points_of(sheet), most, member
        of_groups = [sheet.groups.get(name, Limits()) for name in self.groups]
        self._limits = np.array([_limits(one) for one in (*of_groups, sheet.total)])
        self._at_once = [at for at, rule in enumerate(sheet.rules) if rule.qualifies]

    def cells(self, matrix: Matrix) -> Floats:
        """What ``times`` reads, those of each rule side by side, shape (rows, cells)."""
        return np.column_stack([column for one in self.readings for column in one.cells(matrix)])

    def times(self, cells: Floats) -> Floats:
        """See ``models.points.evaluation.times``."""
        return np.asarray(count_all(cells, self._program))

    def capped(self, counted: Floats) -> Capped:
        """Points after every cap. ``counted``: see ``times``."""
        return Capped(*cap_all(counted, self._rules, self._limits))

    def judge(self, counted: Floats, service_line: Texts | None = None) -> Evaluated:
        """What follows from ``times``. ``service_line``: as in ``evaluate``."""
        points = self.capped(counted)
        of_group = dict(zip(self.groups, points.by_group.T, strict=True))
        cell = _cells(self.sheet, of_group, len(counted))
        lines = np.full(len(counted), "", dtype=object) if service_line is None else service_line
        return Evaluated(
            times=counted,
            by_rule=points.by_rule,
            groups=self.groups,
            by_group=points.by_group,
            total=points.total,
            cell=cell,
            is_mql=self._reached(points.total, of_group, cell, lines)
            | (counted[:, self._at_once] > 0.0).any(axis=1),
            caps_bind=points.binds,
        )

    def _reached(self, total: Floats, groups: dict[str, Floats], cell: Texts, lines: Texts) -> Flags:
        if self.sheet.grid is not None:
            return np.isin(cell.astype(str), self.sheet.grid.mql)
        reached = reaches(total, thresholds(self.sheet, lines))
        for group, need in self.sheet.needs.items():
            reached = reached & reaches(groups[group], need)
        return reached


def evaluate(sheet: Sheet, matrix: Matrix, service_line: Texts | None = None) -> Evaluated:
    """Read a sheet for every row.

    Args:
        sheet: the rules.
        matrix: with the columns of ``with_sheet``.
        service_line: texts, shape (rows,), for thresholds of their own; "" or ``None`` is none.

    Raises:
        LeadlightError: the matrix lacks a feature of a rule.
    """
    return SheetReader(sheet).judge(times(sheet, matrix), service_line)


def total_points(sheet: Sheet, matrix: Matrix) -> Floats:
    """Total after every cap, shape (rows,)."""
    return SheetReader(sheet).capped(times(sheet, matrix)).total


def by_first_feature(sheet: Sheet, matrix: Matrix, parts: Floats) -> Floats:
    """What rules add, shape (rows, rules), as what features add, shape (rows, features): to the first they look at."""
    position = {name: at for at, name in enumerate(matrix.names)}
    by_feature = np.zeros((len(matrix), len(matrix.features)))
    for at, rule in enumerate(sheet.rules):
        by_feature[:, position[rule_features(rule)[0].name]] += parts[:, at]
    return by_feature


def thresholds(sheet: Sheet, service_line: Texts) -> Floats:
    """Total from which each row is an MQL; infinite where the sheet names none, or has a grid."""
    at = np.inf if sheet.mql_at is None else sheet.mql_at
    return np.array([sheet.mql_at_by_line.get(line, at) for line in service_line], dtype=np.float64)


def reaches(points: Floats, limit: Floats | float) -> Flags:
    """Whether points are at least a limit.

    Ten times 0.1 points reach 1, though their sum as binary numbers does not:

    >>> reaches(np.array([sum([0.1] * 10)]), 1.0)
    array([ True])
    """
    return np.asarray(points >= np.asarray(limit) - SAME, dtype=np.bool_)


def _cells(sheet: Sheet, groups: dict[str, Floats], rows: int) -> Texts:
    if sheet.grid is None:
        return np.full(rows, "", dtype=object)
    row, column = (_names(axis, groups[axis.group]) for axis in (sheet.grid.rows, sheet.grid.columns))
    return np.array([a + b for a, b in zip(row, column, strict=True)], dtype=object)


def _names(axis: Axis, points: Floats) -> list[str]:
    limits = np.array(list(axis.at.values()))
    first = (~reaches(points[:, None], limits)).sum(axis=1)  # limits fall, so those not reached come first
    return [axis.names[at] for at in first]


def _limits(limits: Limits) -> tuple[float, float]:
    return (
        -np.inf if limits.least is None else limits.least,
        np.inf if limits.most is None else limits.most,
    )

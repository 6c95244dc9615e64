"""The same sheet with other points: caps grow with them, and thresholds let as many leads pass as before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from features.matrix import Floats
from features.sheet import Axis, Limits, Rule, Sheet
from features.strict import Strict
from models.points.evaluation import points_of
from models.points.rows import RuleRows

Model = TypeVar("Model", bound=Strict)

SAME: Final = 0.05
"""A threshold stays if the leads above it become more or fewer by less than this share of them."""
LEAST_ROWS: Final = 50
"""A threshold of a service line with fewer snapshots stays."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A sheet, and what became of its thresholds, in a sentence each."""

    sheet: Sheet
    notes: tuple[str, ...]


def rewrite(rows: RuleRows, points: Floats, step: float) -> Rewritten:
    """Give every rule its new points.

    Args:
        rows: by which thresholds are set.
        points: shape (rules,).
        step: thresholds that have to move become multiples of it.
    """
    today = rows.sheet
    rules = [_rule(rule, float(new)) for rule, new in zip(today.rules, points, strict=True)]
    name = f"{today.name.removesuffix(' (refitted)')} (refitted)"
    sheet = _changed(today, name=name, rules=[rule.model_dump(exclude_defaults=True) for rule in rules])
    mover = _Mover(rows, today, sheet, step)
    limits: dict[str, Any] = {
        "mql_at": None if today.mql_at is None else mover.total("an MQL", today.mql_at),
        "mql_at_by_line": {
            line: mover.total(f"an MQL of {line}", at, line) for line, at in today.mql_at_by_line.items()
        },
        "needs": {group: mover.group(group, f"enough {group}", at) for group, at in today.needs.items()},
    }
    if today.grid is not None:
        sides = {side: mover.axis(getattr(today.grid, side)) for side in ("rows", "columns")}
        limits["grid"] = {**today.grid.model_dump(), **sides}
    return Rewritten(_changed(sheet, **limits), tuple(mover.notes))


def _rule(rule: Rule, points: float) -> Rule:
    """A cap on a rule keeps its number of events."""
    most = rule.most
    if most is not None and points:
        most = round(most * abs(points / rule.points), 6) if rule.points else None
    return _changed(rule, points=points, most=most)


def _changed(model: Model, **changes: Any) -> Model:
    """A validated copy."""
    return type(model).model_validate({**model.model_dump(exclude_defaults=True), **changes})


class _Mover:
    """Moves thresholds so that as many leads pass as before; notes what it does."""

    def __init__(self, rows: RuleRows, today: Sheet, sheet: Sheet, step: float) -> None:
        self.rows, self.step, self.notes = rows, step, list[str]()
        self._before, self._after = _sums(rows, today), _sums(rows, sheet)

    def total(self, what: str, at: float, line: str | None = None) -> float:
        """A threshold of the total."""
        inside = np.ones(len(self.rows), dtype=np.bool_) if line is None else self.rows.service_line == line
        if inside.sum() < LEAST_ROWS:
            return at
        weight = self.rows.weight * inside
        return self._moved(what, at, (self._before[None], self._after[None]), weight)

    def group(self, group: str, what: str, at: float) -> float:
        """A threshold of a group."""
        return self._moved(what, at, (self._before[group], self._after[group]), self.rows.weight)

    def axis(self, axis: Axis) -> dict[str, Any]:
        """The limits of one side of a grid; they still fall."""
        moved: dict[str, float] = {}
        for name, at in axis.at.items():
            found = self.group(axis.group, f"{axis.group} {name}", at)
            moved[name] = min([found, *(above - self.step for above in moved.values())])
            if moved[name] < found:
                self.notes[-1] = (
                    f"{axis.group} {name} from {moved[name]:g} points instead of {at:g}: limits fall"
                )
        return {**axis.model_dump(), "at": moved}

    def _moved(self, what: str, at: float, totals: tuple[Floats, Floats], weight: Floats) -> float:
        said = what[0].upper() + what[1:]
        before, stayed = (float(weight @ (total >= at)) / float(weight.sum()) for total in totals)
        if abs(stayed - before) <= SAME * before:
            self.notes.append(
                f"{said} from {at:g} points, as before: {stayed:.1%} of leads, before {before:.1%}"
            )
            return at
        new = _closest(totals[1], weight, before, _multiples(totals[1], self.step))
        passed = float(weight @ (totals[1] >= new)) / float(weight.sum())
        self.notes.append(
            f"{said} from {new:g} points instead of {at:g}, so that as many leads pass: {passed:.1%}, "
            f"before {before:.1%}; from {at:g} it would be {stayed:.1%}"
        )
        return new


def _sums(rows: RuleRows, sheet: Sheet) -> dict[str | None, Floats]:
    """Points of every group, and under ``None`` of all, after their caps."""
    points = rows.times * points_of(sheet)
    names = (*sheet.groups, None)
    by_group: dict[str | None, Floats] = {
        name: _capped(
            points[:, [rule.group == name for rule in sheet.rules]].sum(axis=1),
            Limits() if name is None else sheet.groups[name],
        )
        for name in names
    }
    total = np.sum(list(by_group.values()), axis=0)
    return {**by_group, None: _capped(total, sheet.total)}


def _capped(points: Floats, limits: Limits) -> Floats:
    least = -np.inf if limits.least is None else limits.least
    most = np.inf if limits.most is None else limits.most
    return np.asarray(np.clip(points, least, most))


def _multiples(total: Floats, step: float) -> Floats:
    """Thresholds that tell some leads from others."""
    ends = np.floor(total.min() / step), np.ceil(total.max() / step) + 1
    return np.round(np.arange(ends[0], ends[1] + 1) * step, 6)


def _closest(total: Floats, weight: Floats, share: float, limits: Iterable[float]) -> float:
    """The limit that ``share`` of the weight reaches most nearly; the lowest such."""
    order = np.argsort(total, kind="stable")
    above = np.concatenate([np.cumsum(weight[order][::-1])[::-1], [0.0]]) / weight.sum()
    tried = np.array(list(limits))
    reached = above[np.searchsorted(total[order], tried - 1e-9)]
    return float(tried[np.abs(reached - share).argmin()])

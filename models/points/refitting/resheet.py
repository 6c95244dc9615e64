"""The same sheet with other points: caps grow with them, and thresholds hand over as many leads as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from features.matrix import Floats
from features.sheet import Axis, Limits, Rule, Sheet
from features.sheet_checks import most_points
from features.strict import Strict
from models.points import evaluation
from models.points.evaluation import SheetReader, points_of, reaches
from models.points.readings import Flags
from models.points.rows import RuleRows

Model = TypeVar("Model", bound=Strict)

SAME: Final = 0.05
"""A threshold stays if the leads above it become more or fewer by less than this share of them."""
LEAST_ROWS: Final = 50
"""A threshold that fewer snapshots are judged by stays."""
APART: Final = 0.02
"""Share of the leads by which those handed over may differ from before without a word."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A sheet, and what became of its thresholds, in a sentence each."""

    sheet: Sheet
    notes: tuple[str, ...]


def rewrite(rows: RuleRows, points: Floats, step: float, like: Flags | None = None) -> Rewritten:
    """Give every rule its new points.

    Args:
        rows: by which thresholds are set.
        points: shape (rules,).
        step: thresholds that have to move become multiples of it.
        like: rows that are handed over today, shape (rows,); by ``rows.sheet`` where it is left out.
    """
    today = rows.sheet
    rules = [_rule(rule, float(new)) for rule, new in zip(today.rules, points, strict=True)]
    name = f"{today.name.removesuffix(' (refitted)')} (refitted)"
    room, roomy = _room(today, rules)
    sheet = _changed(
        today, name=name, rules=[rule.model_dump(exclude_defaults=True) for rule in rules], **room
    )
    handed = SheetReader(today).judge(rows.times, rows.service_line).is_mql if like is None else like
    mover = _Mover(rows, sheet, step, handed)
    needs = {group: mover.group(group, f"enough {group}", at) for group, at in today.needs.items()}
    limits: dict[str, Any] = {"needs": needs}
    if today.grid is None:
        limits |= _totals(mover, today, _passes(rows, _changed(sheet, needs=needs)))
    else:
        sides = {side: mover.axis(getattr(today.grid, side)) for side in ("rows", "columns")}
        limits["grid"] = {**today.grid.model_dump(), **sides}
    written, lowered = _within_reach(_changed(sheet, **limits))
    return Rewritten(
        written, (*mover.notes, *roomy, *lowered, *_caps_kept(today, written), *_apart(rows, written, handed))
    )


def _totals(mover: _Mover, today: Sheet, passes: Floats) -> dict[str, Any]:
    """Thresholds of the total; that of all lines is set by those that have none of their own."""
    own = mover.rows.service_line
    common = ~np.isin(own.astype(str), list(today.mql_at_by_line))
    return {
        "mql_at": None if today.mql_at is None else mover.total("an MQL", today.mql_at, passes, common),
        "mql_at_by_line": {
            line: mover.total(f"an MQL of {line}", at, passes, own == line)
            for line, at in today.mql_at_by_line.items()
        },
    }


def _passes(rows: RuleRows, sheet: Sheet) -> Floats:
    """Highest threshold at which each row is handed over: its total, unless a need or a rule decides it alone."""
    total = _sums(rows, sheet)[None]
    never = sheet.model_copy(update={"mql_at": np.inf, "mql_at_by_line": {}})
    always = sheet.model_copy(update={"mql_at": -np.inf, "mql_at_by_line": {}})
    at_once, at_all = (SheetReader(one).judge(rows.times).is_mql for one in (never, always))
    return np.where(at_once, np.inf, np.where(at_all, total, -np.inf))


def _room(today: Sheet, rules: Sequence[Rule]) -> tuple[dict[str, Any], list[str]]:
    """Caps of groups and of the total that a single rule would outgrow are raised to its points, with a note."""
    notes: list[str] = []

    def raised(what: str, limits: Limits, members: Sequence[Rule]) -> dict[str, Any]:
        most = max((rule.points for rule in members), default=0.0)
        if limits.most is None or most <= limits.most:
            return limits.model_dump(exclude_defaults=True)
        notes.append(f"The cap of {what} rises from {limits.most:g} to {most:g} points, which one rule gives")
        return limits.model_dump(exclude_defaults=True) | {"most": most}

    groups = {
        name: raised(f"group {name!r}", limits, [rule for rule in rules if rule.group == name])
        for name, limits in today.groups.items()
    }
    return {"groups": groups, "total": raised("the total", today.total, rules)}, notes


def _within_reach(sheet: Sheet) -> tuple[Sheet, list[str]]:
    """Thresholds that no lead could reach any more are lowered to what the rules give at most."""
    most, of_groups = most_points(sheet)
    lowered = {
        "mql_at": None if sheet.mql_at is None else min(sheet.mql_at, most),
        "mql_at_by_line": {line: min(at, most) for line, at in sheet.mql_at_by_line.items()},
        "needs": {group: min(at, of_groups[group]) for group, at in sheet.needs.items()},
    }
    if all(getattr(sheet, name) == value for name, value in lowered.items()):
        return sheet, []
    return _changed(sheet, **lowered), [
        "Thresholds that no lead could reach any more are lowered to what it can"
    ]


def _caps_kept(today: Sheet, written: Sheet) -> list[str]:
    """Caps of rules that gave nothing cannot grow with their points."""
    return [
        f"{new.name}: capped at {new.most:g} points in all, now that it gives {new.points:g} for each"
        for old, new in zip(today.rules, written.rules, strict=True)
        if new.most is not None and new.points and not old.points
    ]


def _apart(rows: RuleRows, sheet: Sheet, handed: Flags) -> list[str]:
    """Says so if the sheet hands over clearly more or fewer leads than before."""
    new = SheetReader(sheet).judge(rows.times, rows.service_line).is_mql
    now, before = (float(np.average(flags, weights=rows.weight)) for flags in (new, handed))
    if abs(now - before) <= APART:
        return []
    return [f"Handed over in all: {now:.1%} of leads, before {before:.1%}"]


def _rule(rule: Rule, points: float) -> Rule:
    """A cap on a rule keeps its number of events, or its points where the rule gave none."""
    most = rule.most
    if most is not None and points:
        most = round(most * abs(points / rule.points), 6) if rule.points else max(most, abs(points))
    return _changed(rule, points=points, most=most)


def _changed(model: Model, **changes: Any) -> Model:
    """A validated copy."""
    return type(model).model_validate({**model.model_dump(exclude_defaults=True), **changes})


class _Mover:
    """Moves thresholds so that as many leads pass as before; notes what it does."""

    def __init__(self, rows: RuleRows, sheet: Sheet, step: float, handed: Flags) -> None:
        self.rows, self.step, self.notes = rows, step, list[str]()
        self._handed, self._before, self._after = handed, _sums(rows, rows.sheet), _sums(rows, sheet)

    def total(self, what: str, at: float, passes: Floats, inside: Flags) -> float:
        """A threshold of the total. ``passes``: see ``_passes``; ``inside``: rows that it applies to."""
        return self._moved(what, at, (self._handed, passes), inside)

    def group(self, group: str, what: str, at: float) -> float:
        """A threshold of a group."""
        every = np.ones(len(self.rows), dtype=np.bool_)
        return self._moved(what, at, (reaches(self._before[group], at), self._after[group]), every)

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

    def _moved(self, what: str, at: float, sides: tuple[Flags, Floats], inside: Flags) -> float:
        """``sides``: which rows pass today, and points now, each of shape (rows,)."""
        said = what[0].upper() + what[1:]
        if inside.sum() < LEAST_ROWS:
            self.notes.append(f"{said} from {at:g} points, as before: too few snapshots to set it by")
            return at
        passed, points, weight = sides[0][inside], sides[1][inside], self.rows.weight[inside]
        before, stayed = (float(np.average(flags, weights=weight)) for flags in (passed, reaches(points, at)))
        if abs(stayed - before) <= SAME * before:
            self.notes.append(
                f"{said} from {at:g} points, as before: {stayed:.1%} of leads, before {before:.1%}"
            )
            return at
        new, now = _closest(points, weight, before, np.union1d(_multiples(points, self.step), [at]))
        self.notes.append(
            f"{said} stays at {at:g} points, no other threshold is nearer: {now:.1%} of leads, before {before:.1%}"
            if new == at
            else f"{said} from {new:g} points instead of {at:g}, so that as many leads pass, as nearly as steps of "
            f"{self.step:g} allow: {now:.1%}, before {before:.1%}; from {at:g} it would be {stayed:.1%}"
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


def _multiples(points: Floats, step: float) -> Floats:
    """Thresholds that tell some leads from others."""
    told = points[np.isfinite(points)]
    if not len(told):
        return np.empty(0)
    ends = np.floor(told.min() / step), np.ceil(told.max() / step) + 1
    return np.round(np.arange(ends[0], ends[1] + 1) * step, 6)


def _closest(points: Floats, weight: Floats, share: float, tried: Floats) -> tuple[float, float]:
    """The limit that ``share`` of the weight reaches most nearly, the lowest such; and which share does."""
    order = np.argsort(points, kind="stable")
    above = np.concatenate([np.cumsum(weight[order][::-1])[::-1], [0.0]]) / weight.sum()
    reached = above[np.searchsorted(points[order], tried - evaluation.SAME)]
    best = np.abs(reached - share).argmin()
    return float(tried[best]), float(reached[best])

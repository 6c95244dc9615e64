"""Does a sheet fit a history? What it speaks of, how often each rule gives points, and which caps bind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import TooLittleDataError
from features.matrix import Matrix
from features.refusals import Place, Problem
from features.sheet import Limits, Sheet
from models.points.evaluation import NO_GROUP, capped, evaluate, fires, points_of, times
from pipelines.points.known import Known
from pipelines.points.places import PlacedSheet
from pipelines.points.silence import why
from pipelines.reading import HistoryReader
from pipelines.training_set import TrainingSet, training_set


@dataclass(frozen=True, slots=True)
class RuleUse:
    """How often a rule gives points.

    Attributes:
        at: file and line. fired: snapshots, of leads: how many of them. reason: of "never" and "always".
    """

    rule: str
    at: str
    points: float
    group: str | None
    fired: int
    leads: int
    snapshots: int
    reason: str

    @property
    def share(self) -> float:
        """Of the snapshots."""
        return self.fired / self.snapshots

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "share": self.share}


@dataclass(frozen=True, slots=True)
class CapUse:
    """How often a cap changes the points of what it limits.

    Attributes:
        of: "rule", "group" or "total". name: of the rule or group, empty for the total. limit: in words.
    """

    of: str
    name: str
    limit: str
    binds: int
    snapshots: int

    @property
    def share(self) -> float:
        """Of the snapshots."""
        return self.binds / self.snapshots

    def line(self) -> str:
        """For a person."""
        named = f"{self.of} {self.name!r}" if self.name else "the total"
        return f"the cap of {named} ({self.limit}) binds in {_share(self.binds, self.snapshots)}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "share": self.share}


@dataclass(frozen=True, slots=True)
class Checked:
    """A sheet that fits a history, and what is odd about it.

    Attributes:
        source: file of the sheet. snapshots, leads: that it was read for.
        mql: snapshots that it hands over; ``None`` where it does not say who is an MQL.
        warnings: each with file, line and place.
    """

    sheet: str
    source: str
    snapshots: int
    leads: int
    mql: int | None
    rules: tuple[RuleUse, ...]
    caps: tuple[CapUse, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "sheet": self.sheet,
            "source": self.source,
            "snapshots": self.snapshots,
            "leads": self.leads,
            "mql": self.mql,
            "rules": [rule.to_dict() for rule in self.rules],
            "caps": [cap.to_dict() for cap in self.caps],
            "warnings": list(self.warnings),
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.sheet}: {len(self.rules)} rules, {self.snapshots:,} snapshots of {self.leads:,} leads"
        width = max(len(rule.rule) for rule in self.rules)
        for rule in self.rules:
            yield f"  {rule.rule:<{width}} {rule.points:>+7g}  fired for {rule.fired:>9,}  {rule.share:>6.1%}"
        if self.mql is not None:
            yield f"MQL: {_share(self.mql, self.snapshots)}"
        yield from (f"{cap.line()}" for cap in self.caps)
        yield from (f"warning: {warning}" for warning in self.warnings)
        if not self.warnings:
            yield "nothing to warn of"


def check(
    history: Path,
    playbook: Path,
    sheet: Path | None = None,
    *,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Checked:
    """Read a sheet for every snapshot of a history.

    Args:
        history: its folder.
        playbook: its file.
        sheet: file of a sheet to check in place of the playbook's own.
        step: told (buckets done, buckets) as the work goes on.

    Raises:
        DefinitionError: the sheet speaks of what the history does not know, or of what may not be read; one
            line per problem, each with file, line and place.
        TooLittleDataError: the history has no snapshot.
    """
    placed = PlacedSheet.read(playbook, sheet)
    known = Known.of(HistoryReader(history, placed.playbook), placed.sheet)
    placed.refuse(known.problems(placed.sheet, placed.playbook))
    examples = training_set(history, placed.playbook, [], step=step)
    if not len(examples):
        raise TooLittleDataError(
            "there is no snapshot to read a sheet for",
            ["does the playbook's policy of snapshots fit the history?"],
        )
    return checked(placed, examples, [*known.unheard(placed.sheet)])


def checked(placed: PlacedSheet, examples: TrainingSet, unheard: list[Problem]) -> Checked:
    """``check`` on snapshots at hand.

    Args:
        placed: the sheet.
        examples: snapshots with its columns.
        unheard: warnings to begin with.
    """
    sheet = placed.sheet
    found = evaluate(sheet, examples.matrix, examples.service_line)
    rules = tuple(_uses(placed, examples))
    caps = tuple(_caps(sheet, examples.matrix))
    mql = int(found.is_mql.sum()) if sheet.decides else None
    warnings = [*unheard, *_idle(rules), *_all_or_none(mql, len(examples))]
    return Checked(
        sheet=sheet.name,
        source=str(placed.path),
        snapshots=len(examples),
        leads=len(set(examples.lead_id)),
        mql=mql,
        rules=rules,
        caps=caps,
        warnings=tuple(placed.told(warnings)),
    )


def _uses(placed: PlacedSheet, examples: TrainingSet) -> Iterator[RuleUse]:
    fired_by = fires(placed.sheet, examples.matrix)
    for at, rule in enumerate(placed.sheet.rules):
        fired = int(fired_by[:, at].sum())
        line = placed.lines.of((*placed.prefix, "rules", at))
        yield RuleUse(
            rule=rule.name,
            at=f"{placed.path.name}:{line}",
            points=rule.points,
            group=rule.group,
            fired=fired,
            leads=len(set(examples.lead_id[fired_by[:, at]])),
            snapshots=len(examples),
            reason=why(rule, examples.matrix) if fired in (0, len(examples)) else "",
        )


def _idle(rules: tuple[RuleUse, ...]) -> Iterator[Problem]:
    for at, rule in enumerate(rules):
        if rule.reason:
            how = "always" if rule.fired else "never"
            fired = f"{rule.rule!r} {how} fired: for {rule.fired:,} of {rule.snapshots:,} snapshots"
            yield ("rules", at), f"{fired}; {rule.reason}"


def _all_or_none(mql: int | None, snapshots: int) -> Iterator[Problem]:
    if mql in (0, snapshots):
        place: Place = ()
        yield place, f"the sheet makes {'no' if mql == 0 else 'every'} snapshot an MQL"


def _caps(sheet: Sheet, matrix: Matrix) -> Iterator[CapUse]:
    counted = times(sheet, matrix)
    of_rules, points = capped(sheet, counted), points_of(sheet)
    for at, rule in enumerate(sheet.rules):
        if rule.most is not None:
            binds = int((of_rules[:, at] < counted[:, at]).sum())
            yield CapUse("rule", rule.name, f"most {rule.most:g}", binds, len(matrix))
    member = np.array([rule.group or NO_GROUP for rule in sheet.rules])
    total = np.zeros(len(matrix))
    for group, limits in {**sheet.groups, NO_GROUP: Limits()}.items():
        raw = (of_rules * points)[:, member == group].sum(axis=1)
        kept = np.clip(raw, limits.least, limits.most) if limits != Limits() else raw
        total += kept
        if limits != Limits():
            yield CapUse("group", group, _limit(limits), int((kept != raw).sum()), len(matrix))
    if sheet.total != Limits():
        kept = np.clip(total, sheet.total.least, sheet.total.most)
        yield CapUse("total", "", _limit(sheet.total), int((kept != total).sum()), len(matrix))


def _limit(limits: Limits) -> str:
    named = {"least": limits.least, "most": limits.most}
    return ", ".join(f"{name} {limit:g}" for name, limit in named.items() if limit is not None)


def _share(number: int, whole: int) -> str:
    return f"{number:,} of {whole:,} snapshots ({number / whole:.1%})"

"""Rules that change nothing: they give no points and make nobody an MQL."""

from __future__ import annotations

from features.sheet import Rule, Sheet
from pipelines.points.exporting.exported import Unsaid


def working(sheet: Sheet) -> list[Rule]:
    """Rules that give points or qualify."""
    return [rule for rule in sheet.rules if rule.points or rule.qualifies]


def left_out(sheet: Sheet) -> list[Unsaid]:
    """The others, where only those that work are handed over."""
    kept = {rule.name for rule in working(sheet)}
    return [
        Unsaid(rule.name, "it gives 0 points and is left out")
        for rule in sheet.rules
        if rule.name not in kept
    ]

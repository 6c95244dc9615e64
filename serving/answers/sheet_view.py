"""The team's own points for a lead, beside those of the model."""

from __future__ import annotations

from typing import Any

from features.clock import iso
from features.online import Row
from models.points.evaluation import Evaluated
from serving.answers.answer import band_of, chance
from serving.answers.refusals import Unscorable
from serving.answers.sheet import ReadSheet
from serving.answers.view import View
from serving.arms import Arm


def shown(  # noqa: PLR0917 - whom it is about, when, and by which model
    arm: Arm, view: View, row: Row, lead_id: str, service_line: str | None, as_of: int
) -> dict[str, Any]:
    """Total and rules of the sheet; of a rule on something withheld it is not told whether it holds.

    The total leaves such rules out as well, and nothing is said of the cell or of who is an MQL: else they would
    tell.

    Raises:
        Unscorable: there is no sheet.
    """
    if view.sheet is None:
        raise Unscorable("no_sheet")
    sheet, log_odds = view.sheet.sheet, arm.scorer.log_odds(row)
    evaluated = view.sheet.evaluated(row, service_line)
    again = None if view.refitted is None else view.refitted.evaluated(row, service_line)
    return {
        "lead_id": lead_id,
        "as_of": iso(as_of),
        "sheet": sheet.name,
        **_verdict(view.sheet, evaluated, service_line),
        "cell": str(evaluated.cell[0]) if view.sheet.complete and sheet.grid else None,
        "complete": view.sheet.complete,
        "rules": _rules(view.sheet, evaluated, again),
        "refitted": None
        if view.refitted is None or again is None
        else _verdict(view.refitted, again, service_line),
        "model_points": float(arm.bundle.scale.points(log_odds)),
        "band": band_of(arm.bundle.bands.limits, chance(log_odds)),
        "bundle": arm.fingerprint,
    }


def _verdict(read: ReadSheet, evaluated: Evaluated, service_line: str | None) -> dict[str, Any]:
    sheet = read.sheet
    return {
        "total": float(evaluated.total[0]),
        "mql_at": sheet.mql_at_by_line.get(service_line or "", sheet.mql_at),
        "is_mql": bool(evaluated.is_mql[0]) if read.complete and sheet.decides else None,
    }


def _rules(read: ReadSheet, evaluated: Evaluated, again: Evaluated | None) -> list[dict[str, Any]]:
    points, times = evaluated.by_rule[0].tolist(), evaluated.times[0].tolist()
    refitted = [None] * len(points) if again is None else again.by_rule[0].tolist()
    rules = zip(read.sheet.rules, points, refitted, times, read.withheld, strict=True)
    return [
        {
            "name": rule.name,
            "on_sheet": rule.points,
            "points": None if hidden else gives,
            "refitted": None if hidden else learned,
            "fired": None if hidden else counted > 0.0,
        }
        for rule, gives, learned, counted, hidden in rules
    ]

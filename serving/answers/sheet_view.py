"""The team's own points for a lead, beside those of the model."""

from __future__ import annotations

from typing import Any

from features.clock import iso
from features.online import Row
from serving.answers.answer import band_of, chance
from serving.answers.refusals import Unscorable
from serving.answers.view import View
from serving.arms import Arm


def shown(arm: Arm, view: View, row: Row, lead_id: str, as_of: int) -> dict[str, Any]:
    """Total and rules of the sheet; of a rule on something withheld it is not told whether it holds.

    The total leaves such rules out as well: else it would tell.

    Raises:
        Unscorable: there is no sheet.
    """
    sheet = arm.bundle.playbook.sheet
    if sheet is None:
        raise Unscorable("no_sheet")
    log_odds = arm.scorer.log_odds(row)
    fired = [None if rule.withheld else rule.holds(row) for rule in view.rules]
    complete = not any(rule.withheld for rule in view.rules)
    total = sum(rule.points for rule, holds in zip(view.rules, fired, strict=True) if holds)
    return {
        "lead_id": lead_id,
        "as_of": iso(as_of),
        "sheet": sheet.name,
        "total": float(total),
        "mql_at": sheet.mql_at,
        "complete": complete,
        "is_mql": bool(total >= sheet.mql_at) if complete and sheet.mql_at is not None else None,
        "rules": [
            {"name": rule.name, "points": rule.points, "fired": holds}
            for rule, holds in zip(view.rules, fired, strict=True)
        ],
        "model_points": float(arm.bundle.scale.points(log_odds)),
        "band": band_of(arm.bundle.bands.limits, chance(log_odds)),
        "bundle": arm.fingerprint,
    }

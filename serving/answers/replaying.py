"""An answer of the past, computed again from what was stored with it."""

from __future__ import annotations

from typing import Any

import orjson

from features.clock import iso
from serving.answers.reasons import Case, by_feature
from serving.answers.stored import row_of
from serving.answers.view import View
from serving.arms import Arm
from serving.store.predictions import Prediction


def replay(kept: Prediction, arm: Arm | None, view: View | None) -> dict[str, Any]:
    """The answer as it was sent, and what its stored values give now.

    Args:
        kept: the record.
        arm: the model that gave the answer; ``None`` where nothing was scored.
        view: of the arm, where reasons by feature are wanted.
    """
    shown: dict[str, Any] = {
        "prediction_id": kept.prediction_id,
        "made_at": iso(kept.made_at),
        "origin": kept.origin,
        "role": kept.role,
        "answer": orjson.loads(kept.answer),
        "replay": None,
    }
    if arm is None or kept.log_odds is None:
        return shown
    row = row_of(kept.values, kept.words)
    told = arm.scorer.score(row)
    shown["replay"] = {
        "equal": told.log_odds == kept.log_odds,
        "log_odds": told.log_odds,
        "difference": told.log_odds - kept.log_odds,
    }
    if view is not None:
        case = Case(view, told, row, arm.bundle.scale, arm.bundle.peers.of(kept.service_line))
        shown["by_feature"] = by_feature(case, arm.scorer.unseen(row))
    return shown

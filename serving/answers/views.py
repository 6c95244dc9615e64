"""How each model at hand is to be talked about, for a row just read or for one that was stored."""

from __future__ import annotations

from typing import Final

import orjson

from features.online import Row
from serving.answers.known import Known
from serving.answers.silence import decided, doubtful
from serving.answers.view import View
from serving.arms import Arm
from serving.store.predictions import Prediction

MOST_VIEWS: Final = 64


class Views:
    """Thread-safe. Views are worked out once per model and set of columns that are not told."""

    def __init__(self) -> None:
        self._views: dict[tuple[str, frozenset[int]], View] = {}

    def of(self, arm: Arm, known: Known, row: Row, as_of: int) -> View:
        """The view for a row, which does not tell what withheld rows decide."""
        told = known.bound_told(arm)
        silent = frozenset() if told is None else decided(row, arm.features.row(told, as_of))
        return self._view(arm, silent)

    def again(self, arm: Arm, kept: Prediction) -> View:
        """The view for stored values. What could tell of withheld rows is told where the answer told it."""
        features = arm.scorer.features
        could = doubtful(features, arm.bundle.playbook)
        if could:
            said = (orjson.loads(kept.answer).get("reasons") or {}).get("by_feature") or ()
            told = {one["feature"] for one in said}
            could = frozenset(at for at in could if features[at].name not in told)
        return self._view(arm, could)

    def _view(self, arm: Arm, silent: frozenset[int]) -> View:
        found = self._views.get((arm.fingerprint, silent))
        if found is None:
            found = View(arm, silent)
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            self._views[arm.fingerprint, silent] = found
        return found

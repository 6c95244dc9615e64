"""A challenger in the shadow: it scores beside the champion and answers nobody, to be compared later."""

from __future__ import annotations

from serving.answers.answer import Asked
from serving.answers.known import Known
from serving.answers.records import shadow_of
from serving.answers.stored import prediction_id
from serving.arms import Arm
from serving.live import LiveModels
from serving.logs import log
from serving.store.predictions import Prediction


def shadow(models: LiveModels) -> Arm | None:
    """The challenger, unless a pilot lets it answer."""
    return models.challenger if models.champion.bundle.playbook.pilot is None else None


class Shadows:
    """What challengers say beside; whatever is wrong with one of them is no concern of the answer."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def record(self, asked: Asked, arm: Arm, known: Known) -> Prediction | None:
        """The record of what ``arm`` says; ``None`` where it fails, which is logged once and not each time."""
        try:
            row = arm.features.row(known.bound(arm), asked.as_of)
            said = shadow_of(asked, arm, row, prediction_id(asked.made_at))
        except Exception:  # noqa: BLE001 - it is on trial, whatever is wrong with it
            if arm.fingerprint not in self._failing:
                self._failing.add(arm.fingerprint)
                log().exception("a challenger in the shadow could not score", bundle=arm.fingerprint)
            return None
        self._failing.discard(arm.fingerprint)
        return said

"""An answer with what has to be written down before it may be sent."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from serving.answers.answer import Answer, Asked, not_scored
from serving.answers.records import no_record
from serving.answers.stored import prediction_id
from serving.arms import Arm
from serving.store.predictions import Prediction


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer that may be sent once ``records`` are on the disk.

    Attributes:
        body: the answer as JSON.
        records: what ``store.predictions.record`` has to write: the answer, and that of a shadow challenger.
        alert_points: from this change of points on the CRM is told (the playbook's).
        shadow_failed: a challenger in the shadow could not score, so there is no record of it.
    """

    body: bytes
    records: tuple[Prediction, ...]
    answer: Answer
    alert_points: float
    shadow_failed: bool = False


def refrain(asked: Asked, champion: Arm) -> Prepared:
    """Say that nothing was computed, and keep a record of having said so."""
    answer = not_scored(asked, prediction_id(asked.made_at))
    body = orjson.dumps(answer)
    record = no_record(asked, champion, (answer["prediction_id"], body))
    return Prepared(body, (record,), answer, champion.bundle.playbook.alerts.points)

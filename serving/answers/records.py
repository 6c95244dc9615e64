"""What is kept of an answer: enough to compute it again to the bit."""

from __future__ import annotations

from dataclasses import replace

import orjson

from features.online import Row
from serving.answers.answer import Asked, Outcome, band_of, chance
from serving.answers.stored import values_of, words_of
from serving.arms import Arm
from serving.store.predictions import Prediction

Sent = tuple[str, bytes]
"""Id and body of an answer."""


def no_record(asked: Asked, arm: Arm, sent: Sent) -> Prediction:
    """The record of having said that nothing is computed: there are no values and no numbers."""
    return Prediction(
        prediction_id=sent[0],
        tenant=asked.tenant,
        lead_id=asked.lead_id,
        as_of=asked.as_of,
        made_at=asked.made_at,
        bundle=arm.fingerprint,
        role=arm.role,
        arm=arm.role,
        origin=asked.origin,
        log_odds=None,
        probability=None,
        points=None,
        band=None,
        service_line=asked.service_line,
        revision=asked.revision,
        previous=None,
        values=b"",
        words="{}",
        answer=sent[1],
    )


def record_of(asked: Asked, arm: Arm, result: Outcome, sent: Sent) -> Prediction:
    """The record of an answer that is sent."""
    return replace(
        no_record(asked, arm, sent),
        log_odds=result.log_odds,
        probability=result.probability,
        points=result.points,
        band=result.band,
        previous=None if asked.last is None else asked.last.prediction_id,
        values=values_of(result.row),
        words=words_of(result.row),
        of_the_past=asked.as_of < asked.made_at,
    )


def shadow_of(asked: Asked, arm: Arm, row: Row, prediction_id: str) -> Prediction:
    """The record of what a challenger would have said; nobody is told."""
    log_odds = arm.scorer.log_odds(row)
    probability, points = chance(log_odds), float(arm.bundle.scale.points(log_odds))
    band = band_of(arm.bundle.bands.limits, probability)
    said = {"log_odds": log_odds, "probability": probability, "points": points, "band": band}
    return replace(
        no_record(asked, arm, (prediction_id, orjson.dumps(said))),
        role="shadow",
        log_odds=log_odds,
        probability=probability,
        points=points,
        band=band,
        values=values_of(row),
        words=words_of(row),
    )

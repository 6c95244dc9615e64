"""What the CRM is told about a change of score."""

from __future__ import annotations

from typing import Any, Literal

import orjson

from features.clock import iso
from serving.store.outbox import Delivery

TYPE = "score.changed"

Reason = Literal["first_score", "band_crossed", "points_changed"]


def message(delivery: Delivery) -> bytes:
    """The body: the same for every try of a delivery.

    A receiver keeps, of each lead, the message with the newest ``made_at``; a repeat changes nothing then.
    """
    told: dict[str, Any] = {
        "type": TYPE,
        "delivery_id": str(delivery.id),
        "reason": _reason(delivery),
        "tenant": delivery.tenant,
        "lead_id": delivery.lead_id,
        "prediction_id": delivery.prediction_id,
        "as_of": iso(delivery.as_of),
        "made_at": iso(delivery.made_at),
        "probability": delivery.probability,
        "points": delivery.points,
        "band": delivery.band,
        "previous": _previous(delivery),
        "bundle": delivery.bundle,
    }
    return orjson.dumps(told)


def _previous(delivery: Delivery) -> dict[str, Any] | None:
    """What the receiver was told before; ``None`` where this is the first."""
    if delivery.previous_band is None:
        return None
    return {"band": delivery.previous_band, "points": delivery.previous_points}


def _reason(delivery: Delivery) -> Reason:
    if delivery.previous_band is None:
        return "first_score"
    return "band_crossed" if delivery.previous_band != delivery.band else "points_changed"

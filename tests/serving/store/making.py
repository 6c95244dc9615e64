"""Rows for tests of the store."""

from __future__ import annotations

from typing import Any

from serving.store.predictions import Prediction

TENANT = "acme-tenant"


def prediction(number: int, lead_id: str = "L1", **changes: Any) -> Prediction:
    """The ``number``-th answer: made, and asked about, at that moment."""
    values: dict[str, Any] = {
        "prediction_id": f"{number:032d}",
        "tenant": TENANT,
        "lead_id": lead_id,
        "as_of": number,
        "made_at": number,
        "bundle": "b" * 64,
        "role": "champion",
        "arm": "champion",
        "origin": "lead",
        "log_odds": -1.5,
        "probability": 0.18,
        "points": 60.0,
        "band": "B",
        "service_line": "loans",
        "revision": 3,
        "previous": None,
        "values": b"\0\1\2\3",
        "words": '{"1": "retail"}',
        "answer": b'{"scored": true}',
    }
    return Prediction(**values | changes)

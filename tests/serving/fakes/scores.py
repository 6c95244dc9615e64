"""Scores as a service would record them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from features.clock import SECOND
from serving.answers.stored import prediction_id
from serving.store import predictions
from serving.store.engine import Store
from serving.store.predictions import Prediction
from serving.store.writer import Writer

TENANT = "acme"


@dataclass(frozen=True, slots=True)
class Kept:
    """A store and what writes to it."""

    store: Store
    writer: Writer

    def score(self, lead_id: str, points: float, at: int, *, alert_points: float | None = 10.0) -> Prediction:
        """Record that a lead has so many points at ``at``."""
        made = prediction(lead_id, points, at)
        work = self.writer.submit(
            lambda connection: predictions.record(connection, [made], alert_points=alert_points)
        )
        work.result(10)
        return made


def prediction(lead_id: str, points: float, at: int) -> Prediction:
    return Prediction(
        prediction_id=prediction_id(at),
        tenant=TENANT,
        lead_id=lead_id,
        as_of=at,
        made_at=at + SECOND,
        bundle="ab" * 32,
        role="champion",
        arm="champion",
        origin="lead",
        log_odds=points / 20 - 3,
        probability=points / 100,
        points=points,
        band="A" if points >= 75 else "B",
        service_line=None,
        revision=1,
        previous=None,
        values=b"",
        words="{}",
        answer=b"{}",
    )


@contextmanager
def kept(url: str) -> Iterator[Kept]:
    store = Store.open(url, readers=2)
    writer = Writer(store)
    try:
        yield Kept(store, writer)
    finally:
        writer.close()
        store.close()

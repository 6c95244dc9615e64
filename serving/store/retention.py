"""Rows that are older than they need to be."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Table, delete, select

from features.clock import DAY
from serving.store import idempotency
from serving.store.tables import FEEDBACK, LATEST_SCORES, OUTBOX, PREDICTIONS

LEAST_DAYS: Final = 180
"""Answers are kept at least half a year, so that they can be explained and checked."""

AT_ONCE: Final = 2_000
"""Rows of a table deleted in one transaction; others want to write too."""

BY_AGE: Final[tuple[tuple[Column[str] | Column[int], Column[int]], ...]] = (
    (OUTBOX.c.id, OUTBOX.c.created_at),
    (FEEDBACK.c.feedback_id, FEEDBACK.c.at),
    (PREDICTIONS.c.prediction_id, PREDICTIONS.c.made_at),
)


def purge(connection: Connection, now: int, retention_days: int) -> int:
    """Delete what is past its time: answers, deliveries, feedback, and answers that are repeated no more.

    Returns how many rows went; call again, in another transaction, until it says 0. Evidence stays: it is the
    CRM's to say when a lead is forgotten.
    """
    before = now - max(retention_days, LEAST_DAYS) * DAY
    gone = idempotency.purge(connection, now)
    gone += connection.execute(delete(LATEST_SCORES).where(LATEST_SCORES.c.made_at < before)).rowcount
    for key, at in BY_AGE:
        table = key.table
        assert isinstance(table, Table)  # noqa: S101 - for the type checker
        oldest = select(key).where(at < before).order_by(at).limit(AT_ONCE)
        gone += connection.execute(delete(table).where(key.in_(oldest))).rowcount
    return gone

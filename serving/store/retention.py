"""Rows that are older than they need to be."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Table, delete, select, tuple_

from features.clock import DAY
from serving.store import idempotency
from serving.store.tables import FEEDBACK, LATEST_SCORES, OUTBOX, PREDICTIONS

LEAST_DAYS: Final = 180
"""Answers are kept at least half a year, so that they can be explained and checked."""

AT_ONCE: Final = 2_000
"""Rows of a table deleted in one transaction; others want to write too."""

BY_AGE: Final[tuple[Column[int], ...]] = (
    LATEST_SCORES.c.made_at,
    OUTBOX.c.created_at,
    FEEDBACK.c.at,
    PREDICTIONS.c.made_at,
)
"""By their moment rows are told to be old; none refers to a table before it."""


def purge(connection: Connection, now: int, retention_days: int, at_once: int = AT_ONCE) -> int:
    """Delete what is past its time: answers, deliveries, feedback, and answers that are repeated no more.

    Returns how many rows went; call again, in another transaction, until it says 0. Evidence stays: it is the
    CRM's to say when a lead is forgotten.
    """
    before = now - max(retention_days, LEAST_DAYS) * DAY
    gone = idempotency.purge(connection, now, at_once)
    for at in BY_AGE:
        table = at.table
        assert isinstance(table, Table)  # noqa: S101 - for the type checker
        keys = tuple(table.primary_key)
        oldest = select(*keys).where(at < before).order_by(at).limit(at_once)
        gone += connection.execute(delete(table).where(tuple_(*keys).in_(oldest))).rowcount
    return gone

"""Whether a worker is needed."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select

from serving.jobs.desk import LEASE
from serving.jobs.states import WAITING
from serving.store.tables import JOBS, LEASES


def is_needed(connection: Connection, now: int) -> bool:
    """Whether a job waits and nobody is at work."""
    at_work = exists().where(LEASES.c.name == LEASE, LEASES.c.until > now)
    waits = exists().where(JOBS.c.state.in_(WAITING))
    return bool(connection.execute(select(waits & ~at_work)).scalar())

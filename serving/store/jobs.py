"""The rows of bulk jobs. What the states mean, and what ``orders`` and ``progress`` say, is ``serving.jobs``'s."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from serving.store.tables import JOBS


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        orders: JSON of what was asked for. progress: JSON of how far it has come.
        held_until, holder: which worker does it, and until when it may be thought alive.
    """

    job_id: str
    tenant: str
    key_id: str
    state: str
    orders: str
    progress: str
    created_at: int
    updated_at: int
    held_until: int = 0
    holder: str | None = None


_FIELDS: Final = tuple(Job.__dataclass_fields__)
_COLUMNS: Final = [JOBS.c[name] for name in _FIELDS]


def create(connection: Connection, job: Job) -> None:
    """Keep a new job."""
    connection.execute(insert(JOBS), {name: getattr(job, name) for name in _FIELDS})


def get(connection: Connection, tenant: str, job_id: str) -> Job | None:
    """A job of this tenant."""
    row = connection.execute(
        select(*_COLUMNS).where(JOBS.c.tenant == tenant, JOBS.c.job_id == job_id)
    ).first()
    return None if row is None else Job(*row)


def list_of(connection: Connection, tenant: str, limit: int = 100) -> list[Job]:
    """The newest jobs of a tenant first."""
    query = select(*_COLUMNS).where(JOBS.c.tenant == tenant)
    newest = query.order_by(JOBS.c.created_at.desc(), JOBS.c.job_id.desc()).limit(limit)
    return [Job(*row) for row in connection.execute(newest)]


def all_of(connection: Connection, tenant: str) -> list[Job]:
    """All jobs of a tenant, in no order."""
    return [Job(*row) for row in connection.execute(select(*_COLUMNS).where(JOBS.c.tenant == tenant))]


def count(connection: Connection, tenant: str, states: Collection[str]) -> int:
    """How many jobs of a tenant are in one of the states."""
    query = select(func.count()).where(JOBS.c.tenant == tenant, JOBS.c.state.in_(states))
    return connection.execute(query).scalar_one()


def move(
    connection: Connection,
    job_id: str,
    before: Collection[str],
    state: str,
    now: int,
    *,
    progress: str | None = None,
) -> bool:
    """Put a job into a state, if it is in one of those ``before``; whether it was."""
    values: dict[str, str | int | None] = {"state": state, "updated_at": now}
    if progress is not None:
        values["progress"] = progress
    where = (JOBS.c.job_id == job_id, JOBS.c.state.in_(before))
    return connection.execute(update(JOBS).where(*where).values(values)).rowcount > 0


def take(connection: Connection, states: Collection[str], holder: str, now: int, until: int) -> Job | None:
    """Take the oldest job in one of the states that no living worker holds, and hold it until ``until``."""
    free = or_(JOBS.c.holder.is_(None), JOBS.c.held_until <= now)
    query = select(JOBS.c.job_id).where(JOBS.c.state.in_(states), free)
    job_id = connection.execute(query.order_by(JOBS.c.created_at, JOBS.c.job_id).limit(1)).scalar()
    if job_id is None:
        return None
    taken = update(JOBS).where(JOBS.c.job_id == job_id).values(holder=holder, held_until=until)
    return Job(*connection.execute(taken.returning(*_COLUMNS)).one())


def save(  # noqa: PLR0917 - a step of a job
    connection: Connection, job_id: str, holder: str, progress: str, now: int, until: int
) -> bool:
    """Note how far it has come and hold it longer; False where it is another worker's by now."""
    where = (JOBS.c.job_id == job_id, JOBS.c.holder == holder)
    values = {"progress": progress, "updated_at": now, "held_until": until}
    return connection.execute(update(JOBS).where(*where).values(values)).rowcount > 0


def let_go(connection: Connection, job_id: str, holder: str) -> None:
    """Let another worker take it."""
    where = (JOBS.c.job_id == job_id, JOBS.c.holder == holder)
    connection.execute(update(JOBS).where(*where).values(holder=None, held_until=0))


def drop(connection: Connection, job_id: str) -> None:
    """Forget a job; its files are the caller's."""
    connection.execute(delete(JOBS).where(JOBS.c.job_id == job_id))


def unchanged_since(connection: Connection, states: Collection[str], moment: int) -> list[Job]:
    """Jobs in one of the states of which nothing was heard since ``moment``."""
    query = select(*_COLUMNS).where(JOBS.c.state.in_(states), JOBS.c.updated_at < moment)
    oldest = query.order_by(JOBS.c.updated_at, JOBS.c.created_at, JOBS.c.job_id)
    return [Job(*row) for row in connection.execute(oldest)]

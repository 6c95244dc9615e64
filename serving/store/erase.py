"""Forget a person: every row, every line of a job's files, every byte of the database's own leavings.

What stays is a keyed hash of the id, so that a CRM which delivers the lead once more is refused, and a line of
the audit log. Not reached, and the operator's to do: backups, the CRM, logs of PostgreSQL's own replication.
In PostgreSQL rows are deleted and vacuumed, so their space is used again, but the server does not overwrite
it at once. In SQLite deleted bytes are zeroed, the file is written anew and the log behind it cut; that blocks
other writers for as long as a copy of the file takes.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from features.errors import LeadlightError
from serving.jobs.files import JobFiles
from serving.jobs.progress import Order, Progress
from serving.jobs.publishing import publish_all
from serving.jobs.states import OVER
from serving.store import audit, idempotency, job_files, jobs, leads
from serving.store.engine import Store
from serving.store.errors import StoreUnavailable
from serving.store.jobs import Job
from serving.store.meta import keyed_hash
from serving.store.tables import (
    ATTRIBUTES,
    EVENTS,
    FEEDBACK,
    FORGOTTEN,
    JOBS,
    LATEST_SCORES,
    LEADS,
    METADATA,
    OBJECTIONS,
    OUTBOX,
    PREDICTIONS,
    STAGES,
)

ABOUT_A_LEAD: Final = (OUTBOX, LATEST_SCORES, PREDICTIONS, FEEDBACK, OBJECTIONS, EVENTS, STAGES, LEADS)
"""Tables whose rows name their lead in ``lead_id``; a test compares with all tables."""

CHECKPOINT_SECONDS: Final = 30.0
"""How long readers that still look at old pages are waited for."""


class JobsHoldLead(LeadlightError):  # noqa: N818 - it is what it says
    """Jobs that are not over hold the lead in their files; everything else was erased."""


def forget(
    store: Store, tenant: str, lead_id: str, data: Path, *, now: int, actor: str = "command line"
) -> None:
    """Erase a lead. May be called again, for a lead that is gone already too.

    Args:
        store: the database.
        tenant: whose lead.
        lead_id: which; it need not be known.
        data: the folder of the service's files (``Settings.data``).
        now: the moment.
        actor: who asked.

    Raises:
        JobsHoldLead: naming the jobs that have to end first.
        StoreUnavailable: the database could not be reached or compacted; call again.
    """
    with store.writing() as connection:
        _forget_rows(connection, tenant, lead_id, now, actor)
    running = _forget_files(store, tenant, lead_id, data / "jobs")
    compact(store)
    if running:
        raise JobsHoldLead(
            "the lead is erased but for files of jobs that are not over",
            [*(f"job {job}" for job in running), "abort them or let them end, then forget the lead again"],
        )


def _forget_rows(connection: Connection, tenant: str, lead_id: str, now: int, actor: str) -> None:
    known = leads.load(connection, tenant, [lead_id]).get(lead_id)
    for table in ABOUT_A_LEAD:
        connection.execute(delete(table).where(table.c.tenant == tenant, table.c.lead_id == lead_id))
    of_lead = (
        ATTRIBUTES.c.tenant == tenant,
        ATTRIBUTES.c.entity == "lead",
        ATTRIBUTES.c.entity_id == lead_id,
    )
    connection.execute(delete(ATTRIBUTES).where(*of_lead))
    idempotency.forget(connection, tenant, lead_id)
    if not leads.forgotten_among(connection, tenant, [lead_id]):
        values = {"tenant": tenant, "lead_hash": keyed_hash(connection, tenant, lead_id), "at": now}
        connection.execute(insert(FORGOTTEN), values)
    if known is not None:  # its colleagues do not see it any more
        leads.stamp(connection, tenant, leads.next_revision(connection, tenant), (), [known.account_id])
    audit.add(connection, tenant, now, actor, "forgotten", lead_id)


def _forget_files(store: Store, tenant: str, lead_id: str, folder: Path) -> list[str]:
    """Rewrite the files of the tenant's jobs without the lead; the ids of jobs that are not over and hold it."""
    with store.reading() as connection:
        theirs = set(connection.execute(select(JOBS.c.job_id).where(JOBS.c.tenant != tenant)).scalars())
        ours = {job.job_id: job for job in jobs.all_of(connection, tenant)}
    holding = []
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if place.name in theirs or not place.is_dir():
            continue
        job = ours.get(place.name)
        if job is None or job.state in OVER:
            if job is not None:
                _publish(job, place)
            job_files.forget(place, lead_id)
        elif job_files.holds(place, lead_id):
            holding.append(place.name)
    return holding


def _publish(job: Job, place: Path) -> None:
    """Make the files of results first: how far a job came is kept in bytes of files that are rewritten next."""
    order = Order.from_json(job.orders)
    publish_all(JobFiles(place, order.content), order, Progress.from_json(job.progress))


def compact(store: Store) -> None:
    """Leave nothing of deleted rows in the files of the database, as far as the database can.

    Raises:
        StoreUnavailable: somebody kept reading or writing for too long.
    """
    with store.upkeep() as driver:
        if not store.is_sqlite:
            for table in METADATA.sorted_tables:
                driver.execute(f'VACUUM "{table.name}"')
            return
        _truncate_log(driver)
        driver.execute("VACUUM")
        _truncate_log(driver)


def _truncate_log(driver: sqlite3.Connection) -> None:
    until = time.monotonic() + CHECKPOINT_SECONDS
    while True:
        busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            return
        if time.monotonic() > until:
            raise StoreUnavailable(
                "the rows are gone, but somebody still reads old pages of the database",
                ["forget the lead again"],
            )
        time.sleep(0.05)

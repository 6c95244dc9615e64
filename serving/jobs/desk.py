"""What a worker asks of the store: its lease, the next job, and to keep what was done.

A worker that was taken for dead may wake up after another took its job over. So whatever it keeps is kept only
if the job is still where this worker left it; otherwise nothing is written and it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy import Connection

from features.clock import SECOND
from features.errors import LeadlightError
from serving.clock import Clock
from serving.jobs.progress import Progress
from serving.jobs.states import WAITING, State
from serving.store import jobs, leases, predictions
from serving.store.engine import Store
from serving.store.jobs import Job
from serving.store.predictions import Prediction
from serving.store.writer import Writer

T = TypeVar("T")
Record = tuple[float | None, list[Prediction]]
"""Predictions, and the change of points from which the CRM is told; ``None`` where nobody listens."""

LEASE: Final = "jobs"
LEASE_SECONDS: Final = 30
PATIENCE: Final = 30.0
"""Seconds that a worker waits for its own writer; longer than any lock lasts."""


class NotOursError(LeadlightError):
    """The job was aborted, or another worker has it."""


class Desk:
    """One worker's side of the store. Thread-safe."""

    def __init__(self, store: Store, writer: Writer, clock: Clock, holder: str) -> None:
        self._store, self._writer, self._clock, self._holder = store, writer, clock, holder

    def hold(self) -> bool:
        """Become, or stay, the only worker for a while; False if another is."""
        now = self._clock.now()
        until = now + LEASE_SECONDS * SECOND
        return self._do(lambda connection: leases.hold(connection, LEASE, self._holder, now, until))

    def let_go(self) -> None:
        """Let another worker begin."""
        self._do(lambda connection: leases.let_go(connection, LEASE, self._holder))

    def next(self) -> Job | None:
        """The job to work at: of those that were begun or wait, the oldest."""
        now = self._clock.now()
        # Held until now, no longer: that only one works is the lease's business.
        return self._do(lambda connection: jobs.take(connection, WAITING, self._holder, now, now))

    def state_of(self, job: Job) -> str | None:
        """The state that a job is in by now; ``None`` where it was deleted."""
        with self._store.reading() as connection:
            current = jobs.get(connection, job.tenant, job.job_id)
        return None if current is None else current.state

    def keep(self, job: Job, progress: Progress, state: State, records: Sequence[Record] = ()) -> Job:
        """Keep progress, and in the same transaction the answers that belong to it.

        Args:
            job: as it was when this worker last saw it.
            progress: how far it is now.
            state: that it is in now.
            records: the answers.

        Returns:
            The job as it is now.

        Raises:
            NotOursError: it was aborted or taken over; nothing was written.
            LeadForgotten: one of the leads was erased meanwhile; nothing was written.
        """
        now = self._clock.now()
        after = replace(job, state=state, progress=progress.to_json(), updated_at=now)

        def work(connection: Connection) -> None:
            self._check(connection, job, now)
            for alert_points, some in records:
                predictions.record(connection, some, alert_points=alert_points)
            jobs.move(connection, job.job_id, (job.state,), state, now, progress=after.progress)

        self._do(work)
        return after

    def _check(self, connection: Connection, job: Job, now: int) -> None:
        if not leases.hold(connection, LEASE, self._holder, now, now + LEASE_SECONDS * SECOND):
            raise NotOursError("another worker holds the lease")
        current = jobs.get(connection, job.tenant, job.job_id)
        left = (job.state, job.progress, self._holder)
        if current is None or (current.state, current.progress, current.holder) != left:
            raise NotOursError("the job is not where this worker left it")

    def _do(self, work: Callable[[Connection], T]) -> T:
        return self._writer.submit(work).result(PATIENCE)

"""How much of a service's disk the bulk jobs of one tenant may take."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from serving.codes import Code
from serving.jobs.progress import Progress
from serving.jobs.states import UNDER_WAY
from serving.problems import ProblemError
from serving.store import jobs

MOST_JOBS: Final = 10
"""Jobs of a tenant that are not over."""
MOST_KEPT: Final = 2 << 30
"""Bytes of all uploads of a tenant; those of jobs that are over are kept until they are deleted, or for a week."""
LATER: Final = {"Retry-After": "60"}

TOO_MANY: Final = f"{MOST_JOBS} jobs are not over yet."
TOO_MUCH: Final = f"The uploads of all jobs together hold at most {MOST_KEPT >> 20} MiB."


def for_a_job(connection: Connection, tenant: str) -> None:
    """See that one job more may be opened, in the transaction that opens it.

    Raises:
        ProblemError: too many are not over.
    """
    if jobs.count(connection, tenant, UNDER_WAY) >= MOST_JOBS:
        raise ProblemError(Code.TOO_MANY_JOBS, TOO_MANY, headers=LATER)


def for_bytes(connection: Connection, tenant: str, more: int) -> None:
    """See that an upload may count, in the transaction that has it count.

    Raises:
        ProblemError: together with the others it is too much.
    """
    kept = sum(Progress.from_json(job.progress).uploaded for job in jobs.all_of(connection, tenant))
    if kept + more > MOST_KEPT:
        raise ProblemError(Code.TOO_MANY_JOBS, TOO_MUCH, headers=LATER)

"""Asking for a bulk job, and what is told about one."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from features.clock import iso
from serving.jobs.progress import Content, Order, Progress, Reasons
from serving.jobs.states import State
from serving.schemas.words import Closed, Instant
from serving.store.jobs import Job


class JobIn(Closed):
    """A job to be opened."""

    kind: Literal["score"] = "score"
    content_type: Content = Field(
        description="csv: a header with lead_id and perhaps as_of; ndjson: a lead as in POST /v1/score, "
        "or just a lead_id, in each line. Results have the same form."
    )
    reasons: Reasons = Field("none", description="Reasons by signal in the results; slower.")
    as_of: Instant | None = Field(
        None, description="For rows that name none; the moment the work begins where left out."
    )


class JobChange(Closed):
    """What a client may do with a job."""

    state: Literal["UploadComplete", "Aborted"]


class JobShown(BaseModel):
    """A job and how far it has come."""

    model_config = ConfigDict(extra="forbid")

    job_id: str
    state: State
    kind: Literal["score"]
    content_type: Content
    reasons: Reasons
    as_of: str | None
    created_at: str
    updated_at: str
    uploaded_bytes: int
    processed_bytes: int = Field(description="Of the upload; how far the work has come.")
    rows: int = Field(description="Rows done.")
    successful: int
    failed: int
    bundles: dict[str, str] = Field(description="The models that the job began with, by role.")
    code: str | None = Field(description="Why it failed.")
    problem: str | None


class JobList(BaseModel):
    """The newest first."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[JobShown]


def shown(job: Job) -> JobShown:
    """A job as it is told."""
    order, progress = Order.from_json(job.orders), Progress.from_json(job.progress)
    return JobShown(
        job_id=job.job_id,
        state=cast("State", job.state),
        kind=order.kind,
        content_type=order.content,
        reasons=order.reasons,
        as_of=None if order.as_of is None else iso(order.as_of),
        created_at=iso(job.created_at),
        updated_at=iso(job.updated_at),
        uploaded_bytes=progress.uploaded,
        processed_bytes=progress.position,
        rows=progress.rows,
        successful=progress.successful,
        failed=progress.failed,
        bundles=progress.bundles,
        code=progress.code or None,
        problem=progress.problem or None,
    )

"""Bulk jobs: a file of leads goes in, files of results come out.

Open, upload, say that the upload is complete, look from time to time, fetch the three files of results:
leads that were scored, leads that were not and why, and rows that nobody came to. Results are kept for a week.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import FileResponse, Response

from features.clock import micros
from serving.answers.stored import prediction_id as time_ordered_id
from serving.auth import Principal, PrincipalDep, needs
from serving.codes import Code
from serving.idempotency import Done, idempotent
from serving.jobs import room
from serving.jobs.files import JobFiles
from serving.jobs.progress import Order, Progress, Result
from serving.jobs.publishing import published
from serving.jobs.schemas import JobChange, JobIn, JobList, JobShown, shown
from serving.jobs.states import BEFORE, OVER
from serving.jobs.upload import (
    MEDIA_TYPES,
    MOST_BYTES,
    DiskFullError,
    Received,
    TooLargeError,
    TooSlowError,
    receive,
)
from serving.problems import ProblemError
from serving.services import Services, ServicesDep
from serving.settings import Settings
from serving.store import jobs
from serving.store.jobs import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[needs("jobs")])

JobId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9a-f-]+$")]
Most = Annotated[int, Query(ge=1, le=100)]

NOT_OPEN = "The job takes no upload any more; open another."
NOTHING_UPLOADED = "Nothing was uploaded yet: PUT /v1/jobs/{job_id}/batches comes first."
NOT_OVER = "There are results when the job is over: JobComplete, Failed or Aborted."
TOO_LATE = "The job is in a state from which this cannot be reached."
STILL_AT_WORK = "A job can be deleted when it is over; abort it first."


@router.post("", status_code=201, response_model=JobShown)
async def open_job(
    request: Request, services: ServicesDep, principal: PrincipalDep, asked: JobIn
) -> Response:
    """Open a job; its rows are uploaded next."""

    async def handle() -> Done:
        now = services.clock.now()
        as_of = None if asked.as_of is None else micros(asked.as_of)
        if as_of is not None and as_of > now:
            raise ProblemError(Code.AS_OF_IN_FUTURE)
        order = Order(asked.kind, asked.content_type, asked.reasons, as_of)
        made = Job(
            job_id=time_ordered_id(now),
            tenant=principal.tenant,
            key_id=principal.key_id,
            state="Open",
            orders=order.to_json(),
            progress=Progress().to_json(),
            created_at=now,
            updated_at=now,
        )

        def create(connection: Connection) -> None:
            room.for_a_job(connection, principal.tenant)
            jobs.create(connection, made)

        return Done(201, _body(made), create)

    return await idempotent(request, services, principal, handle)


@router.get("", response_model=JobList)
async def list_jobs(services: ServicesDep, principal: PrincipalDep, limit: Most = 100) -> Response:
    """The jobs of the last week, the newest first."""

    def read() -> list[Job]:
        with services.store.reading() as connection:
            return jobs.list_of(connection, principal.tenant, limit)

    found = await services.compute(read)
    return _json(JobList(jobs=[shown(job) for job in found]).model_dump_json().encode())


@router.get("/{job_id}", response_model=JobShown)
async def show_job(services: ServicesDep, principal: PrincipalDep, job_id: JobId) -> Response:
    """How far a job has come."""
    return _json(_body(await _job(services, principal, job_id)))


@router.put(
    "/{job_id}/batches",
    response_model=JobShown,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kinds[0]: {"schema": {"type": "string"}} for kinds in MEDIA_TYPES.values()},
        }
    },
)
async def upload_rows(
    request: Request, services: ServicesDep, principal: PrincipalDep, job_id: JobId
) -> Response:
    """Upload the rows of an open job, up to 150 MB of UTF-8. A second upload takes the place of the first."""
    job = await _job(services, principal, job_id)
    content = Order.from_json(job.orders).content
    if job.state != "Open":
        raise ProblemError(Code.CONFLICT, NOT_OPEN)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in MEDIA_TYPES[content]:
        raise ProblemError(Code.MEDIA_TYPE, f"This job takes {MEDIA_TYPES[content][0]}.")
    files = _files(services.settings, job)
    received = await _received(request, files)
    try:
        changed, replaced = await services.commit(_naming(job, received, services.clock.now()))
    except ProblemError:
        await services.compute(received.discard)
        raise
    if replaced:
        await services.compute(partial(files.input(replaced).unlink, missing_ok=True))
    return _json(_body(changed))


@router.patch("/{job_id}", response_model=JobShown)
async def change_job(
    services: ServicesDep, principal: PrincipalDep, job_id: JobId, asked: JobChange
) -> Response:
    """Say that the upload is complete, or abort the job. What was done before an abort stays done."""
    now = services.clock.now()

    def change(connection: Connection) -> Job:
        job = _found(jobs.get(connection, principal.tenant, job_id))
        if job.state == asked.state:
            return job
        if asked.state == "UploadComplete" and not Progress.from_json(job.progress).uploaded:
            raise ProblemError(Code.CONFLICT, NOTHING_UPLOADED)
        if not jobs.move(connection, job_id, BEFORE[asked.state], asked.state, now):
            raise ProblemError(Code.CONFLICT, TOO_LATE)
        return replace(job, state=asked.state, updated_at=now)

    return _json(_body(await services.commit(change)))


@router.delete("/{job_id}", status_code=204)
async def delete_job(services: ServicesDep, principal: PrincipalDep, job_id: JobId) -> Response:
    """Remove a job that is over, its upload and its results. Its scores stay recorded."""

    def remove(connection: Connection) -> Job:
        job = _found(jobs.get(connection, principal.tenant, job_id))
        if job.state not in (*OVER, "Open"):
            raise ProblemError(Code.CONFLICT, STILL_AT_WORK)
        jobs.drop(connection, job_id)
        return job

    job = await services.commit(remove)
    await services.compute(_files(services.settings, job).remove)
    return Response(status_code=204)


@router.get("/{job_id}/successful", response_class=FileResponse)
async def successful_rows(services: ServicesDep, principal: PrincipalDep, job_id: JobId) -> Response:
    """Leads that were scored."""
    return await _result(services, principal, job_id, "successful")


@router.get("/{job_id}/failed", response_class=FileResponse)
async def failed_rows(services: ServicesDep, principal: PrincipalDep, job_id: JobId) -> Response:
    """Leads that were not scored, each with the code of why."""
    return await _result(services, principal, job_id, "failed")


@router.get("/{job_id}/unprocessed", response_class=FileResponse)
async def unprocessed_rows(services: ServicesDep, principal: PrincipalDep, job_id: JobId) -> Response:
    """Rows that nobody came to, because the job was aborted or failed."""
    return await _result(services, principal, job_id, "unprocessed")


async def _job(services: Services, principal: Principal, job_id: str) -> Job:
    def read() -> Job | None:
        with services.store.reading() as connection:
            return jobs.get(connection, principal.tenant, job_id)

    return _found(await services.compute(read))


def _found(job: Job | None) -> Job:
    if job is None:
        raise ProblemError(Code.JOB_NOT_FOUND)
    return job


async def _received(request: Request, files: JobFiles) -> Received:
    try:
        return await receive(request.stream(), files)
    except TooLargeError:
        raise ProblemError(Code.BODY_TOO_LARGE, f"An upload holds at most {MOST_BYTES >> 20} MiB.") from None
    except TooSlowError:
        raise ProblemError(Code.READ_TIMEOUT) from None
    except DiskFullError:
        raise ProblemError(Code.STORAGE_FULL) from None


def _naming(job: Job, received: Received, now: int) -> Callable[[Connection], tuple[Job, str]]:
    """Have an upload count; gives the job, and the name of the upload that counts no more."""

    def name(connection: Connection) -> tuple[Job, str]:
        current = jobs.get(connection, job.tenant, job.job_id)
        if current is None or current.state != "Open":
            raise ProblemError(Code.CONFLICT, NOT_OPEN)
        before = Progress.from_json(current.progress)
        room.for_bytes(connection, job.tenant, received.size - before.uploaded)
        progress = replace(before, upload=received.name, uploaded=received.size).to_json()
        jobs.move(connection, job.job_id, ("Open",), "Open", now, progress=progress)
        return replace(current, progress=progress, updated_at=now), before.upload

    return name


async def _result(services: Services, principal: Principal, job_id: str, result: Result) -> Response:
    job = await _job(services, principal, job_id)
    if job.state not in OVER:
        raise ProblemError(Code.CONFLICT, NOT_OVER)
    order, files = Order.from_json(job.orders), _files(services.settings, job)
    progress = Progress.from_json(job.progress)
    path = await services.compute(published, files, order, progress, result)
    name = f"{job.job_id}-{result}.{order.content}"
    return FileResponse(path, media_type=MEDIA_TYPES[order.content][0], filename=name)


def _files(settings: Settings, job: Job) -> JobFiles:
    return JobFiles(settings.jobs / job.job_id, Order.from_json(job.orders).content)


def _body(job: Job) -> bytes:
    return shown(job).model_dump_json().encode()


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")

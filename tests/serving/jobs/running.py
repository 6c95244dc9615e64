"""A job done from its upload to its end, as the worker of a service does it."""

from __future__ import annotations

import threading
from dataclasses import replace

from serving.answers.stored import prediction_id
from serving.clock import clock_of
from serving.jobs.progress import Order, Progress, Reasons
from serving.jobs.worker import bench, files_of, work_off
from serving.logs import log
from serving.settings import Settings
from serving.store import jobs
from serving.store.engine import Store
from serving.store.jobs import Job
from tests.serving.service import TENANT


def run_job(settings: Settings, rows: bytes, reasons: Reasons = "none") -> None:
    """Score the leads of a CSV file; no service may be running beside it."""
    order = Order("score", "csv", reasons, None)
    now = clock_of(settings.demo_clock).now()
    progress = replace(Progress(), upload="1", uploaded=len(rows)).to_json()
    job = Job(prediction_id(now), TENANT, "key", "UploadComplete", order.to_json(), progress, now, now)
    files = files_of(settings, job.job_id, order)
    files.folder.mkdir(parents=True)
    files.input("1").write_bytes(rows)
    store = Store.open(settings.database)
    with store.writing() as connection:
        jobs.create(connection, job)
    with bench(settings, threading.Event()) as ready:
        work_off(ready, log())
    with store.reading() as connection:
        over = jobs.get(connection, TENANT, job.job_id)
    store.close()
    assert over is not None
    assert over.state == "JobComplete", over.progress

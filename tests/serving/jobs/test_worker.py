"""The process that does jobs is killed, and another goes on."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from features.clock import DAY, HOUR
from serving.answers.stored import prediction_id
from serving.clock import SystemClock
from serving.jobs import supervisor
from serving.jobs.files import JobFiles
from serving.jobs.progress import Order, Progress
from serving.jobs.supervisor import KEPT, Supervisor
from serving.logs import log
from serving.settings import Settings
from serving.store import idempotency, jobs
from serving.store.engine import Store
from serving.store.jobs import Job
from serving.store.tables import IDEMPOTENCY, LEASES, PREDICTIONS
from serving.store.writer import Writer
from tests.serving.fakes.clocks import HandClock
from tests.serving.service import TENANT

PATIENCE = 60.0
UPLOAD = "of a test"
LEADS = [f"lead {number}" for number in range(30)] * 300
ROWS = ("lead_id\n" + "\n".join(LEADS)).encode()


def waiting_job(store, folder, rows):
    order = Order("score", "csv", "none", None)
    now = SystemClock().now()
    progress = replace(Progress(), upload=UPLOAD, uploaded=len(rows))
    job = Job(
        prediction_id(now), TENANT, "key", "UploadComplete", order.to_json(), progress.to_json(), now, now
    )
    files = JobFiles(folder / job.job_id, "csv")
    files.folder.mkdir(parents=True)
    files.input(progress.upload).write_bytes(rows)
    with store.writing() as connection:
        jobs.create(connection, job)
    return job, files


def now(store, job):
    with store.reading() as connection:
        found = jobs.get(connection, TENANT, job.job_id)
    return found.state, Progress.from_json(found.progress)


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_worker_is_killed_and_the_next_one_goes_on(settings):
    settings = settings.model_copy(update={"demo_clock": None})
    store = Store.open(settings.database)
    job, files = waiting_job(store, settings.jobs, ROWS)
    command = [sys.executable, "-m", "serving.jobs.worker"]
    environment = {**os.environ, **settings.environment()}
    killed = 0
    for _ in range(2):
        before = now(store, job)[1].rows
        worker = subprocess.Popen(command, env=environment)
        until(
            lambda before=before, worker=worker: now(store, job)[1].rows > before or worker.poll() is not None
        )
        killed += worker.poll() is None
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        with store.writing() as connection:  # so that nobody has to wait for the lease to end
            connection.execute(LEASES.delete())
    assert subprocess.run(command, env=environment, timeout=PATIENCE, check=False).returncode == 0
    state, progress = now(store, job)
    assert state == "JobComplete"
    assert killed == 2
    assert progress.attempts == 3
    with files.result("successful").open(newline="", encoding="utf-8") as file:
        assert [row["lead_id"] for row in csv.DictReader(file)] == LEADS
    with store.reading() as connection:
        query = select(PREDICTIONS.c.lead_id, func.count()).group_by(PREDICTIONS.c.lead_id)
        assert Counter(dict(connection.execute(query).all())) == Counter(LEADS)
    store.close()


@pytest.fixture
def parts(settings):
    settings = settings.model_copy(update={"demo_clock": None})
    store = Store.open(settings.database)
    writer = Writer(store)
    yield settings, store, writer
    writer.close()
    store.close()


@pytest.mark.slow
def test_the_supervisor_starts_a_worker_where_a_job_waits(parts):
    settings, store, writer = parts
    keeper = Supervisor(settings, store, writer, SystemClock(), log())
    keeper.start()
    job, files = waiting_job(store, settings.jobs, b"lead_id\nlead 3\n")
    until(lambda: now(store, job)[0] == "JobComplete")
    until(lambda: files.result("unprocessed").exists())
    keeper.stop()
    assert b"lead 3" in files.result("successful").read_bytes()


def test_no_worker_is_started_where_nothing_waits(parts, monkeypatch):
    settings, store, writer = parts
    monkeypatch.setattr(supervisor.subprocess, "Popen", lambda *_, **__: pytest.fail("a worker was started"))
    keeper = Supervisor(settings, store, writer, SystemClock(), log())
    assert keeper.look() == supervisor.LOOK_SECONDS


def test_a_worker_that_ends_with_an_error_is_not_started_again_at_once(parts, monkeypatch):
    settings, store, writer = parts
    waiting_job(store, settings.jobs, b"lead_id\n")
    started = []

    class Broken:
        def __init__(self, *arguments, **_):
            started.append(arguments)

        def poll(self):
            return 3

    monkeypatch.setattr(supervisor.subprocess, "Popen", Broken)
    keeper = Supervisor(settings, store, writer, SystemClock(), log())
    waits = [keeper.look() for _ in range(6)]
    assert len(started) == 3
    assert waits[1::2] == [1.0, 2.0, 4.0]


def test_what_is_past_its_time_goes_by_itself_a_few_rows_at_a_time(parts, monkeypatch):
    settings, store, writer = parts
    monkeypatch.setattr(supervisor, "AT_ONCE", 2)
    monkeypatch.setattr(supervisor, "PURGE_PAUSE_SECONDS", 0.0)
    clock = HandClock(1_000 * DAY)
    with store.writing() as connection:
        for number in range(5):
            idempotency.begin(connection, TENANT, "key", str(number), b"f", clock.now())

    def left():
        with store.reading() as connection:
            return connection.execute(select(func.count()).select_from(IDEMPOTENCY)).scalar()

    first, second = (Supervisor(settings, store, writer, clock, log()) for _ in range(2))
    first.purge()
    assert left() == 5
    clock.forward(DAY + 1)
    commits = []
    submit = writer.submit
    monkeypatch.setattr(writer, "submit", lambda work: commits.append(work) or submit(work))
    first.purge()
    assert left() == 0
    assert len(commits) == 1 + 4, "the lease, and two, two, one and no rows"
    with store.writing() as connection:
        idempotency.begin(connection, TENANT, "key", "old", b"f", clock.now() - 2 * DAY)
    second.purge()
    assert left() == 1, "within the hour it is for the other to do"
    clock.forward(HOUR)
    second.purge()
    assert left() == 0


def test_the_supervisor_sweeps_when_it_starts(parts):
    settings, store, writer = parts
    with store.writing() as connection:
        idempotency.begin(connection, TENANT, "key", "old", b"f", 1)
    keeper = Supervisor(settings, store, writer, SystemClock(), log())
    keeper.start()

    def gone():
        with store.reading() as connection:
            return not connection.execute(select(IDEMPOTENCY.c.key)).all()

    until(gone)
    keeper.stop()


def test_what_is_a_week_old_goes(tmp_path):
    settings = Settings(data=tmp_path)
    store = Store.open(settings.database)
    writer = Writer(store)
    job, files = waiting_job(store, settings.jobs, b"lead_id\n")
    with store.writing() as connection:
        jobs.move(connection, job.job_id, ("UploadComplete",), "JobComplete", job.updated_at)
    clock = HandClock(job.updated_at + KEPT)
    keeper = Supervisor(settings, store, writer, clock, log())
    keeper.sweep()
    assert files.input(UPLOAD).exists()
    clock.forward(1)
    keeper.sweep()
    assert not files.folder.exists()
    with store.reading() as connection:
        assert jobs.get(connection, TENANT, job.job_id) is None
    writer.close()
    store.close()

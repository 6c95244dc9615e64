"""Jobs over the company of the answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from serving.answers.stored import prediction_id
from serving.arms import Arm
from serving.jobs.desk import Desk
from serving.jobs.files import JobFiles
from serving.jobs.progress import Order, Progress
from serving.jobs.reading import StoreSource
from serving.jobs.runner import Bench
from serving.live import LiveModels
from serving.store import jobs
from serving.store.engine import Store
from serving.store.jobs import Job
from serving.store.writer import Writer
from tests.serving.answers import company
from tests.serving.answers.conftest import champion
from tests.serving.answers.deliver import deliver
from tests.serving.databases import each_backend as backend
from tests.serving.fakes.clocks import HandClock

__all__ = ["backend", "champion"]

TENANT = "acme"
PEOPLE = 60
UPLOAD = "of a test"


@dataclass
class Office:
    """A store with people in it, and jobs about them."""

    store: Store
    writer: Writer
    clock: HandClock
    folder: Path
    models: LiveModels

    def job(self, content: str, rows: bytes, *, reasons: str = "none", as_of: int | None = None) -> Job:
        """A job whose upload is complete."""
        order = Order("score", content, reasons, as_of)
        now = self.clock.now()
        made = Job(
            job_id=prediction_id(now),
            tenant=TENANT,
            key_id="key",
            state="UploadComplete",
            orders=order.to_json(),
            progress=replace(Progress(), upload=UPLOAD, uploaded=len(rows)).to_json(),
            created_at=now,
            updated_at=now,
        )
        files = self.files(made)
        files.folder.mkdir(parents=True)
        files.input(UPLOAD).write_bytes(rows)
        self.writer.submit(lambda connection: jobs.create(connection, made)).result(10)
        return made

    def files(self, job: Job) -> JobFiles:
        return JobFiles(self.folder / job.job_id, Order.from_json(job.orders).content)

    def bench(self, holder: str = "one", **changed: object) -> Bench:
        made = Bench(
            desk=Desk(self.store, self.writer, self.clock, holder),
            files=self.files,
            source=lambda job: StoreSource(self.store, job.tenant),
            models=self,
            clock=self.clock,
            alerts=True,
            stopping=threading.Event(),
        )
        return replace(made, **changed)

    def pinned(self, _: dict[str, str]) -> LiveModels:
        return self.models

    def now(self, job: Job) -> tuple[Job, Progress]:
        with self.store.reading() as connection:
            found = jobs.get(connection, TENANT, job.job_id)
        return found, Progress.from_json(found.progress)


@pytest.fixture
def office(tmp_path: Path, empty_url: str, champion: Arm) -> Iterator[Office]:
    store = Store.open(empty_url)
    with store.writing() as connection:
        deliver(connection, list(company.people().values())[:PEOPLE])
    writer = Writer(store)
    yield Office(store, writer, HandClock(company.LATER), tmp_path / "jobs", LiveModels(champion))
    writer.close()
    store.close()

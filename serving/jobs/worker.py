"""The process that does bulk jobs: at low priority, and apart from the processes that answer people.

``python -m serving.jobs.worker`` with the settings of the service in its environment works off what waits, and
ends. It stops after the slice at hand when it is told to, and when the service that started it is gone; the
next one goes on from there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final
from uuid import uuid4

from serving.lean import stay_lean

if __name__ == "__main__":
    stay_lean()

from features.errors import LeadlightError
from serving.clock import clock_of
from serving.desk import bundles_of
from serving.jobs.desk import Desk, NotOursError
from serving.jobs.files import JobFiles
from serving.jobs.models import StoredModels
from serving.jobs.progress import Order
from serving.jobs.reading import StoreSource
from serving.jobs.runner import Bench, StoppedError, run
from serving.logs import Log, configure
from serving.settings import Settings, read_settings
from serving.store.engine import Store
from serving.store.errors import StoreUnavailable
from serving.store.writer import Writer

NICENESS: Final = 10
BEAT_SECONDS: Final = 5.0
DONE, CANNOT = 0, 3
READERS: Final = 2


def main() -> int:
    """Do what waits; 0 when nothing is left, 3 when it cannot be done now."""
    os.nice(NICENESS)
    settings, stopping = read_settings(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the service tells us by SIGTERM
    log = configure(settings.data / "log.key")
    with bench(settings, stopping) as ready, _beating(ready):
        return work_off(ready, log)


@contextmanager
def bench(settings: Settings, stopping: threading.Event) -> Iterator[Bench]:
    """What jobs need, from the settings of the service."""
    with closing(Store.open(settings.database, readers=READERS)) as store:
        writer, clock = Writer(store), clock_of(settings.demo_clock)
        try:
            yield Bench(
                desk=Desk(store, writer, clock, uuid4().hex),
                files=lambda job: files_of(settings, job.job_id, Order.from_json(job.orders)),
                source=lambda job: StoreSource(store, job.tenant),
                models=StoredModels(store, bundles_of(settings)),
                clock=clock,
                alerts=settings.webhook_url is not None,
                stopping=stopping,
            )
        finally:
            writer.close()


def files_of(settings: Settings, job_id: str, order: Order) -> JobFiles:
    """Where the files of a job are."""
    return JobFiles(settings.jobs / job_id, order.content)


def work_off(ready: Bench, log: Log) -> int:
    """Do one job after another until none waits, unless another worker is at it."""
    if not ready.desk.hold():
        return DONE
    try:
        while not ready.stopping.is_set() and (job := ready.desk.next()) is not None:
            with suppress(NotOursError):
                run(ready, job)
                log.info("a job is over", job_id=job.job_id)
    except StoppedError:
        return DONE
    except LeadlightError as error:
        log.warning("a job cannot be gone on with now", problem=error.what)
        return CANNOT
    finally:
        with suppress(StoreUnavailable):
            ready.desk.let_go()
    return DONE


@contextmanager
def _beating(ready: Bench) -> Iterator[None]:
    """Keep the lease while a block is computed, and watch that somebody still wants the work."""
    over, parent = threading.Event(), os.getppid()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            if os.getppid() != parent:
                ready.stopping.set()
            with suppress(StoreUnavailable):
                ready.desk.hold()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())

"""Sees to it that somebody does the jobs that wait, and that old ones go."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from typing import Final

from features.clock import DAY, SECOND
from serving.clock import Clock
from serving.jobs.files import JobFiles
from serving.jobs.progress import Order
from serving.jobs.states import OVER
from serving.jobs.waiting import is_needed
from serving.logs import Log
from serving.settings import PREFIX, Settings
from serving.store import jobs, leases, retention
from serving.store.engine import Store
from serving.store.errors import StoreUnavailable
from serving.store.writer import Writer

LOOK_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Between starts of workers that end with an error."""
SWEEP_SECONDS: Final = 3_600.0
KEPT: Final = 7 * DAY
"""Results, and jobs that were never begun, are kept so long."""
PURGE: Final = "purge"
"""Name of the lease of who deletes what is past its time."""
AT_ONCE: Final = 200
"""Rows of a table that are deleted in one transaction: some milliseconds, for which scores wait."""
PURGE_PAUSE_SECONDS: Final = 0.05
GRACE_SECONDS: Final = 8.0


class Supervisor:
    """Starts a worker where jobs wait; one thread, and at most one process of this service."""

    def __init__(self, settings: Settings, store: Store, writer: Writer, clock: Clock, log: Log) -> None:
        self._settings, self._store, self._writer = settings, store, writer
        self._clock, self._log = clock, log
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._worker: subprocess.Popen[bytes] | None = None
        self._pause = self._sweep_in = 0.0

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, timeout: float = GRACE_SECONDS) -> None:
        """Have the worker stop after what it is at; the job goes on at the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._worker is not None:
            self._worker.terminate()
            try:
                self._worker.wait(timeout)
            except subprocess.TimeoutExpired:
                self._worker.kill()
                self._worker.wait()

    def look(self) -> float:
        """Start a worker if one is needed; returns the seconds until the next look."""
        if self._worker is not None:
            code = self._worker.poll()
            if code is None:
                return LOOK_SECONDS
            self._worker = None
            self._pause = 0.0 if code == 0 else min(max(2 * self._pause, LOOK_SECONDS), LONGEST_PAUSE)
            if self._pause:
                return self._pause
        if self._something_waits():
            self._worker = self._start_worker()
        return LOOK_SECONDS

    def sweep(self) -> None:
        """Remove jobs of which nothing was heard for a week, files first."""
        moment = self._clock.now() - KEPT
        with self._store.reading() as connection:
            old = jobs.unchanged_since(connection, (*OVER, "Open"), moment)
        for job in old:
            JobFiles(self._settings.jobs / job.job_id, Order.from_json(job.orders).content).remove()
            self._writer.submit(partial(jobs.drop, job_id=job.job_id)).result()

    def purge(self) -> None:
        """Delete rows past their time, a few at a time; of several workers one does it, about once an hour."""
        now = self._clock.now()
        until = now + int(SWEEP_SECONDS * SECOND)
        hold = partial(leases.hold, name=PURGE, holder=self._name, now=now, until=until)
        days = self._settings.retention_days
        purge = partial(retention.purge, now=now, retention_days=days, at_once=AT_ONCE)
        if not self._writer.submit(hold).result():
            return
        while self._writer.submit(purge).result():  # there may be more
            if self._stopping.wait(PURGE_PAUSE_SECONDS):
                return

    def _something_waits(self) -> bool:
        with self._store.reading() as connection:
            return is_needed(connection, self._clock.now())

    def _start_worker(self) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        own = self._settings.environment()
        if self._settings.demo_clock is not None:  # the worker's clock has to go on from where ours is
            now = datetime.fromtimestamp(self._clock.now() / SECOND, UTC)
            own[f"{PREFIX}DEMO_CLOCK"] = now.isoformat()
        command = [sys.executable, "-m", "serving.jobs.worker"]
        return subprocess.Popen(  # noqa: S603 - our own module
            command, env={**inherited, **own}, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            self._sweep_in -= wait
            try:
                if self._sweep_in <= 0:
                    self._sweep_in = SWEEP_SECONDS
                    self.sweep()
                    self.purge()
                wait = self.look()
            except StoreUnavailable:
                wait = LOOK_SECONDS
            except Exception:  # noqa: BLE001 - a thread that ends would leave jobs waiting for ever
                self._log.exception("the jobs could not be looked after")
                wait = LONGEST_PAUSE

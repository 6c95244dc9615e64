"""One thread that writes, so that many requests share one commit.

While one group is being written to the disk the next one gathers; nobody waits for company. With a single
client a group is one unit; under load it is as many as came during the last commit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import Connection

from serving.store.engine import Store
from serving.store.errors import StoreUnavailable, means_unavailable

T = TypeVar("T")

MOST_UNITS: Final = 200
MOST_SECONDS: Final = 0.005
"""A group is closed after so many units, or when writing them has taken so long."""

PATIENCE: Final = 1.0
"""Seconds after which a failure is one of the database as a whole, not of one group."""

MOST_WAITING: Final = 2_000
"""Units that wait; beyond, callers are told at once. About a second's work."""


class _Unit(Generic[T]):
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.future: Future[T] = Future()
        self.result: T | None = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast("T", self.result))


class Writer:
    """Runs units of work, each whole or not at all, and answers after their commit is on the disk.

    A unit that raises is undone alone and its future raises the same. Where the database cannot be written, or
    the commit fails, every unit of the group is undone and gets ``StoreUnavailable``.
    """

    def __init__(self, store: Store, *, most_waiting: int = MOST_WAITING) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._units: queue.SimpleQueue[_Unit[Any] | None] = queue.SimpleQueue()
        self._closing = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Have ``work`` done in a transaction. It must neither commit nor roll back, and be quick.

        Raises:
            StoreUnavailable: too much is waiting, or the writer is closed.
        """
        unit = _Unit(work)
        with self._lock:
            if self._closing:
                raise StoreUnavailable("the service is shutting down; nothing was written")
            if self._units.qsize() >= self._most_waiting:
                raise StoreUnavailable("too many writes are waiting; nothing was written")
            self._units.put(unit)
        return unit.future

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return self._units.qsize()

    def close(self, timeout: float = 10.0) -> bool:
        """Take nothing more, write what waits; whether all of it was written in time."""
        with self._lock:
            first, self._closing = not self._closing, True
        until = time.monotonic() + timeout
        if first:
            self._units.put(None)
        self._thread.join(max(until - time.monotonic(), 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (unit := self._units.get()) is not None:
            if unit.future.set_running_or_notify_cancel():
                self._write(unit)
            del unit  # what it holds must not live until the next one comes

    def _write(self, first: _Unit[Any]) -> None:
        done: list[_Unit[Any]] = [first]
        began = time.monotonic()
        try:
            with self._store.writing() as connection:
                self._do_all(connection, done)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait have to be told
            if time.monotonic() - began > PATIENCE:
                done += self._all_waiting()
            for unit in done:
                unit.error = StoreUnavailable(*error.args) if isinstance(error, StoreUnavailable) else error
        for unit in done:
            unit.settle()

    def _all_waiting(self) -> list[_Unit[Any]]:
        """Those who came while the database did not answer; trying each in turn would keep the last for long."""
        waiting: list[_Unit[Any]] = []
        while True:
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                return waiting
            if unit is None:
                self._units.put(None)
                return waiting
            if unit.future.set_running_or_notify_cancel():
                waiting.append(unit)

    def _do_all(self, connection: Connection, done: list[_Unit[Any]]) -> None:
        driver = connection.connection.driver_connection
        until = time.monotonic() + MOST_SECONDS
        _do(connection, driver, done[0])
        while len(done) < MOST_UNITS and time.monotonic() < until:
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                return
            if unit is None:
                self._units.put(None)  # seen again by _run
                return
            if unit.future.set_running_or_notify_cancel():
                done.append(unit)
                _do(connection, driver, unit)


def _do(connection: Connection, driver: Any, unit: _Unit[Any]) -> None:
    driver.execute("SAVEPOINT unit")
    try:
        unit.result = unit.work(connection)
    except Exception as error:
        if means_unavailable(error):  # SQLite may have undone the whole transaction by itself
            raise
        driver.execute("ROLLBACK TO SAVEPOINT unit")
        unit.error = error
    driver.execute("RELEASE SAVEPOINT unit")

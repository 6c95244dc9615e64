"""Everything a request may need, made once when the service starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection

from serving.answers.scoring import Scoring
from serving.auth import KeyRing
from serving.clock import Clock
from serving.lifecycle import Lifecycle
from serving.limits import Limiter
from serving.live import Live
from serving.logs import Log
from serving.metrics import Metrics
from serving.readiness import Readiness
from serving.settings import Settings
from serving.store.engine import Store
from serving.store.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service.

    Attributes:
        executor: threads for what takes longer than a moment, as many as there are cores.
        lifecycle: whether it is being stopped, and how much is under way.
    """

    settings: Settings
    clock: Clock
    store: Store
    writer: Writer
    live: Live
    scoring: Scoring
    keys: KeyRing
    limiter: Limiter
    metrics: Metrics
    lifecycle: Lifecycle
    readiness: Readiness
    executor: Executor
    log: Log

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function`` in a thread: reading, features, reasons; whatever would hold up other requests."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *args)

    async def commit(self, work: Callable[[Connection], T]) -> T:
        """Have ``work`` written, and wait until it is on the disk.

        Raises:
            StoreUnavailable: nothing was written.
        """
        return await asyncio.wrap_future(self.writer.submit(work))

    async def recorded(self, ask: Callable[[], T], record: Callable[[T], Callable[[Connection], None]]) -> T:
        """``compute(ask)``, and ``commit`` what ``record`` makes of it; what was asked for, once it is on the disk.

        The thread hands its work to the writer by itself, so that the event loop is woken once, not twice.

        Raises:
            StoreUnavailable: nothing was written.
        """
        told: Future[T] = Future()
        told.set_running_or_notify_cancel()
        self.executor.submit(_ask, told, ask, lambda found: self.writer.submit(record(found)))
        return await asyncio.wrap_future(told)


def _ask(told: Future[T], ask: Callable[[], T], record: Callable[[T], Future[None]]) -> None:
    """Ask and have it recorded; ``told`` is settled when it was."""

    def settle(recorded: Future[None]) -> None:
        error = recorded.exception()
        if error is None:
            told.set_result(found)
        else:
            told.set_exception(error)

    try:
        found = ask()
        record(found).add_done_callback(settle)
    except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it is
        told.set_exception(error)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
"""For handlers."""

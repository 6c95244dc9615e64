"""Everything a request may need, made once when the service starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
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


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
"""For handlers."""

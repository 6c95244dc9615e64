"""Whether requests should be sent here, found out by trying."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from serving.clock import Clock
from serving.lifecycle import Lifecycle
from serving.live import Live, NoModelError
from serving.store import leases
from serving.store.errors import StoreUnavailable
from serving.store.writer import Writer

FRESH_SECONDS: Final = 0.5
"""How long a look is believed: who asks often does not make us write often."""
PATIENCE_SECONDS: Final = 1.0
"""A database that takes longer cannot be relied on."""
LEAST_FREE_BYTES: Final = 64 << 20
PROBE: Final = "ready"

OK: Final = "ok"


@dataclass(slots=True)
class Readiness:
    """Looks, and believes for a moment what it saw. Used on the event loop alone.

    Attributes:
        data: folder on the disk that has to have room.
    """

    lifecycle: Lifecycle
    live: Live
    writer: Writer
    clock: Clock
    data: Path
    ticks: Callable[[], float] = time.monotonic
    _at: float = float("-inf")
    _checks: dict[str, str] = field(default_factory=dict)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> dict[str, str]:
        """Each check and what it says: ``ok``, or what is wrong."""
        async with self._looking:
            if self.ticks() - self._at >= FRESH_SECONDS:
                database = await self._database()
                self._checks = {"model": self._model(), "database": database, "disk": self._disk()}
                self._at = self.ticks()
        return {"running": "stopping" if self.lifecycle.stopping else OK, **self._checks}

    def _model(self) -> str:
        try:
            self.live.current()
        except NoModelError:
            return "none is active"
        return OK

    async def _database(self) -> str:
        """A real write: a database that is locked, full or read-only can still be read."""
        now = self.clock.now()

        def probe(connection: Connection) -> None:
            leases.hold(connection, PROBE, PROBE, now, now)

        try:
            await asyncio.wait_for(asyncio.wrap_future(self.writer.submit(probe)), PATIENCE_SECONDS)
        except (StoreUnavailable, TimeoutError):
            return "cannot be written"
        return OK

    def _disk(self) -> str:
        try:
            free = shutil.disk_usage(self.data).free
        except OSError:
            return "the data folder cannot be read"
        return OK if free >= LEAST_FREE_BYTES else "nearly full"

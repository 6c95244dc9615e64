"""What each worker serves at the moment, as it says itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from serving.store.statements import upsert
from serving.store.tables import WORKERS


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker. ``champion``, ``challenger``: fingerprints. ``problem``: why it does not serve what is activated."""

    worker_id: str
    champion: str | None
    challenger: str | None
    problem: str | None
    seen_at: int


_FIELDS: Final = tuple(Worker.__dataclass_fields__)
_KEEP: Final = upsert(WORKERS)


def report(connection: Connection, worker: Worker) -> None:
    """Say what a worker serves."""
    _KEEP.run(connection, **{name: getattr(worker, name) for name in _FIELDS})


def seen_since(connection: Connection, moment: int) -> list[Worker]:
    """Workers that reported at ``moment`` or later."""
    query = select(*(WORKERS.c[name] for name in _FIELDS)).where(WORKERS.c.seen_at >= moment)
    return [Worker(*row) for row in connection.execute(query.order_by(WORKERS.c.worker_id))]


def drop_unseen(connection: Connection, moment: int) -> None:
    """Forget workers that did not report since ``moment``."""
    connection.execute(delete(WORKERS).where(WORKERS.c.seen_at < moment))

"""What a courier asks of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection
from typing_extensions import override

from serving.store import leases, outbox
from serving.store.engine import Store
from serving.store.outbox import Delivery
from serving.store.writer import Writer

T = TypeVar("T")

LEASE: Final = "outbox"
PATIENCE: Final = 30.0
"""Seconds that a courier waits for the writer; longer than any lock lasts."""


class Rows(Protocol):
    """The outbox, as one courier sees it; every call is a transaction of its own.

    All raise ``StoreUnavailable`` where the database cannot be used.
    """

    def hold(self, now: int, until: int) -> bool:
        """Become, or stay, the only courier until then; False if another is."""

    def let_go(self) -> None:
        """Let another courier begin."""

    def due(self, now: int, limit: int) -> list[Delivery]:
        """Deliveries to be tried now, the longest waiting first; of a lead at most one, its newest."""

    def delivered(self, delivery: Delivery, now: int) -> None:
        """The receiver has it."""

    def failed(self, delivery: Delivery, next_at: int, problem: str) -> None:
        """It is to be tried again at ``next_at``."""

    def dead(self, delivery: Delivery, now: int, problem: str) -> None:
        """It is not tried again until somebody replays it."""


class StoreRows(Rows):
    """The outbox of the store; ``holder`` is this courier's name, unlike any other's."""

    def __init__(self, store: Store, writer: Writer, holder: str) -> None:
        self._store, self._writer, self._holder = store, writer, holder

    @override
    def hold(self, now: int, until: int) -> bool:
        return self._do(lambda connection: leases.hold(connection, LEASE, self._holder, now, until))

    @override
    def let_go(self) -> None:
        self._do(lambda connection: leases.let_go(connection, LEASE, self._holder))

    @override
    def due(self, now: int, limit: int) -> list[Delivery]:
        with self._store.reading() as connection:
            return outbox.due(connection, now, limit)

    @override
    def delivered(self, delivery: Delivery, now: int) -> None:
        self._do(lambda connection: outbox.delivered(connection, delivery.id, now))

    @override
    def failed(self, delivery: Delivery, next_at: int, problem: str) -> None:
        self._do(lambda connection: outbox.failed(connection, delivery.id, next_at, problem))

    @override
    def dead(self, delivery: Delivery, now: int, problem: str) -> None:
        self._do(lambda connection: outbox.dead(connection, delivery.id, now, problem))

    def _do(self, work: Callable[[Connection], T]) -> T:
        return self._writer.submit(work).result(PATIENCE)

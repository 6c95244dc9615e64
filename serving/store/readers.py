"""Connections that read, kept at hand.

SQLAlchemy's own pool resets a connection whenever it comes back, which costs more than the query for which a
request took it. These stay taken; a transaction ends each use, and one that failed is thrown away.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine

from serving.store.errors import StoreUnavailable, means_unavailable


class Readers:
    """At most ``most`` connections, the one last used first. Thread-safe."""

    def __init__(self, engine: Engine, most: int, wait_seconds: float) -> None:
        self._engine, self._wait = engine, wait_seconds
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(most):
            self._idle.put(None)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One connection, and one state of the database, for a while.

        Raises:
            StoreUnavailable: all are in use for too long.
        """
        try:
            connection = self._idle.get(timeout=self._wait)
        except queue.Empty:
            raise StoreUnavailable("too many read at once; nothing was read") from None
        try:
            if connection is None:
                connection = self._engine.connect()
            with connection.begin():
                yield connection
        except BaseException as error:
            if connection is not None and (connection.invalidated or means_unavailable(error)):
                _throw_away(connection)
                connection = None
                self.drop_idle()
            raise
        finally:
            self._idle.put(connection)

    def drop_idle(self) -> None:
        """Close what is not in use: the database went away, or the store closes."""
        taken: list[Connection | None] = []
        with suppress(queue.Empty):
            while True:
                taken.append(self._idle.get_nowait())
        for connection in taken:
            if connection is not None:
                _throw_away(connection)
            self._idle.put(None)


def _throw_away(connection: Connection) -> None:
    with suppress(Exception):  # it may be broken in any way
        connection.invalidate()
    with suppress(Exception):
        connection.close()

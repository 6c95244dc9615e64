"""The database: SQLite in a file, or PostgreSQL by URL.

One writes at a time on both: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock. So what a unit of work
read is still true when it writes, and no two units can wait for each other. Readers wait for nobody.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from features.errors import LeadlightError
from serving.store import meta
from serving.store.errors import StoreUnavailable, means_unavailable, unavailable
from serving.store.migrating import upgrade
from serving.store.readers import Readers

WAIT_MS: Final = 1_500
"""How long a statement waits for a lock (both databases) or runs (PostgreSQL) before the caller is told."""

WRITE_LOCK: Final = 0x1EAD_1164
"""The advisory lock of writers in PostgreSQL."""

PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {WAIT_MS}",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",  # nothing about a lead in temporary files
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -4000",
)
"""For every connection; the write-ahead log is a property of the file and is switched on by ``open``."""

OPEN_SECONDS: Final = 30.0
"""How long several workers that start at once wait for each other."""


@dataclass(frozen=True, slots=True)
class Store:
    """Connections to the database: one pool that reads, one that writes. Thread-safe.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store.open(f"sqlite:///{folder.name}/service.db")
    >>> with store.reading() as connection:
    ...     connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    'wal'
    >>> store.close()
    >>> folder.cleanup()
    """

    url: URL
    _readers: Readers
    _writers: Engine

    @classmethod
    def open(cls, url: str, *, readers: int = 16) -> Store:
        """Connect, and bring the tables to the form that this version knows.

        Args:
            url: ``sqlite:///path/to/file.db`` or ``postgresql://...``.
            readers: connections that read, at most; as many are made as are used at once.

        Raises:
            StoreUnavailable: the database cannot be reached, or another worker holds it for too long.
            LeadlightError: the URL is of no database that this can use, or the database is newer than this.
        """
        parsed = _checked(url)
        if parsed.get_backend_name() == "sqlite":
            with translated():
                _prepare_file(Path(str(parsed.database)))
        reading, writing = _engine(parsed, readers), _engine(parsed, 2)
        _listen(parsed, reading, writing)
        store = cls(parsed, Readers(reading, readers, WAIT_MS / 1000), writing)
        try:
            store.migrate()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        """The file of SQLite."""
        return Path(str(self.url.database))

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the database throughout.

        Raises:
            StoreUnavailable: in place of whatever the driver says when the database cannot answer.
        """
        return self._reading()

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes, alone; committed at the end, undone by any error.

        The service writes through a ``Writer``, which shares one commit among many; this is for commands.

        Raises:
            StoreUnavailable: another writer holds the database for too long, or it cannot be written.
        """
        return self._writing()

    @contextmanager
    def upkeep(self) -> Iterator[Any]:
        """A connection of the driver outside any transaction, which waits long: VACUUM, checkpoints, backups."""
        with translated(), self._writers.connect() as connection:
            driver = _patient(connection)
            if not self.is_sqlite:
                driver.autocommit = True
            try:
                yield driver
            finally:
                connection.invalidate()  # nobody else shall wait so long

    def migrate(self) -> None:
        """Bring the tables to the newest form. Safe when several workers start at once."""
        with translated(), self._writers.connect() as connection:
            _patient(connection)
            try:
                with connection.begin():
                    upgrade(connection)
                    meta.secret(connection, meta.PEPPER)  # readers need it and cannot make it
            finally:
                connection.invalidate()

    def close(self) -> None:
        """Close all connections."""
        self._readers.drop_idle()
        self._writers.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._readers.transaction() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(), self._writers.begin() as connection:
            yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver that mean "not now" become ``StoreUnavailable``; all others stay what they are."""
    try:
        yield
    except StoreUnavailable:
        raise
    except Exception as error:
        if means_unavailable(error):
            raise unavailable(error) from error
        raise


def _checked(url: str) -> URL:
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    raise LeadlightError(
        f"no database of this kind can be used: {parsed.drivername}",
        ["give sqlite:///path/to/file.db or postgresql://user:password@host/name"],
    )


def _engine(url: URL, most: int) -> Engine:
    options: dict[str, Any] = {"pool_size": most, "max_overflow": 0, "pool_timeout": WAIT_MS / 1000}
    connect: dict[str, Any]
    if url.get_backend_name() == "sqlite":
        # autocommit: the driver never begins by itself, our listeners do
        connect = {"isolation_level": None, "timeout": WAIT_MS / 1000, "cached_statements": 256}
        return create_engine(url, connect_args=connect, **options)
    settings = f"-c statement_timeout={WAIT_MS} -c lock_timeout={WAIT_MS} -c timezone=UTC"
    connect = {"connect_timeout": 2, "options": settings, "tcp_user_timeout": 2 * WAIT_MS}
    return create_engine(url, connect_args=connect, pool_pre_ping=True, **options)


def _listen(url: URL, reading: Engine, writing: Engine) -> None:
    if url.get_backend_name() == "sqlite":
        for engine in (reading, writing):
            event.listen(engine, "connect", _set_pragmas)
        event.listen(reading, "begin", _begin_deferred)
        event.listen(writing, "begin", _begin_immediate)
    else:
        event.listen(reading, "connect", _read_one_state)
        event.listen(writing, "begin", _take_write_lock)


def _set_pragmas(connection: Any, _record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _begin_deferred(connection: Connection) -> None:
    _driver(connection).execute("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    _driver(connection).execute("BEGIN IMMEDIATE")


def _take_write_lock(connection: Connection) -> None:
    _driver(connection).execute(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _read_one_state(connection: Any, _record: Any) -> None:
    from psycopg import IsolationLevel  # noqa: PLC0415 - only where PostgreSQL is used

    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _patient(connection: Connection) -> Any:
    milliseconds = int(OPEN_SECONDS * 1000)
    driver = _driver(connection)
    if connection.dialect.name == "sqlite":
        driver.execute(f"PRAGMA busy_timeout = {milliseconds}")
    else:
        driver.execute(f"SET lock_timeout = {milliseconds}")
        driver.execute("SET statement_timeout = 0")
        driver.commit()
    return driver


def _prepare_file(path: Path) -> None:
    """Make the file for our eyes only, and switch its write-ahead log on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=OPEN_SECONDS, isolation_level=None)
    try:
        _switch_to_wal(connection, time.monotonic() + OPEN_SECONDS)
    finally:
        connection.close()


def _switch_to_wal(connection: sqlite3.Connection, until: float) -> None:
    # The switch needs the file alone and does not wait for it, whatever the timeout says.
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not means_unavailable(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return

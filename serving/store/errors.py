"""When the database cannot answer, as opposed to a query that is wrong."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from features.errors import LeadlightError


class StoreUnavailable(LeadlightError):  # noqa: N818 - the word of the answer: 503
    """The database is locked, full or cannot be reached; nothing was written. The same call may work soon."""


class LeadForgotten(LeadlightError):  # noqa: N818
    """Somebody asked for this lead to be erased, so nothing may be recorded about it again."""


class LeadObjected(LeadlightError):  # noqa: N818
    """The person objected to profiling while a score was made, so the score may not be recorded."""


class ClaimLost(LeadlightError):  # noqa: N818
    """Another request took the Idempotency-Key over, because this one took too long; what it did is undone."""


SQLITE_DOWN: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""Primary result codes that speak of the file or its locks, not of the query."""

POSTGRES_DOWN: Final = ("08", "53", "55P03", "57", "58", "25006", "40001", "40P01")
"""SQLSTATE classes and codes: connection, resources, lock timeout, cancelled or shut down, system, standby, retry."""


def means_unavailable(error: BaseException) -> bool:
    """Whether an error of a driver, of SQLAlchemy or of its pool says that the database cannot answer now.

    >>> means_unavailable(ZeroDivisionError())
    False
    """
    if isinstance(error, StoreUnavailable | PoolTimeoutError):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (error.orig is not None and means_unavailable(error.orig))
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in SQLITE_DOWN or _closed(error)
    return _postgres_down(error)


def _closed(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error)


def _postgres_down(error: BaseException) -> bool:
    if not type(error).__module__.startswith("psycopg"):
        return False
    state = getattr(error, "sqlstate", None)
    if state is None:  # never reached the server, or lost it
        return any(kind.__name__ in {"OperationalError", "InterfaceError"} for kind in type(error).__mro__)
    return str(state).startswith(POSTGRES_DOWN)


def unavailable(error: BaseException) -> StoreUnavailable:
    """The error that a caller is told; what the driver said stays its cause."""
    detail = str(getattr(error, "orig", None) or error).strip().splitlines()
    first = detail[0][:200] if detail else type(error).__name__
    return StoreUnavailable("the database cannot answer now; nothing was written", [first])

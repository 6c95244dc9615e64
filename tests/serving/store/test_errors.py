from __future__ import annotations

import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from features.errors import LeadlightError
from serving.store.errors import StoreUnavailable, means_unavailable, unavailable


def of_sqlite(code: int, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = kind("something")
    error.sqlite_errorcode = code
    return error


def wrapped(error: Exception) -> DBAPIError:
    return DBAPIError("SELECT secret", None, error)


DOWN = [
    of_sqlite(sqlite3.SQLITE_BUSY),
    of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT),
    of_sqlite(sqlite3.SQLITE_FULL),
    of_sqlite(sqlite3.SQLITE_IOERR_FSYNC),
    of_sqlite(sqlite3.SQLITE_NOTADB, sqlite3.DatabaseError),
    sqlite3.ProgrammingError("Cannot operate on a closed database."),
    psycopg.OperationalError("connection failed"),
    psycopg.InterfaceError("the connection is closed"),
    psycopg.errors.LockNotAvailable("x"),
    psycopg.errors.QueryCanceled("x"),
    psycopg.errors.AdminShutdown("x"),
    psycopg.errors.DiskFull("x"),
    psycopg.errors.DeadlockDetected("x"),
    PoolTimeoutError("x"),
    StoreUnavailable("x"),
]
WRONG = [
    of_sqlite(sqlite3.SQLITE_ERROR),
    of_sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.IntegrityError),
    sqlite3.ProgrammingError("Incorrect number of bindings supplied."),
    psycopg.errors.UniqueViolation("x"),
    psycopg.errors.UndefinedTable("x"),
    psycopg.ProgrammingError("x"),
    LeadlightError("x"),
    KeyError("x"),
]


def name(error: Exception) -> str:
    return f"{type(error).__name__}-{getattr(error, 'sqlite_errorcode', '')}"


@pytest.mark.parametrize("error", DOWN, ids=name)
def test_the_database_cannot_answer(error):
    assert means_unavailable(error)
    if not isinstance(error, StoreUnavailable | PoolTimeoutError):
        assert means_unavailable(wrapped(error))


@pytest.mark.parametrize("error", WRONG, ids=name)
def test_the_question_is_wrong(error):
    assert not means_unavailable(error)
    assert not means_unavailable(wrapped(error))


def test_what_is_told_names_the_trouble_and_not_the_query():
    told = unavailable(wrapped(sqlite3.OperationalError("database or disk is full")))
    assert told.problems == ("database or disk is full",)
    assert "secret" not in str(told)

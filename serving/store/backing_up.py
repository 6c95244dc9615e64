"""A copy of the database while it is used."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from features.errors import LeadlightError
from serving.store.engine import Store


def backup(store: Store, path: Path) -> None:
    """Copy the database to ``path``: one state of it, with everything that was acknowledged before the start.

    The copy is one file; the service starts with it as with its own. Requests go on meanwhile.

    Raises:
        LeadlightError: the database is PostgreSQL, or the copy is not sound.
    """
    if not store.is_sqlite:
        raise LeadlightError("PostgreSQL makes its own backups", ["use pg_dump, or the server's archive"])
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
        with store.upkeep() as source:
            source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA quick_check").fetchone()[0]
    if found != "ok":
        raise LeadlightError("the copy of the database is not sound", [str(found)])
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)

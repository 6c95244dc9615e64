"""Keeping a service in order: backups, what is past its time, and news that nobody took."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from features.clock import iso
from features.errors import LeadlightError
from serving.desk import Desk
from serving.store import backing_up, outbox, retention
from serving.store.tables import OUTBOX


def backup(desk: Desk, out: Path) -> dict[str, Any]:
    """Copy the database and the bundles into a new folder, which is a data folder of its own.

    Raises:
        LeadlightError: there is something at ``out``, or the database makes its own backups.
    """
    try:
        out.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise LeadlightError(f"{out} exists; a backup is never written over another") from error
    except OSError as error:
        raise LeadlightError(f"{out} cannot be made: {error.strerror}") from error
    try:
        backing_up.backup(desk.store, out / "service.db")
    except LeadlightError:
        shutil.rmtree(out, ignore_errors=True)
        raise
    for fingerprint in desk.bundles.fingerprints():
        shutil.copytree(desk.bundles.path_of(fingerprint), out / "bundles" / fingerprint)
    key = desk.settings.data / "log.key"
    if key.is_file():
        shutil.copy2(key, out / "log.key")
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    return {"out": str(out), "bytes": size, "bundles": len(desk.bundles.fingerprints())}


def purge(desk: Desk) -> dict[str, int]:
    """Remove what is past its time, a little at a time: a running service writes in between."""
    days, gone = desk.settings.retention_days, 0
    while True:
        with desk.store.writing() as connection:
            count = retention.purge(connection, desk.clock.now(), days)
        gone += count
        if not count:
            return {"rows": gone}


def dead_letters(desk: Desk, tenant: str) -> list[dict[str, Any]]:
    """Changes that the receiver did not take, the newest first; the lead is not named."""
    columns = (OUTBOX.c.id, OUTBOX.c.prediction_id, OUTBOX.c.attempts, OUTBOX.c.problem, OUTBOX.c.settled_at)
    query = select(*columns).where(OUTBOX.c.tenant == tenant, OUTBOX.c.state == "dead")
    with desk.store.reading() as connection:
        rows = connection.execute(query.order_by(OUTBOX.c.id.desc()).limit(1000)).all()
    return [
        {**row._mapping, "settled_at": None if row.settled_at is None else iso(row.settled_at)}  # noqa: SLF001
        for row in rows
    ]


def replay(desk: Desk, tenant: str) -> int:
    """Have dead letters tried again; how many."""
    with desk.store.writing() as connection:
        return outbox.replay_dead(connection, tenant, desk.clock.now())

"""Brings the tables of a database to the form that this version knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from features.errors import LeadlightError

FOLDER: Final = Path(__file__).parent / "migrations"

NEWEST: Final = "0001"
"""The last step. Where a database is there already, Alembic is not even loaded: a quarter of a start's time."""


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the caller's transaction.

    Raises:
        LeadlightError: the database was made by a newer version.
    """
    at = _at(connection)
    if at != NEWEST:
        _run_missing(connection, at)


def _at(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_missing(connection: Connection, at: str | None) -> None:
    from alembic.operations import Operations  # noqa: PLC0415 - see NEWEST
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(FOLDER))
    if at is not None and at not in {script.revision for script in scripts.walk_revisions()}:
        raise LeadlightError(
            f"the database is of a newer version of the service (its tables are at {at})",
            ["install that version, or restore the backup that was made before the upgrade"],
        )

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 - as alembic's own command does

    context = MigrationContext.configure(connection, opts={"fn": steps, "script": scripts})
    with Operations.context(context), context.begin_transaction():
        context.run_migrations()

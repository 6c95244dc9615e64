"""Sessions that somebody signed out of, until they would have ended by themselves."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from serving.store.statements import Statement, upsert
from serving.store.tables import ENDED_SESSIONS

_KEEP: Final = upsert(ENDED_SESSIONS, replace=())
_FIND: Final = Statement(
    select(ENDED_SESSIONS.c.session_id).where(ENDED_SESSIONS.c.session_id == bindparam("session_id"))
)


def end(connection: Connection, session_id: str, expires_at: int, now: int) -> None:
    """Note that a session is over; those that ended by themselves meanwhile need no note any more."""
    connection.execute(delete(ENDED_SESSIONS).where(ENDED_SESSIONS.c.expires_at <= now))
    _KEEP.run(connection, session_id=session_id, expires_at=expires_at)


def is_ended(connection: Connection, session_id: str) -> bool:
    """Whether somebody signed out of it."""
    return bool(_FIND.rows(connection, session_id=session_id))

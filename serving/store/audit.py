"""Who did what that matters to people: keys, models, erasures, objections. Names nobody it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, insert, select

from serving.store.meta import keyed_hash
from serving.store.tables import AUDIT

Action = Literal[
    "key_created", "key_revoked", "activated", "rolled_back", "forgotten", "objected", "objection_withdrawn"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log. ``subject_hash``: ``meta.keyed_hash`` of the id of what it was done to."""

    id: int
    tenant: str
    at: int
    actor: str
    action: str
    subject_hash: str | None


_FIELDS: Final = tuple(Entry.__dataclass_fields__)


def add(  # noqa: PLR0917 - a line of a log
    connection: Connection, tenant: str, at: int, actor: str, action: Action, subject: str | None = None
) -> None:
    """Write a line; ``subject`` is hashed."""
    hashed = None if subject is None else keyed_hash(connection, tenant, subject)
    connection.execute(
        insert(AUDIT), {"tenant": tenant, "at": at, "actor": actor, "action": action, "subject_hash": hashed}
    )


def entries(
    connection: Connection, tenant: str, *, subject: str | None = None, limit: int = 1000
) -> list[Entry]:
    """The newest lines first; with ``subject``, those about it."""
    query = (
        select(*(AUDIT.c[name] for name in _FIELDS))
        .where(AUDIT.c.tenant == tenant)
        .order_by(AUDIT.c.id.desc())
        .limit(limit)
    )
    if subject is not None:
        query = query.where(AUDIT.c.subject_hash == keyed_hash(connection, tenant, subject))
    return [Entry(*row) for row in connection.execute(query)]

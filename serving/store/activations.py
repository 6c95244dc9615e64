"""The log of which bundle answers in which role, from when on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from serving.store import audit
from serving.store.statements import Statement
from serving.store.tables import ACTIVATIONS

Role = Literal["champion", "challenger"]
State = Literal["active", "replaced", "rolled_back", "refused"]
"""``rolled_back``: replaced because it was no good, so that no later rollback goes back to it."""

EVERYWHERE: Final = ""
"""The tenant of audit lines about what all tenants share."""


@dataclass(frozen=True, slots=True)
class Activation:
    """One entry. ``fingerprint``: none says that the role is empty from here on."""

    id: int
    at: int
    role: Role
    fingerprint: str | None
    actor: str
    state: State


_FIELDS: Final = tuple(Activation.__dataclass_fields__)
_COLUMNS: Final = [ACTIVATIONS.c[name] for name in _FIELDS]
_CURRENT: Final = Statement(
    select(*_COLUMNS).where(ACTIVATIONS.c.role == bindparam("role"), ACTIVATIONS.c.state == "active")
)


def activate(connection: Connection, role: Role, fingerprint: str | None, actor: str, now: int) -> Activation:
    """Have a bundle answer in a role; the one before is replaced."""
    audit.add(connection, EVERYWHERE, now, actor, "activated", f"{role} {fingerprint}")
    return _append(connection, role, fingerprint, actor, now)


def current(connection: Connection, role: Role) -> Activation | None:
    """What answers in a role."""
    rows = _CURRENT.rows(connection, role=role)
    return Activation(*rows[0]) if rows else None


def previous(connection: Connection, role: Role = "champion") -> Activation | None:
    """What a rollback goes back to: what answered before, with another bundle than now.

    A bundle that was rolled back from is passed over, unless it was activated anew since then.
    """
    now = current(connection, role)
    later = ACTIVATIONS.alias()
    no_good = exists().where(
        later.c.role == role,
        later.c.state == "rolled_back",
        later.c.id > ACTIVATIONS.c.id,
        later.c.fingerprint == ACTIVATIONS.c.fingerprint,
    )
    query = select(*_COLUMNS).where(ACTIVATIONS.c.role == role, ACTIVATIONS.c.state == "replaced", ~no_good)
    if now is not None:
        query = query.where(ACTIVATIONS.c.id < now.id, ACTIVATIONS.c.fingerprint != (now.fingerprint or ""))
    row = connection.execute(query.order_by(ACTIVATIONS.c.id.desc()).limit(1)).first()
    return None if row is None else Activation(*row)


def rollback(connection: Connection, actor: str, now: int) -> Activation | None:
    """Have the champion before the present one answer again; ``None`` where there is none.

    Done twice it goes back two: what was rolled back from is not come back to but by ``activate``.
    """
    before = previous(connection)
    if before is None:
        return None
    audit.add(connection, EVERYWHERE, now, actor, "rolled_back", f"champion {before.fingerprint}")
    return _append(connection, "champion", before.fingerprint, actor, now, left="rolled_back")


def refuse(connection: Connection, which: int) -> Activation | None:
    """Take an activation back that could not be loaded; what answered before it stands again and is returned."""
    row = connection.execute(select(*_COLUMNS).where(ACTIVATIONS.c.id == which)).first()
    if row is None or row.state != "active":
        return None
    connection.execute(update(ACTIVATIONS).where(ACTIVATIONS.c.id == which).values(state="refused"))
    query = (
        select(ACTIVATIONS.c.id)
        .where(
            ACTIVATIONS.c.role == row.role,
            ACTIVATIONS.c.state.in_(("replaced", "rolled_back")),
            ACTIVATIONS.c.id < which,
        )
        .order_by(ACTIVATIONS.c.id.desc())
        .limit(1)
    )
    before = connection.execute(query).scalar()
    if before is not None:
        connection.execute(update(ACTIVATIONS).where(ACTIVATIONS.c.id == before).values(state="active"))
    return current(connection, row.role)


def log(connection: Connection, limit: int = 100) -> list[Activation]:
    """The newest entries first."""
    query = select(*_COLUMNS).order_by(ACTIVATIONS.c.id.desc()).limit(limit)
    return [Activation(*row) for row in connection.execute(query)]


def _append(  # noqa: PLR0917 - an entry
    connection: Connection,
    role: Role,
    fingerprint: str | None,
    actor: str,
    now: int,
    left: State = "replaced",
) -> Activation:
    """Append an entry; ``left`` is what becomes of the one that was active."""
    connection.execute(
        update(ACTIVATIONS)
        .where(ACTIVATIONS.c.role == role, ACTIVATIONS.c.state == "active")
        .values(state=left)
    )
    values = {"at": now, "role": role, "fingerprint": fingerprint, "actor": actor, "state": "active"}
    row = connection.execute(insert(ACTIVATIONS).values(values).returning(*_COLUMNS)).one()
    return Activation(*row)

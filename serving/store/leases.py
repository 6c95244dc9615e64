"""What only one worker at a time may do, held until a moment."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete, or_, update

from serving.store.statements import Statement, upsert
from serving.store.tables import LEASES

_TAKE: Final = Statement(
    update(LEASES)
    .where(
        LEASES.c.name == bindparam("what"),
        or_(LEASES.c.holder == bindparam("who"), LEASES.c.until <= bindparam("now")),
    )
    .values(holder=bindparam("who"), until=bindparam("end"))
)
_FIRST: Final = upsert(LEASES, replace=())
_LET_GO: Final = Statement(
    delete(LEASES).where(LEASES.c.name == bindparam("what"), LEASES.c.holder == bindparam("who"))
)


def hold(connection: Connection, name: str, holder: str, now: int, until: int) -> bool:
    """Become, or stay, the only holder until ``until``; False if it is another's."""
    _FIRST.run(connection, name=name, holder=holder, until=now)
    return _TAKE.run(connection, what=name, who=holder, now=now, end=until) > 0


def let_go(connection: Connection, name: str, holder: str) -> None:
    """Let another take it."""
    _LET_GO.run(connection, what=name, who=holder)

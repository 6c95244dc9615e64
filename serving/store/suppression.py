"""People who objected to profiling, and people who were erased: neither is scored."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from sqlalchemy import Connection, bindparam, delete, select

from serving.store import audit, idempotency, leads
from serving.store.statements import Among, Statement, upsert
from serving.store.tables import LATEST_SCORES, OBJECTIONS, OUTBOX

Standing = Literal["objected", "forgotten"]

_OBJECTED: Final = Statement(
    select(OBJECTIONS.c.lead_id).where(
        OBJECTIONS.c.tenant == bindparam("tenant"), Among("ids", OBJECTIONS.c.lead_id)
    )
)
_OBJECT: Final = upsert(OBJECTIONS, replace=())


def standing(connection: Connection, tenant: str, lead_ids: Collection[str]) -> dict[str, Standing]:
    """Those of the leads that must not be scored, and why; leads that the store does not know too."""
    rows = _OBJECTED.rows(connection, tenant=tenant, ids=list(lead_ids))
    found: dict[str, Standing] = {row[0]: "objected" for row in rows}
    found.update(dict.fromkeys(leads.forgotten_among(connection, tenant, lead_ids), "forgotten"))
    return found


def object_to_profiling(
    connection: Connection,
    tenant: str,
    lead_id: str,
    reason: str | None,
    now: int,
    *,
    actor: str = "command line",
) -> None:
    """Compute no score of this lead from here on, and use none of the earlier ones.

    Its latest score leaves the queue, what the CRM was not told yet is not told, and no answer about it is
    repeated to a request that is sent again. Answers given before stay on record. Nothing changes where an
    objection stands already.

    What it did still counts for the other contacts of its account, and in training, where nobody is told of it;
    only erasing takes that away.
    """
    if standing(connection, tenant, [lead_id]):
        return
    _OBJECT.run(connection, tenant=tenant, lead_id=lead_id, at=now, reason=reason)
    for table in (LATEST_SCORES, OUTBOX):
        connection.execute(delete(table).where(table.c.tenant == tenant, table.c.lead_id == lead_id))
    idempotency.forget(connection, tenant, lead_id)
    audit.add(connection, tenant, now, actor, "objected", lead_id)


def withdraw(
    connection: Connection, tenant: str, lead_id: str, now: int, *, actor: str = "command line"
) -> bool:
    """The person agrees again; False where there was no objection."""
    rows = connection.execute(
        delete(OBJECTIONS).where(OBJECTIONS.c.tenant == tenant, OBJECTIONS.c.lead_id == lead_id)
    ).rowcount
    if rows:
        audit.add(connection, tenant, now, actor, "objection_withdrawn", lead_id)
    return rows > 0

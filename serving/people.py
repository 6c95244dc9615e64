"""What people may ask of us: to be erased, and not to be scored."""

from __future__ import annotations

from typing import Any

from serving.desk import Desk
from serving.store import erase, suppression


def forget(desk: Desk, tenant: str, lead_id: str) -> dict[str, Any]:
    """Erase everything about a lead. A running service may hold a write of it for a moment; then it is refused."""
    erase.forget(desk.store, tenant, lead_id, desk.settings.data, now=desk.clock.now())
    return {"forgotten": True}


def object_to_profiling(desk: Desk, tenant: str, lead_id: str, reason: str | None) -> dict[str, Any]:
    """Record an objection; it counts whether the lead is known or not."""
    with desk.store.writing() as connection:
        suppression.object_to_profiling(connection, tenant, lead_id, reason, desk.clock.now())
    return {"objected": True}


def withdraw(desk: Desk, tenant: str, lead_id: str) -> dict[str, Any]:
    """Take an objection back; tells whether there was one."""
    with desk.store.writing() as connection:
        return {"withdrawn": suppression.withdraw(connection, tenant, lead_id, desk.clock.now())}

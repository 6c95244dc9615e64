"""Evidence goes out: everything known about one lead, in an order that does not depend on how it came in."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, Select, bindparam, select

from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from serving.store.statements import Statement
from serving.store.tables import ATTRIBUTES, EVENTS, LEADS, STAGES

_EVENT: Final = [EVENTS.c[name] for name in Event._fields]

_LEAD: Final = Statement(
    select(LEADS.c.created_at, LEADS.c.account_id, LEADS.c.service_line).where(
        LEADS.c.tenant == bindparam("tenant"), LEADS.c.lead_id == bindparam("lead_id")
    )
)
_EVENTS: Final = Statement(
    select(*_EVENT)
    .where(EVENTS.c.tenant == bindparam("tenant"), EVENTS.c.lead_id == bindparam("lead_id"))
    .order_by(EVENTS.c.occurred_at, EVENTS.c.known_at, EVENTS.c.event_id)
)
_STAGES: Final = Statement(
    select(*(STAGES.c[name] for name in StageEntry._fields))
    .where(STAGES.c.tenant == bindparam("tenant"), STAGES.c.lead_id == bindparam("lead_id"))
    .order_by(STAGES.c.entered_at, STAGES.c.known_at, STAGES.c.stage)
)


def _facts() -> Select[tuple[object, ...]]:
    by = (
        *(ATTRIBUTES.c[name] for name in ("occurred_at", "known_at", "field")),
        ATTRIBUTES.c.value.nulls_first(),
    )
    return (
        select(*(ATTRIBUTES.c[name] for name in Fact._fields))
        .where(
            ATTRIBUTES.c.tenant == bindparam("tenant"),
            ATTRIBUTES.c.entity == bindparam("entity"),
            ATTRIBUTES.c.entity_id == bindparam("entity_id"),
        )
        .order_by(*by)
    )


_FACTS: Final = Statement(_facts())
_COLLEAGUES: Final = Statement(
    select(LEADS.c.lead_id, LEADS.c.created_at, *_EVENT)
    .select_from(
        LEADS.outerjoin(EVENTS, (EVENTS.c.tenant == LEADS.c.tenant) & (EVENTS.c.lead_id == LEADS.c.lead_id))
    )
    .where(
        LEADS.c.tenant == bindparam("tenant"),
        LEADS.c.account_id == bindparam("account_id"),
        LEADS.c.lead_id != bindparam("lead_id"),
    )
    .order_by(LEADS.c.lead_id, EVENTS.c.occurred_at, EVENTS.c.known_at, EVENTS.c.event_id)
)


def read_evidence(
    connection: Connection, tenant: str, lead_id: str, *, with_account: bool
) -> Evidence | None:
    """Everything known about a lead; ``None`` where the tenant has no such lead.

    Rows are in order of (when it happened, when it was known, what it says).

    Args:
        connection: where from.
        tenant: whose.
        lead_id: which.
        with_account: read the colleagues too; facts of the account are always read.
    """
    found = _LEAD.rows(connection, tenant=tenant, lead_id=lead_id)
    if not found:
        return None
    created_at, account_id, service_line = found[0]
    return Evidence(
        lead_id,
        created_at,
        account_id,
        service_line,
        events=tuple(map(Event._make, _EVENTS.rows(connection, tenant=tenant, lead_id=lead_id))),
        stages=tuple(map(StageEntry._make, _STAGES.rows(connection, tenant=tenant, lead_id=lead_id))),
        facts=_facts_of(connection, tenant, "lead", lead_id),
        account_facts=() if account_id is None else _facts_of(connection, tenant, "account", account_id),
        colleagues=_colleagues(connection, tenant, account_id, lead_id)
        if with_account and account_id
        else (),
    )


def _facts_of(connection: Connection, tenant: str, entity: str, entity_id: str) -> tuple[Fact, ...]:
    rows = _FACTS.rows(connection, tenant=tenant, entity=entity, entity_id=entity_id)
    return tuple(map(Fact._make, rows))


def _colleagues(connection: Connection, tenant: str, account_id: str, lead_id: str) -> tuple[Colleague, ...]:
    rows = _COLLEAGUES.rows(connection, tenant=tenant, account_id=account_id, lead_id=lead_id)
    return tuple(
        Colleague(lead, created_at, tuple(Event._make(row[2:]) for row in group if row[2] is not None))
        for (lead, created_at), group in groupby(rows, key=itemgetter(0, 1))
    )

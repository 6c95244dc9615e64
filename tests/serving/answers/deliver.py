"""Evidence put into a store, as a CRM delivers it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from features.evidence import Evidence
from serving.store import evidence
from serving.store.rows import AttributeRow, EventRow, LeadRow, StageRow


def deliver(connection: Connection, leads: Sequence[Evidence], *, tenant: str = "acme", now: int = 0) -> None:
    """All that is known about ``leads``; their colleagues are leads of their own."""
    of_accounts = {lead.account_id: lead.account_facts for lead in leads}
    evidence.put_leads(
        connection,
        tenant,
        [LeadRow(lead.lead_id, lead.created_at, lead.account_id, lead.service_line) for lead in leads],
        now,
    )
    evidence.put_events(
        connection, tenant, [EventRow(lead.lead_id, *event) for lead in leads for event in lead.events], now
    )
    evidence.put_stages(
        connection, tenant, [StageRow(lead.lead_id, *entry) for lead in leads for entry in lead.stages], now
    )
    facts = [AttributeRow("lead", lead.lead_id, *fact) for lead in leads for fact in lead.facts]
    facts += [
        AttributeRow("account", str(one), *fact) for one, known in of_accounts.items() for fact in known
    ]
    evidence.put_attributes(connection, tenant, facts, now)

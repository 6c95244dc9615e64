"""What reviewers say about a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select

from serving.store.errors import LeadForgotten
from serving.store.leads import forgotten_among
from serving.store.statements import Statement, upsert
from serving.store.tables import FEEDBACK


@dataclass(frozen=True, slots=True)
class Feedback:
    """A verdict on a prediction, or on a lead without one.

    Attributes:
        actor: id of the key that said so. verdict: accept, reject, recycle or disagree.
        reason: one of the playbook's. signal: whose reason the reviewer disagrees with.
    """

    feedback_id: str
    tenant: str
    lead_id: str
    prediction_id: str | None
    at: int
    actor: str
    verdict: str
    reason: str | None = None
    signal: str | None = None
    note: str | None = None


FIELDS: Final = tuple(Feedback.__dataclass_fields__)

_ADD: Final = upsert(FEEDBACK, replace=())
_OF_LEAD: Final = Statement(
    select(*(FEEDBACK.c[name] for name in FIELDS))
    .where(FEEDBACK.c.tenant == bindparam("tenant"), FEEDBACK.c.lead_id == bindparam("lead_id"))
    .order_by(FEEDBACK.c.at.desc(), FEEDBACK.c.feedback_id.desc())
    .limit(bindparam("most"))
)


def add(connection: Connection, said: Feedback) -> None:
    """Keep a verdict; one with the same id is kept once.

    Raises:
        LeadForgotten: the lead was erased.
    """
    if forgotten_among(connection, said.tenant, [said.lead_id]):
        raise LeadForgotten("the lead was erased; nothing is recorded about it any more")
    _ADD.run(connection, **{name: getattr(said, name) for name in FIELDS})


def of_lead(connection: Connection, tenant: str, lead_id: str, limit: int = 100) -> list[Feedback]:
    """What was said about a lead, the newest first."""
    return [Feedback(*row) for row in _OF_LEAD.rows(connection, tenant=tenant, lead_id=lead_id, most=limit)]

"""What a score starts from: one lead, its revision and its last score, in one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, bindparam, select

from serving.store.statements import Statement
from serving.store.tables import ACCOUNTS, LATEST_SCORES, LEADS, OBJECTIONS


@dataclass(frozen=True, slots=True)
class Last:
    """The latest score of a lead that counts: of the arm that answers, not a shadow."""

    prediction_id: str
    as_of: int
    log_odds: float
    points: float
    probability: float
    band: str
    bundle: str
    revision: int


@dataclass(frozen=True, slots=True)
class Head:
    """A lead at a glance.

    Attributes:
        revision: grows with every change of what can be seen of the lead, its account's facts and its
            colleagues included. Evidence read under one revision need not be read again under the same.
        objected: the person objected to profiling; no score may be computed.
    """

    revision: int
    account_id: str | None
    service_line: str | None
    created_at: int
    objected: bool
    last: Last | None


_LAST: Final = ("prediction_id", "as_of", "log_odds", "points", "probability", "band", "bundle", "revision")

_HEAD: Final = Statement(
    select(
        LEADS.c.revision,
        ACCOUNTS.c.revision.label("account_revision"),
        LEADS.c.account_id,
        LEADS.c.service_line,
        LEADS.c.created_at,
        OBJECTIONS.c.at,
        *(LATEST_SCORES.c[name].label(f"last_{name}") for name in _LAST),
    )
    .select_from(
        LEADS.outerjoin(
            ACCOUNTS, and_(ACCOUNTS.c.tenant == LEADS.c.tenant, ACCOUNTS.c.account_id == LEADS.c.account_id)
        )
        .outerjoin(
            OBJECTIONS, and_(OBJECTIONS.c.tenant == LEADS.c.tenant, OBJECTIONS.c.lead_id == LEADS.c.lead_id)
        )
        .outerjoin(
            LATEST_SCORES,
            and_(LATEST_SCORES.c.tenant == LEADS.c.tenant, LATEST_SCORES.c.lead_id == LEADS.c.lead_id),
        )
    )
    .where(LEADS.c.tenant == bindparam("tenant"), LEADS.c.lead_id == bindparam("lead_id"))
)


def head(connection: Connection, tenant: str, lead_id: str) -> Head | None:
    """What a score of this lead starts from; ``None`` where the tenant has no such lead."""
    rows = _HEAD.rows(connection, tenant=tenant, lead_id=lead_id)
    if not rows:
        return None
    revision, account_revision, account_id, service_line, created_at, objected_at, *last = rows[0]
    return Head(
        max(revision, account_revision or 0),
        account_id,
        service_line,
        created_at,
        objected_at is not None,
        None if last[0] is None else Last(*last),
    )

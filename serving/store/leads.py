"""The rows of leads: loaded, made for evidence that came before its lead, and stamped when something changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, func, select, union_all, update

from serving.store.merging import KnownLead
from serving.store.meta import keyed_hashes
from serving.store.statements import Among, Statement, upsert
from serving.store.tables import (
    ACCOUNTS,
    ATTRIBUTES,
    EVENTS,
    FORGOTTEN,
    LATEST_SCORES,
    LEADS,
    REVISIONS,
    STAGES,
)

_NEXT: Final = Statement(
    update(REVISIONS)
    .where(REVISIONS.c.tenant == bindparam("of"))
    .values(last=REVISIONS.c.last + 1)
    .returning(REVISIONS.c.last)
)
_FIRST: Final = upsert(REVISIONS, replace=())
_KEEP: Final = upsert(LEADS)
_STAMP_LEAD: Final = Statement(
    update(LEADS)
    .where(LEADS.c.tenant == bindparam("of"), LEADS.c.lead_id == bindparam("lead"))
    .values(revision=bindparam("number"))
)
_STAMP_ACCOUNT: Final = upsert(ACCOUNTS)
_MEND: Final = Statement(
    update(LEADS)
    .where(
        LEADS.c.tenant == bindparam("of"),
        LEADS.c.lead_id == bindparam("lead"),
        LEADS.c.created_at != bindparam("at"),
    )
    .values(created_at=bindparam("at"), recorded_at=bindparam("now"))
)


_ANY_FORGOTTEN: Final = Statement(
    select(FORGOTTEN.c.at).where(FORGOTTEN.c.tenant == bindparam("tenant")).limit(1)
)
_FORGOTTEN: Final = Statement(
    select(FORGOTTEN.c.lead_hash).where(
        FORGOTTEN.c.tenant == bindparam("tenant"), Among("hashes", FORGOTTEN.c.lead_hash)
    )
)
_LOAD: Final = Statement(
    select(LEADS.c.lead_id, *(LEADS.c[name] for name in KnownLead._fields)).where(
        LEADS.c.tenant == bindparam("tenant"), Among("ids", LEADS.c.lead_id)
    )
)


def _earliest() -> Select[Any]:
    moments = union_all(
        *(
            select(lead.label("lead"), func.min(at).label("at"))
            .where(lead.table.c.tenant == bindparam("tenant"), Among("ids", lead), *where)
            .group_by(lead)
            for lead, at, where in (
                (EVENTS.c.lead_id, EVENTS.c.occurred_at, ()),
                (STAGES.c.lead_id, STAGES.c.entered_at, ()),
                (ATTRIBUTES.c.entity_id, ATTRIBUTES.c.occurred_at, (ATTRIBUTES.c.entity == "lead",)),
            )
        )
    ).subquery()
    return select(moments.c.lead, func.min(moments.c.at)).group_by(moments.c.lead)


_EARLIEST: Final = Statement(_earliest())
_LAST_ASKED: Final = Statement(
    select(LATEST_SCORES.c.lead_id, LATEST_SCORES.c.as_of).where(
        LATEST_SCORES.c.tenant == bindparam("tenant"), Among("ids", LATEST_SCORES.c.lead_id)
    )
)
_LAST_ASKED_OF_ACCOUNTS: Final = Statement(
    select(LEADS.c.account_id, func.max(LATEST_SCORES.c.as_of))
    .select_from(
        LEADS.join(
            LATEST_SCORES,
            and_(LATEST_SCORES.c.tenant == LEADS.c.tenant, LATEST_SCORES.c.lead_id == LEADS.c.lead_id),
        )
    )
    .where(LEADS.c.tenant == bindparam("tenant"), Among("ids", LEADS.c.account_id))
    .group_by(LEADS.c.account_id)
)


def forgotten_among(connection: Connection, tenant: str, lead_ids: Collection[str]) -> frozenset[str]:
    """Those of the leads that were erased and must not come back."""
    if not _ANY_FORGOTTEN.rows(connection, tenant=tenant):
        return frozenset()
    by_hash = dict(zip(keyed_hashes(connection, tenant, lead_ids), lead_ids, strict=True))
    rows = _FORGOTTEN.rows(connection, tenant=tenant, hashes=list(by_hash))
    return frozenset(by_hash[row[0]] for row in rows)


def load(connection: Connection, tenant: str, lead_ids: Collection[str]) -> dict[str, KnownLead]:
    """What is stored of these leads."""
    rows = _LOAD.rows(connection, tenant=tenant, ids=list(lead_ids))
    return {row[0]: KnownLead(row[1], row[2], row[3], row[4], arrived=bool(row[5])) for row in rows}


def save(
    connection: Connection, tenant: str, leads: Mapping[str, KnownLead], revision: int, now: int
) -> None:
    """Insert or replace these leads, recorded ``now``."""
    _KEEP.run_many(
        connection,
        [
            {
                "tenant": tenant,
                "lead_id": lead_id,
                "revision": revision,
                "recorded_at": now,
                **lead._asdict(),
            }
            for lead_id, lead in sorted(leads.items())
        ],
    )


def next_revision(connection: Connection, tenant: str) -> int:
    """A number greater than any that this tenant's leads and accounts were stamped with."""
    rows = _NEXT.rows(connection, of=tenant)
    if rows:
        return int(rows[0][0])
    _FIRST.run(connection, tenant=tenant, last=0)
    return next_revision(connection, tenant)


def stamp(
    connection: Connection,
    tenant: str,
    revision: int,
    lead_ids: Iterable[str],
    account_ids: Iterable[str | None],
) -> None:
    """Say that something changed which these leads, and every lead of these accounts, see."""
    _STAMP_LEAD.run_many(
        connection, [{"of": tenant, "lead": lead, "number": revision} for lead in sorted(set(lead_ids))]
    )
    accounts = sorted({account for account in account_ids if account is not None})
    _STAMP_ACCOUNT.run_many(
        connection, [{"tenant": tenant, "account_id": account, "revision": revision} for account in accounts]
    )


def mend_created_at(connection: Connection, tenant: str, lead_ids: Collection[str], now: int) -> None:
    """Put the earliest moment that is known of leads which have not arrived themselves in place of their creation."""
    if lead_ids:
        found = _EARLIEST.rows(connection, tenant=tenant, ids=list(lead_ids))
        _MEND.run_many(connection, [{"of": tenant, "lead": lead, "at": at, "now": now} for lead, at in found])


def last_asked(connection: Connection, tenant: str, lead_ids: Collection[str]) -> dict[str, int]:
    """The moments of the latest scores of these leads. What arrives now was not known before them."""
    rows = _LAST_ASKED.rows(connection, tenant=tenant, ids=list(lead_ids))
    return {row[0]: row[1] for row in rows}


def last_asked_of_accounts(
    connection: Connection, tenant: str, account_ids: Collection[str]
) -> dict[str, int]:
    """The same of accounts: of whichever of their leads was asked about last."""
    rows = _LAST_ASKED_OF_ACCOUNTS.rows(connection, tenant=tenant, ids=list(account_ids))
    return {row[0]: row[1] for row in rows}

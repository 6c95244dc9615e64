"""When rows arrived: an answer about the past sees what came here late, an answer given then did not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, Connection, Exists, Select, Table, and_, bindparam, exists, or_, select

from features.evidence import Event, Fact, StageEntry
from serving.store.statements import Among, Statement
from serving.store.tables import ATTRIBUTES, EVENTS, LEADS, STAGES

Plain = dict[str, Any]


class Late(NamedTuple):
    """Whether something that counts at a moment of the past was recorded after it.

    Attributes:
        lead: what the lead is: its account, its service line, when it was created.
        evidence: events, stages or values of fields, of its account and of the other contacts too.
    """

    lead: bool
    evidence: bool


class Seen(NamedTuple):
    """What an answer about the past looks at.

    Attributes:
        excused: fields that count from when they were so, whenever they became known.
        with_colleagues: the other contacts of the account too.
    """

    lead_id: str
    account_id: str | None
    as_of: int
    excused: Collection[str] = ()
    with_colleagues: bool = False


def _since_then(*conditions: Any, among: Any) -> Exists:
    return exists().where(
        among.c.tenant == bindparam("tenant"), among.c.recorded_at >= bindparam("as_of"), *conditions
    )


def _late() -> Select[bool, bool]:
    as_of: BindParameter[int] = bindparam("as_of")
    lead_id: BindParameter[str] = bindparam("lead_id")
    own = LEADS.c.lead_id == lead_id
    others = LEADS.alias()
    colleagues = select(others.c.lead_id).where(
        others.c.tenant == bindparam("tenant"), others.c.account_id == bindparam("company")
    )
    of_the_account = and_(
        LEADS.c.account_id == bindparam("company"), LEADS.c.lead_id != lead_id, LEADS.c.created_at < as_of
    )
    facts = or_(
        and_(ATTRIBUTES.c.entity == "lead", ATTRIBUTES.c.entity_id == lead_id),
        and_(ATTRIBUTES.c.entity == "account", ATTRIBUTES.c.entity_id == bindparam("account_id")),
    )
    read_then = or_(ATTRIBUTES.c.known_at < as_of, Among("excused", ATTRIBUTES.c.field))
    evidence = or_(
        _since_then(EVENTS.c.lead_id == lead_id, EVENTS.c.known_at < as_of, among=EVENTS),
        _since_then(EVENTS.c.lead_id.in_(colleagues), EVENTS.c.known_at < as_of, among=EVENTS),
        _since_then(STAGES.c.lead_id == lead_id, STAGES.c.known_at < as_of, among=STAGES),
        _since_then(facts, read_then, ATTRIBUTES.c.occurred_at < as_of, among=ATTRIBUTES),
        _since_then(of_the_account, among=LEADS),
    )
    return select(_since_then(own, among=LEADS).label("lead"), evidence.label("evidence"))


_LATE: Final = Statement(_late())


def late(connection: Connection, tenant: str, seen: Seen) -> Late:
    """What counts for an answer about the past and was recorded from its moment on."""
    company = seen.account_id if seen.with_colleagues else None
    rows = _LATE.rows(
        connection,
        tenant=tenant,
        lead_id=seen.lead_id,
        as_of=seen.as_of,
        excused=list(seen.excused),
        account_id=seen.account_id or "",
        company=company or "",
    )
    return Late(bool(rows[0][0]), bool(rows[0][1]))


class Held(NamedTuple):
    """What is stored about a lead, each row with ``recorded_at``, in the order in which evidence is read."""

    recorded_at: int
    events: list[Plain]
    stages: list[Plain]
    facts: list[Plain]
    account_facts: list[Plain]


def held(connection: Connection, tenant: str, lead_id: str, account_id: str | None) -> Held | None:
    """The rows of a lead and the facts of its account; ``None`` where there is no such lead."""
    this = LEADS.c.tenant == tenant, LEADS.c.lead_id == lead_id
    recorded_at = connection.execute(select(LEADS.c.recorded_at).where(*this)).scalar()
    if recorded_at is None:
        return None

    def facts(entity: str, entity_id: str) -> list[Plain]:
        return _plain(
            connection, tenant, ATTRIBUTES, Fact._fields, {"entity": entity, "entity_id": entity_id}
        )

    return Held(
        recorded_at,
        _plain(connection, tenant, EVENTS, Event._fields, {"lead_id": lead_id}),
        _plain(connection, tenant, STAGES, StageEntry._fields, {"lead_id": lead_id}),
        facts("lead", lead_id),
        [] if account_id is None else facts("account", account_id),
    )


def _plain(
    connection: Connection, tenant: str, table: Table, names: Sequence[str], of: dict[str, str]
) -> list[Plain]:
    happened = "entered_at" if table is STAGES else "occurred_at"
    shown = (*names, "recorded_at")
    query = (
        select(*(table.c[name] for name in shown))
        .where(table.c.tenant == tenant, *(table.c[name] == value for name, value in of.items()))
        .order_by(table.c[happened], table.c.known_at, *table.primary_key)
    )
    return [dict(zip(shown, row, strict=True)) for row in connection.execute(query)]

"""Evidence comes in: leads, events, attributes and stages, in any order and as often as it likes.

Each ``put_`` takes rows as they were delivered and says what became of each, in the same order. Rows about a
lead that was erased are refused; rows about a lead that has not come yet make it, created at the earliest
moment known of it until it comes itself. Which row stays where two say different things: ``merging``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, bindparam, func, select

from serving.store import leads, merging
from serving.store.heads import Head, Last, head
from serving.store.merging import KnownLead
from serving.store.reading import read_evidence
from serving.store.rows import (
    FORGOTTEN,
    KNOWN_DIFFERENTLY,
    STORED,
    UNCHANGED,
    AttributeRow,
    EventRow,
    LeadRow,
    Outcome,
    StageRow,
)
from serving.store.statements import Among, Statement, upsert
from serving.store.tables import ATTRIBUTES, EVENTS, LEADS, STAGES

__all__ = [
    "Head",
    "Last",
    "count_leads",
    "head",
    "put_attributes",
    "put_events",
    "put_leads",
    "put_stages",
    "read_evidence",
]

R = TypeVar("R", EventRow, StageRow)
T = TypeVar("T")
Key = tuple[Any, ...]

AT_ONCE: Final = 1_000
"""Rows that are looked up together."""
NOT_STATED: Final = -1

_EVENTS: Final = Statement(
    select(*(EVENTS.c[name] for name in EventRow._fields)).where(
        EVENTS.c.tenant == bindparam("tenant"),
        Among("keys", EVENTS.c.lead_id, EVENTS.c.event_id),
    )
)
_STAGES: Final = Statement(
    select(*(STAGES.c[name] for name in StageRow._fields)).where(
        STAGES.c.tenant == bindparam("tenant"), Among("ids", STAGES.c.lead_id)
    )
)
_ATTRIBUTE_KEY: Final = ("entity", "entity_id", "field", "occurred_at", "stated_at", "digest")
_ATTRIBUTES: Final = Statement(
    select(*(ATTRIBUTES.c[name] for name in (*_ATTRIBUTE_KEY, "known_at"))).where(
        ATTRIBUTES.c.tenant == bindparam("tenant"),
        Among("keys", ATTRIBUTES.c.entity, ATTRIBUTES.c.entity_id),
    )
)
_KEEP_EVENT: Final = upsert(EVENTS)
_KEEP_STAGE: Final = upsert(STAGES)
_KEEP_ATTRIBUTE: Final = upsert(ATTRIBUTES, keep=("recorded_at",))


def put_leads(connection: Connection, tenant: str, rows: Sequence[LeadRow], now: int) -> list[Outcome]:
    """Store leads."""
    return _in_parts(rows, lambda part: _put_leads(connection, tenant, part, now))


def put_events(connection: Connection, tenant: str, rows: Sequence[EventRow], now: int) -> list[Outcome]:
    """Store events; an ``event_id`` counts once per lead."""
    asked = _last_asked(connection, tenant, rows)
    filled = [
        row._replace(
            known_at=_known_at(row.known_at, row.occurred_at, max(now, asked.get(row.lead_id, 0))),
            value=_plain(row.value),
        )
        for row in rows
    ]
    return _in_parts(filled, lambda part: _put_events(connection, tenant, part, now))


def put_stages(connection: Connection, tenant: str, rows: Sequence[StageRow], now: int) -> list[Outcome]:
    """Store stages; a stage entered at one moment counts once per lead."""
    asked = _last_asked(connection, tenant, rows)
    filled = [
        row._replace(known_at=_known_at(row.known_at, row.entered_at, max(now, asked.get(row.lead_id, 0))))
        for row in rows
    ]
    return _in_parts(filled, lambda part: _put_stages(connection, tenant, part, now))


def put_attributes(
    connection: Connection, tenant: str, rows: Sequence[AttributeRow], now: int
) -> list[Outcome]:
    """Store values of fields of leads and of accounts."""
    return _in_parts(rows, lambda part: _put_attributes(connection, tenant, part, now))


def count_leads(connection: Connection, tenant: str) -> int:
    """How many leads there are."""
    query = select(func.count()).select_from(LEADS).where(LEADS.c.tenant == tenant)
    return connection.execute(query).scalar_one()


def _in_parts(rows: Sequence[T], put: Callable[[Sequence[T]], list[Outcome]]) -> list[Outcome]:
    parts = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
    return [outcome for part in parts for outcome in put(part)]


def _last_asked(
    connection: Connection, tenant: str, rows: Sequence[EventRow] | Sequence[StageRow]
) -> dict[str, int]:
    """When leads of which rows arrive without ``known_at`` were last asked about.

    A row that arrives now is not seen as of that moment, even where a clock says that it should be: what was
    answered then must be answered again.
    """
    arriving = {row.lead_id for row in rows if row.known_at is None}
    return leads.last_asked(connection, tenant, arriving) if arriving else {}


def _known_at(stated: int | None, happened: int, now: int) -> int:
    return stated if stated is not None else max(now, happened)


def _plain(value: float | None) -> float | None:
    return None if value is None else value + 0.0  # the two zeros are one


def _put_leads(connection: Connection, tenant: str, rows: Sequence[LeadRow], now: int) -> list[Outcome]:
    ids = {row.lead_id for row in rows}
    gone = leads.forgotten_among(connection, tenant, ids)
    before = leads.load(connection, tenant, ids - gone)
    after = dict(before)
    outcomes = [_fold_lead(after, row) if row.lead_id not in gone else FORGOTTEN for row in rows]
    changed = {lead_id: lead for lead_id, lead in after.items() if before.get(lead_id) != lead}
    if changed:
        revision = leads.next_revision(connection, tenant)
        leads.save(connection, tenant, changed, revision, now)
        accounts = {lead.account_id for lead in changed.values()}
        accounts |= {before[lead_id].account_id for lead_id in changed if lead_id in before}
        leads.stamp(connection, tenant, revision, (), accounts)
    return outcomes


def _fold_lead(known: dict[str, KnownLead], row: LeadRow) -> Outcome:
    old = known.get(row.lead_id)
    new = known[row.lead_id] = merging.merged(old, row)
    if new != old:
        return STORED
    same = new == merging.content(row)
    return UNCHANGED if same or merging.is_older(row, new) else KNOWN_DIFFERENTLY


def _put_events(connection: Connection, tenant: str, rows: Sequence[EventRow], now: int) -> list[Outcome]:
    ids = {row.lead_id for row in rows}
    found = _EVENTS.rows(connection, tenant=tenant, keys=list({row[:2] for row in rows}))
    folded = _Folded({row[:2]: row for row in map(EventRow._make, found)})
    outcomes = folded.take(rows, 2, leads.forgotten_among(connection, tenant, ids))
    owners = _store(connection, tenant, folded.changed, _KEEP_EVENT, now)
    _stamp(connection, tenant, owners, (lead.account_id for lead in owners.values()))
    return outcomes


def _put_stages(connection: Connection, tenant: str, rows: Sequence[StageRow], now: int) -> list[Outcome]:
    ids = {row.lead_id for row in rows}
    found = _STAGES.rows(connection, tenant=tenant, ids=list(ids))
    folded = _Folded({row[:3]: row for row in map(StageRow._make, found)})
    outcomes = folded.take(rows, 3, leads.forgotten_among(connection, tenant, ids))
    _stamp(connection, tenant, _store(connection, tenant, folded.changed, _KEEP_STAGE, now), ())
    return outcomes


class _Folded(Generic[R]):
    """Rows by key, as they are after some deliveries; ``changed`` holds those that have to be written."""

    def __init__(self, known: dict[Key, R]) -> None:
        self.known: dict[Key, R] = known
        self.changed: dict[Key, R] = {}

    def take(self, rows: Sequence[R], key_columns: int, gone: Collection[str]) -> list[Outcome]:
        """What becomes of each row."""
        return [self._take(row, row[:key_columns]) if row.lead_id not in gone else FORGOTTEN for row in rows]

    def _take(self, row: R, key: Key) -> Outcome:
        old = self.known.get(key)
        if old is None or _rank(row) < _rank(old):
            self.known[key] = self.changed[key] = row
            return STORED
        return UNCHANGED if row._replace(known_at=old.known_at) == old else KNOWN_DIFFERENTLY


def _rank(row: EventRow | StageRow) -> Key:
    assert row.known_at is not None  # noqa: S101 - filled before
    return merging.rank(row.known_at, tuple(row))


def _store(
    connection: Connection,
    tenant: str,
    rows: Mapping[Key, EventRow | StageRow],
    keep: Statement,
    now: int,
) -> dict[str, KnownLead]:
    """Write the rows, and the leads that they need; returns the leads that they are about."""
    ids = {row.lead_id for row in rows.values()}
    owners = _with_owners(connection, tenant, ids, now)
    keep.run_many(
        connection, [{"tenant": tenant, "recorded_at": now, **row._asdict()} for row in rows.values()]
    )
    leads.mend_created_at(connection, tenant, [one for one, lead in owners.items() if not lead.arrived], now)
    return owners


def _with_owners(connection: Connection, tenant: str, lead_ids: set[str], now: int) -> dict[str, KnownLead]:
    """These leads; those that are not there are made, to be mended when their evidence is."""
    if not lead_ids:
        return {}
    found = leads.load(connection, tenant, lead_ids)
    made = {one: KnownLead(None, None, 0, None, arrived=False) for one in lead_ids - found.keys()}
    leads.save(connection, tenant, made, 0, now)
    return found | made


def _stamp(
    connection: Connection, tenant: str, lead_ids: Iterable[str], account_ids: Iterable[str | None]
) -> None:
    touched, accounts = set(lead_ids), set(account_ids)
    if touched or accounts:
        leads.stamp(connection, tenant, leads.next_revision(connection, tenant), touched, accounts)


def _put_attributes(
    connection: Connection, tenant: str, rows: Sequence[AttributeRow], now: int
) -> list[Outcome]:
    gone = leads.forgotten_among(connection, tenant, {row.entity_id for row in rows if row.entity == "lead"})
    known: dict[Key, int] = _known_attributes(connection, tenant, {row[:2] for row in rows})
    asked = _last_asked_of(connection, tenant, rows)
    changed: dict[Key, dict[str, Any]] = {}
    outcomes = []
    for row in rows:
        if row.entity == "lead" and row.entity_id in gone:
            outcomes.append(FORGOTTEN)
            continue
        arrived = max(now, asked.get(row[:2], 0))
        key, known_at = _attribute_key(row), _known_at(row.known_at, row.occurred_at, arrived)
        if key in known and known[key] <= known_at:
            outcomes.append(UNCHANGED)
            continue
        known[key] = known_at
        changed[key] = {
            "tenant": tenant,
            **dict(zip(_ATTRIBUTE_KEY, key, strict=True)),
            "value": row.value,
            "known_at": known_at,
            "recorded_at": now,
        }
        outcomes.append(STORED)
    touched = {entity: {key[1] for key in changed if key[0] == entity} for entity in ("lead", "account")}
    owners = _with_owners(connection, tenant, touched["lead"], now)
    _KEEP_ATTRIBUTE.run_many(connection, list(changed.values()))
    leads.mend_created_at(connection, tenant, [one for one, lead in owners.items() if not lead.arrived], now)
    _stamp(connection, tenant, owners, touched["account"])
    return outcomes


def _last_asked_of(connection: Connection, tenant: str, rows: Sequence[AttributeRow]) -> dict[Key, int]:
    """``_last_asked`` by entity and its id."""
    arriving = {row[:2] for row in rows if row.known_at is None}
    asked: dict[Key, int] = {}
    for entity, find in (("lead", leads.last_asked), ("account", leads.last_asked_of_accounts)):
        ids = {one for kind, one in arriving if kind == entity}
        found = find(connection, tenant, ids) if ids else {}
        asked |= {(entity, one): at for one, at in found.items()}
    return asked


def _known_attributes(connection: Connection, tenant: str, entities: set[Key]) -> dict[Key, int]:
    rows = _ATTRIBUTES.rows(connection, tenant=tenant, keys=list(entities))
    return {(*key, bytes(digest)): known_at for *key, digest, known_at in rows}


def _attribute_key(row: AttributeRow) -> Key:
    stated = NOT_STATED if row.known_at is None else row.known_at
    said = b"" if row.value is None else hashlib.sha256(row.value.encode()).digest()[:16]
    return (row.entity, row.entity_id, row.field, row.occurred_at, stated, said)

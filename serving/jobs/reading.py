"""Many leads of the store at once: who they are, and their evidence as the tables of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table, and_, bindparam, func, select

from features.tables import SCHEMAS
from serving.store.engine import Store
from serving.store.leads import forgotten_among
from serving.store.tables import ACCOUNTS, ATTRIBUTES, EVENTS, LATEST_SCORES, LEADS, OBJECTIONS, STAGES

AT_A_TIME: Final = 500
"""Ids in one statement; below the limit of parameters of every database."""


TABLES: Final[dict[str, Table]] = {
    "leads": LEADS,
    "events": EVENTS,
    "attributes": ATTRIBUTES,
    "stages": STAGES,
}

ORDER: Final[dict[str, tuple[ColumnElement[Any], ...]]] = {
    "leads": (LEADS.c.lead_id,),
    "events": (EVENTS.c.lead_id, EVENTS.c.event_id),
    "attributes": (ATTRIBUTES.c.entity_id, ATTRIBUTES.c.field, ATTRIBUTES.c.value.nulls_first()),
    "stages": (STAGES.c.lead_id, STAGES.c.stage),
}
"""Rows of the same moments fall as they do where a single lead is read (``serving.store.reading``)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a lead before its evidence is read; ``last`` is the prediction_id of its latest score."""

    account_id: str | None
    service_line: str | None
    created_at: int
    revision: int
    last: str | None = None


def known_leads(connection: Connection, tenant: str, lead_ids: Sequence[str]) -> dict[str, Known]:
    """Those of the leads that are in the store."""
    query = (
        select(
            LEADS.c.lead_id,
            LEADS.c.account_id,
            LEADS.c.service_line,
            LEADS.c.created_at,
            LEADS.c.revision,
            func.coalesce(ACCOUNTS.c.revision, 0),
            LATEST_SCORES.c.prediction_id,
        )
        .outerjoin(ACCOUNTS, _same(ACCOUNTS, "account_id"))
        .outerjoin(LATEST_SCORES, _same(LATEST_SCORES, "lead_id"))
        .where(LEADS.c.tenant == tenant)
    )
    rows = _by_ids(connection, query, LEADS.c.lead_id, lead_ids)
    return {
        lead_id: Known(account, line, created_at, max(own, of_account), last)
        for lead_id, account, line, created_at, own, of_account, last in map(tuple, rows)
    }


def _same(table: Table, key: str) -> ColumnElement[bool]:
    return and_(table.c.tenant == LEADS.c.tenant, table.c[key] == LEADS.c[key])


def objected(connection: Connection, tenant: str, lead_ids: Sequence[str]) -> set[str]:
    """Those of the leads that objected to profiling, whether the store holds them or not."""
    query = select(OBJECTIONS.c.lead_id).where(OBJECTIONS.c.tenant == tenant)
    return {row.lead_id for row in _by_ids(connection, query, OBJECTIONS.c.lead_id, lead_ids)}


def read_tables(
    connection: Connection, tenant: str, lead_ids: Sequence[str], *, with_colleagues: bool
) -> dict[str, pa.Table]:
    """The four tables of a history that holds these leads, and their colleagues where features look at them."""
    read = _Reader(connection, tenant)
    leads = read.rows("leads", LEADS.c.lead_id, lead_ids)
    accounts = list(dict.fromkeys(row.account_id for row in leads if row.account_id is not None))
    if with_colleagues:
        alone = [row for row in leads if row.account_id is None]
        leads = alone + read.rows("leads", LEADS.c.account_id, accounts)
    everybody = [row.lead_id for row in leads]
    facts = read.facts("lead", lead_ids) + read.facts("account", accounts)
    return {
        "leads": _table("leads", leads),
        "events": _table("events", read.rows("events", EVENTS.c.lead_id, everybody)),
        "attributes": _table("attributes", facts),
        "stages": _table("stages", read.rows("stages", STAGES.c.lead_id, lead_ids)),
    }


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    tenant: str

    def rows(self, name: str, key: Column[Any], ids: Sequence[str]) -> list[Row[Any]]:
        return _by_ids(self.connection, self._query(name), key, ids)

    def facts(self, entity: str, ids: Sequence[str]) -> list[Row[Any]]:
        query = self._query("attributes").where(ATTRIBUTES.c.entity == entity)
        return _by_ids(self.connection, query, ATTRIBUTES.c.entity_id, ids)

    def _query(self, name: str) -> Select[Any]:
        table = TABLES[name]
        columns = [table.c[column] for column in SCHEMAS[name].names]
        return select(*columns).where(table.c.tenant == self.tenant).order_by(*ORDER[name])


def _by_ids(
    connection: Connection, query: Select[Any], key: Column[Any], ids: Sequence[str]
) -> list[Row[Any]]:
    limited = query.where(key.in_(bindparam("ids", expanding=True)))
    found: list[Row[Any]] = []
    for first in range(0, len(ids), AT_A_TIME):
        found += connection.execute(limited, {"ids": list(ids[first : first + AT_A_TIME])}).all()
    return found


def _table(name: str, rows: Sequence[Row[Any]]) -> pa.Table:
    schema = SCHEMAS[name]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


class StoreSource:
    """The leads of one tenant; for ``scoring.BlockScorer``."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store, self._tenant = store, tenant

    def known(self, lead_ids: Sequence[str]) -> dict[str, Known]:
        """Those that are there."""
        with self._store.reading() as connection:
            return known_leads(connection, self._tenant, lead_ids)

    def objected(self, lead_ids: Sequence[str]) -> set[str]:
        """Those that objected to profiling."""
        with self._store.reading() as connection:
            return objected(connection, self._tenant, lead_ids)

    def forgotten(self, lead_ids: Sequence[str]) -> set[str]:
        """Those that were erased and must not come back."""
        with self._store.reading() as connection:
            return set(forgotten_among(connection, self._tenant, lead_ids))

    def tables(self, lead_ids: Sequence[str], *, with_colleagues: bool) -> dict[str, pa.Table]:
        """A history that holds them."""
        with self._store.reading() as connection:
            return read_tables(connection, self._tenant, lead_ids, with_colleagues=with_colleagues)

"""Histories and playbooks as one would write them on paper.

A table is text: a line of column names, then one line per row, ``-`` for nothing. Instants are ISO dates or
date times in UTC. A row is known when it happened unless its column ``known`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from features.clock import micros
from features.history import History
from features.playbook import Playbook
from features.tables import SCHEMAS

Row = dict[str, Any]

COLUMN = {
    "lead": "lead_id",
    "account": "account_id",
    "line": "service_line",
    "created": "created_at",
    "known": "known_at",
    "id": "entity_id",
}
HAPPENED = {"events": "occurred_at", "stages": "entered_at", "attributes": "occurred_at"}

STAGES = {
    "new": "open",
    "mql": "open",
    "contacted": "open",
    "sql": "sql",
    "rejected": "rejected",
    "recycled": "recycled",
    "duplicate": "duplicate",
}


def at(text: str) -> int:
    """An instant.

    >>> at("1970-01-02")
    86400000000
    """
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def rows(text: str) -> list[Row]:
    """Rows of a table.

    >>> rows("lead type at  \\n  ann visit -")
    [{'lead': 'ann', 'type': 'visit', 'at': None}]
    """
    lines = [line.split() for line in text.strip().splitlines() if line.strip()]
    head = lines[0] if lines else []
    return [
        {name: None if cell == "-" else cell for name, cell in zip(head, line, strict=True)}
        for line in lines[1:]
    ]


def tables(**written: str | Sequence[Row]) -> dict[str, pa.Table]:
    """The four tables; those not given are empty. Rows of plain data are taken as they are."""
    unknown = set(written) - set(SCHEMAS)
    assert not unknown, f"no such tables: {unknown}"
    return {
        name: pa.Table.from_pylist(
            [_complete(name, number, row) for number, row in enumerate(_given(written.get(name, ())))],
            schema=schema,
        )
        for name, schema in SCHEMAS.items()
    }


def history(time_zone: str = "UTC", **written: str | Sequence[Row]) -> History:
    """A history of ``leads``, ``events``, ``stages`` and ``attributes``."""
    return History.from_tables(tables(**written), time_zone=time_zone)


def _given(written: str | Sequence[Row]) -> Sequence[Row]:
    return rows(written) if isinstance(written, str) else written


def _complete(table: str, number: int, row: Row) -> Row:
    happened = HAPPENED.get(table, "created_at")
    named = {happened if name == "at" else COLUMN.get(name, name): cell for name, cell in row.items()}
    stray = set(named) - set(SCHEMAS[table].names)
    assert not stray, f"{table} has no column {stray}"
    defaults: Row = {"event_id": f"e{number}"} if table == "events" else {}
    filled = defaults | named
    if table != "leads" and filled.get("known_at") is None:
        filled["known_at"] = filled[happened]
    for name in (happened, "known_at"):
        if isinstance(filled.get(name), str):
            filled[name] = at(filled[name])
    if isinstance(filled.get("value"), str) and table == "events":
        filled["value"] = float(filled["value"])
    return filled


def playbook(**changes: Any) -> Playbook:
    """A playbook in which the stage ``sql`` is an SQL, with ``changes``."""
    plain: Mapping[str, Any] = {
        "name": "test",
        "stages": STAGES,
        "sql": [{"version": "v1", "effective_from": "2026-01-01", "any_of": [{"stage": "sql"}]}],
        "horizon_days": 10,
        "snapshots": {"policy": "age", "days": [0]},
    }
    return Playbook.model_validate({**plain, **changes})


def sql(*any_of: Mapping[str, Any], version: str = "v1", since: str = "2026-01-01") -> dict[str, Any]:
    """A definition of an SQL, as in YAML."""
    return {"version": version, "effective_from": since, "any_of": list(any_of)}

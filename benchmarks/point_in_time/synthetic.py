"""A seeded history of any size: unequal leads, missing words, and rows that became known late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.point_in_time.columns import CHANNELS, TOPICS, TYPES
from features.clock import DAY, iso
from features.folder import write_history
from features.tables import SCHEMAS

START: Final = 1_672_531_200_000_000  # 2023-01-01 UTC
SPAN: Final = 730 * DAY
BLOCK: Final = 50_000
"""Leads made at a time."""

EVENTS_PER_LEAD: Final = 40
SNAPSHOTS_PER_LEAD: Final = 5

Ints = NDArray[np.int64]


def write(folder: Path, leads: int, seed: int) -> dict[str, int]:
    """Write ``folder/history`` and ``folder/snapshots.parquet``; returns counts of rows."""
    blocks = list(_blocks(leads, seed))
    tables = {name: pa.concat_tables([block[name] for block in blocks]) for name in ("leads", "events")}
    snapshots = pa.concat_tables([block["snapshots"] for block in blocks])
    pq.write_table(
        snapshots, folder / "snapshots.parquet", compression="zstd", dictionary_pagesize_limit=2**28
    )
    tables["attributes"] = SCHEMAS["attributes"].empty_table()
    tables["stages"] = SCHEMAS["stages"].empty_table()
    write_history(folder / "history", tables, {"observed_until": iso(START + 2 * SPAN)})
    return {"leads": leads, "events": len(tables["events"]), "snapshots": len(snapshots)}


def _blocks(leads: int, seed: int) -> Iterator[dict[str, pa.Table]]:
    rng = np.random.default_rng(seed)
    for first in range(0, leads, BLOCK):
        yield _block(rng, np.arange(first, min(first + BLOCK, leads)))


def _block(rng: np.random.Generator, lead: Ints) -> dict[str, pa.Table]:
    created = START + rng.integers(0, SPAN, len(lead))
    ids = pa.array([f"lead-{number:07d}" for number in lead])
    accounts = pa.array([f"acct-{number:07d}" for number in lead // 3])
    people = {"lead_id": ids, "account_id": accounts, "service_line": pa.nulls(len(lead), pa.string())}
    return {
        "leads": _table("leads", {**people, "created_at": created}),
        "events": _events(rng, ids, created, int(lead[0])),
        "snapshots": _snapshots(rng, ids, created),
    }


def _events(rng: np.random.Generator, ids: pa.Array, created: Ints, first: int) -> pa.Table:
    # Gamma-distributed rates: most leads are quiet, a few are very busy.
    each = rng.poisson(rng.gamma(1.5, EVENTS_PER_LEAD / 1.5, len(ids)))
    owner = np.repeat(np.arange(len(ids)), each)
    rows = len(owner)
    occurred_at = created[owner] + (rng.exponential(60.0, rows) * DAY).astype(np.int64)
    occurred_at = occurred_at[np.lexsort((occurred_at, owner))]
    late = np.where(rng.random(rows) < 0.1, rng.integers(0, 20 * DAY, rows), 0)
    value = rng.integers(0, 60, rows).astype(np.float64)
    return _table(
        "events",
        {
            "lead_id": ids.take(pa.array(owner)),
            "event_id": pa.array([f"{first:x}-{number:x}" for number in range(rows)]),
            "type": _words(rng, TYPES, rows, 0.0),
            "occurred_at": occurred_at,
            "known_at": occurred_at + late,
            "value": pa.array(value, mask=rng.random(rows) < 0.4),
            "topic": _words(rng, TOPICS, rows, 0.3),
            "channel": _words(rng, CHANNELS, rows, 0.1),
            "campaign": pa.nulls(rows, pa.string()),
            "source": pa.nulls(rows, pa.string()),
        },
    )


def _snapshots(rng: np.random.Generator, ids: pa.Array, created: Ints) -> pa.Table:
    """Some at creation itself, before anything happened; the others within half a year."""
    owner = np.repeat(np.arange(len(ids)), SNAPSHOTS_PER_LEAD)
    age = rng.integers(0, 180 * DAY, len(owner))
    age[rng.random(len(owner)) < 0.02] = 0
    as_of = created[owner] + age
    as_of = as_of[np.lexsort((as_of, owner))]
    instants = pa.array(as_of).cast(SCHEMAS["leads"].field("created_at").type)
    return pa.table({"lead_id": ids.take(pa.array(owner)), "as_of": instants})


def _words(rng: np.random.Generator, words: tuple[str, ...], rows: int, missing: float) -> pa.Array:
    """Words of unequal frequency, a share of them missing."""
    weights = 1.0 / np.arange(1, len(words) + 1)
    codes = rng.choice(len(words), rows, p=weights / weights.sum())
    return pa.array(words).take(pa.array(codes, mask=rng.random(rows) < missing))


def _table(name: str, columns: dict[str, Any]) -> pa.Table:
    schema = SCHEMAS[name]
    arrays = [columns[field.name] for field in schema]
    cast = [a if isinstance(a, pa.Array) else pa.array(a) for a in arrays]
    return pa.table([a.cast(field.type) for a, field in zip(cast, schema, strict=True)], schema=schema)

"""A history from a folder into the store: what was known when stays as it was.

Bucket by bucket, in transactions short enough for a service that runs meanwhile. Loading the same history again
changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection

from features.folder import read_bucket, read_manifest
from serving.store.engine import Store
from serving.store.evidence import put_attributes, put_events, put_leads, put_stages
from serving.store.rows import AttributeRow, EventRow, LeadRow, Outcome, StageRow

Put = Callable[[Connection, str, Sequence[Any], int], list[Outcome]]

ROWS: Final = 4_000
"""Of one transaction: a fraction of a second, so that a service beside it can write too."""

KINDS: Final[dict[str, tuple[type[Any], Put]]] = {
    "leads": (LeadRow, put_leads),
    "attributes": (AttributeRow, put_attributes),
    "stages": (StageRow, put_stages),
    "events": (EventRow, put_events),
}
"""Tables in the order in which they are loaded: leads first, so that none has to be made for its events."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a history, by table and outcome (``stored``, ``unchanged``, ``refused``)."""

    tables: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in KINDS})

    def to_dict(self) -> dict[str, dict[str, int]]:
        """For JSON."""
        return {name: dict(sorted(counts.items())) for name, counts in self.tables.items()}

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{name:<11} {', '.join(f'{n:,} {status}' for status, n in counts.most_common()) or 'none'}"
            for name, counts in self.tables.items()
        ]


def load_history(
    store: Store, history: Path, tenant: str, now: int, say: Callable[[str], None] = lambda _: None
) -> Loaded:
    """Put every row of the history at ``history`` into the store.

    Args:
        store: may be used by a service meanwhile.
        history: folder, as written by ``leadlight ingest``.
        tenant: whose leads they are.
        now: the moment of loading.
        say: told what has been loaded so far.

    Raises:
        TableError: there is no history, or a file of it is not what was written.
        StoreUnavailable: the store cannot be written; what was loaded until then stays.
    """
    done = Loaded()
    for bucket in range(read_manifest(history).buckets):
        tables = read_bucket(history, bucket)
        for name, (kind, put) in KINDS.items():
            for rows in _parts(tables[name], kind):
                with store.writing() as connection:
                    outcomes = put(connection, tenant, rows, now)
                done.tables[name].update(outcome.status for outcome in outcomes)
                say(f"{name}: {done.tables[name].total():,} rows")
    return done


def _parts(table: pa.Table, kind: type[Any]) -> Iterator[list[Any]]:
    """The rows of a table, so many at a time; instants as microseconds."""
    names = [name for name in kind._fields if name in table.column_names]
    for start in range(0, table.num_rows, ROWS):
        part = table.slice(start, ROWS)
        columns = [_plain(part[name]) for name in names]
        yield [kind(**dict(zip(names, cells, strict=True))) for cells in zip(*columns, strict=True)]


def _plain(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)  # cell by cell, a dictionary takes ten times as long
    plain: list[Any] = column.to_pylist()
    return plain

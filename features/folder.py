"""A history on disk: four tables in Parquet buckets, and a manifest.

All rows of a lead, of its account and of the account's other leads are in one bucket, so a bucket is
independent of all others. The same tables give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import TableError
from features.manifest import Manifest, parse_manifest, summarise
from features.swap import publish, recover
from features.tables import SCHEMAS, TIME_COLUMN

Ints = NDArray[np.int64]

ROWS_PER_BUCKET: Final = 1 << 20
"""Rows of the largest table that a bucket should hold."""
MANIFEST: Final = "manifest.json"
QUARANTINE: Final = "quarantine.parquet"

_DICTIONARIES: Final[dict[str, list[str]]] = {
    "leads": [],
    "events": ["lead_id", "type", "topic", "channel", "campaign", "source"],
    "attributes": ["entity", "entity_id", "field", "value"],
    "stages": ["lead_id", "stage", "reason", "actor"],
}
_CODED: Final = {**_DICTIONARIES, "leads": ["account_id", "service_line"]}
_DICTIONARY_LIMIT: Final = 1 << 28
"""Bytes of a dictionary page; beyond it Parquet would fall back to plain text."""


def write_history(
    path: Path,
    tables: Mapping[str, pa.Table],
    manifest: Mapping[str, Any],
    quarantine: pa.Table | None = None,
) -> None:
    """Write ``tables`` (rows in source order) to folder ``path``, in one step for readers.

    ``manifest`` gives what the tables do not tell: ``observed_until`` (ISO), and where there is one,
    ``fields`` with entity and availability, ``sources``, ``mapping_sha256``, ``counts``.

    Raises:
        TableError: if a table lacks the promised shape, or ``path`` holds something that is no history.
    """
    checked = _checked(tables)
    if path.exists() and not (path / MANIFEST).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise TableError(f"{path} is there and is no history; choose another place, or remove it")
    buckets = _bucket_count(checked)
    lead_bucket = _buckets_of_leads(checked["leads"], buckets)

    def build(fresh: Path) -> None:
        for name, table in checked.items():
            _write_table(
                fresh / name,
                name,
                table,
                (_bucket_of_rows(name, table, checked["leads"], lead_bucket, buckets), buckets),
            )
        if quarantine is not None:
            _write_parquet(quarantine, fresh / QUARANTINE, [])
        digests = {
            file.relative_to(fresh).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(fresh.rglob("*.parquet"))
        }
        (fresh / MANIFEST).write_text(summarise(checked, manifest, buckets, digests), encoding="utf-8")

    publish(path, build)


def read_manifest(path: Path) -> Manifest:
    """Manifest of the history at ``path``.

    Raises:
        TableError: if there is none, or it is damaged.
    """
    recover(path)
    file = path / MANIFEST
    if not file.is_file():
        message = f"there is no history at {path}"
        raise TableError(
            message, ["make one: leadlight ingest --mapping MAPPING --source FOLDER --out " + str(path)]
        )
    return parse_manifest(file.read_text(encoding="utf-8"), file)


def read_bucket(path: Path, bucket: int) -> dict[str, pa.Table]:
    """The four tables of one bucket; columns of text that repeat are dictionaries.

    Raises:
        TableError: if there is no such bucket, or a file differs from what was written.
    """
    return _read(path, bucket, read_manifest(path))


def read_evidence(path: Path, bucket: int) -> dict[str, pa.Table]:
    """``read_bucket`` without the ids of events: on disk each event is there once, so nobody has to compare them.

    Raises:
        TableError: as ``read_bucket``.
    """
    return _read(path, bucket, read_manifest(path), left_out=("event_id",))


def read_tables(path: Path) -> dict[str, pa.Table]:
    """The four tables of all buckets, bucket after bucket."""
    manifest = read_manifest(path)
    parts = [_read(path, bucket, manifest) for bucket in range(manifest.buckets)]
    return {
        name: pa.concat_tables([part[name] for part in parts]).unify_dictionaries().combine_chunks()
        for name in SCHEMAS
    }


def _read(path: Path, bucket: int, manifest: Manifest, left_out: Collection[str] = ()) -> dict[str, pa.Table]:
    if not 0 <= bucket < manifest.buckets:
        raise TableError(f"{path} has buckets 0 to {manifest.buckets - 1}, not {bucket}")
    columns = {name: [c for c in schema.names if c not in left_out] for name, schema in SCHEMAS.items()}
    return {name: _read_table(path, f"{name}/{_file(bucket)}", columns[name], manifest) for name in SCHEMAS}


def _read_table(path: Path, relative: str, columns: list[str], manifest: Manifest) -> pa.Table:
    file = path / relative
    raw = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(raw).hexdigest() != manifest.sha256.get(relative):
        raise TableError(
            f"{file} is not the file that was written", ["make the history again: leadlight ingest ..."]
        )
    coded = _DICTIONARIES[relative.split("/", 1)[0]]
    source = pa.BufferReader(raw)
    table = pq.read_table(source, columns=columns, read_dictionary=coded, partitioning=None)
    return table.unify_dictionaries().combine_chunks()


def _file(bucket: int) -> str:
    return f"bucket-{bucket:04d}.parquet"


def _checked(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    problems = [f"table {name!r} is missing" for name in SCHEMAS if name not in tables]
    for name, schema in SCHEMAS.items():
        present = tables[name].column_names if name in tables else schema.names
        problems += [
            f"table {name!r} lacks column {column!r}" for column in schema.names if column not in present
        ]
        empty = [
            column.name
            for column in schema
            if not column.nullable and name in tables and column.name in present
        ]
        problems += [
            f"{name}.{column} has empty cells" for column in empty if tables[name][column].null_count
        ]
    if problems:
        raise TableError("these tables are no history", problems)
    return {name: tables[name].select(schema.names).cast(schema) for name, schema in SCHEMAS.items()}


def _bucket_count(tables: Mapping[str, pa.Table]) -> int:
    """A power of two."""
    rows = max(table.num_rows for table in tables.values())
    buckets: int = 1 << max(0, (rows - 1) // ROWS_PER_BUCKET).bit_length()
    return buckets


def _hashed(ids: pa.StringArray, buckets: int) -> Ints:
    if buckets == 1:
        return np.zeros(len(ids), np.int64)
    numbers = [
        int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[-8:], "big")
        for text in ids.to_pylist()
    ]
    return (np.array(numbers, np.uint64) % np.uint64(buckets)).astype(np.int64)


def _buckets_of_leads(leads: pa.Table, buckets: int) -> Ints:
    return _hashed(pc.coalesce(leads["account_id"], leads["lead_id"]).combine_chunks(), buckets)


def _bucket_of_rows(name: str, table: pa.Table, leads: pa.Table, lead_bucket: Ints, buckets: int) -> Ints:
    if name == "leads":
        return lead_bucket
    ids = table["entity_id" if name == "attributes" else "lead_id"].combine_chunks()
    place = pc.index_in(ids, value_set=leads["lead_id"].combine_chunks()).fill_null(-1).to_numpy()
    of_account = np.zeros(table.num_rows, bool)
    if name == "attributes":
        of_account = pc.equal(table["entity"], "account").to_numpy()
    if (place[~of_account] < 0).any():
        raise TableError(f"table {name!r} speaks of leads that are not in table 'leads'")
    bucket = np.zeros(table.num_rows, np.int64) if not len(lead_bucket) else lead_bucket[place]
    accounts = ids.filter(pa.array(of_account)).dictionary_encode()
    bucket[of_account] = _hashed(accounts.dictionary, buckets)[accounts.indices.to_numpy()]
    return bucket


_SORT: Final[dict[str, tuple[str, ...]]] = {
    "leads": ("account_id", "lead_id"),
    "events": ("lead_id", TIME_COLUMN["events"]),
    "stages": ("lead_id", TIME_COLUMN["stages"]),
    "attributes": ("entity", "entity_id", "field", "occurred_at", "known_at"),
}
"""Order within a bucket; ties stay in source order."""


def _write_table(folder: Path, name: str, table: pa.Table, place: tuple[Ints, int]) -> None:
    folder.mkdir()
    bucket, buckets = place
    keys = [_ranks(table[column]) for column in reversed(_SORT[name])]
    order = np.lexsort([*keys, bucket])
    ordered = table.take(pa.array(order))
    ends = np.searchsorted(bucket[order], np.arange(buckets), side="right")
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        part = ordered.slice(start, end - start)
        _write_parquet(part, folder / _file(number), _CODED[name])


def _ranks(column: pa.ChunkedArray) -> Ints:
    """Numbers in the order of the values; nothing comes last."""
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)
    coded = column.combine_chunks().dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, np.int64)
    rank[order], rank[-1] = np.arange(len(order)), len(order)
    ranks: Ints = rank[coded.indices.fill_null(len(order)).to_numpy()]
    return ranks


def _write_parquet(table: pa.Table, file: Path, coded: list[str]) -> None:
    pq.write_table(
        table.combine_chunks(),
        file,
        compression="zstd",
        use_dictionary=coded or False,
        row_group_size=ROWS_PER_BUCKET * 4,
        dictionary_pagesize_limit=_DICTIONARY_LIMIT,
    )

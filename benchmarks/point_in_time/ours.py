"""Our kernel: buckets are independent, so every core takes the next one (the compiled sweep holds no lock)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.point_in_time.columns import FEATURES
from features.folder import read_evidence, read_manifest
from features.history import History
from features.kernel import build
from features.matrix import Floats, Ints, Matrix, Texts

Part = tuple[Ints, Matrix]
"""Positions of the snapshots of a bucket, and their features."""


def compute(folder: Path) -> list[Part]:
    """All features of all snapshots, bucket by bucket; the peers' rows are in no better order."""
    lead_id, as_of, rows_of = snapshots_by_bucket(folder)

    def part(bucket: int) -> Part:
        rows = rows_of[bucket]
        return rows, features_of(folder, bucket, lead_id[rows], as_of[rows])

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(part, range(len(rows_of))))


def snapshots_by_bucket(folder: Path) -> tuple[Texts, Ints, list[Ints]]:
    """Lead and moment of each snapshot, and for each bucket the positions of its snapshots."""
    table = pq.read_table(folder / "snapshots.parquet", read_dictionary=["lead_id"]).combine_chunks()
    lead = table["lead_id"].unify_dictionaries().combine_chunks()
    codes = lead.indices.to_numpy(zero_copy_only=False)
    buckets = list(_leads_of_buckets(folder))
    owner = np.repeat(np.arange(len(buckets)), [len(ids) for ids in buckets])
    of_name = owner[pc.index_in(lead.dictionary, value_set=pa.concat_arrays(buckets)).to_numpy()]
    of_row = of_name[codes]
    order = np.argsort(of_row, kind="stable")
    rows_of = np.split(order, np.searchsorted(of_row[order], np.arange(1, len(buckets))))
    names = np.asarray(lead.dictionary.to_numpy(zero_copy_only=False), dtype=object)
    return names[codes], table["as_of"].cast(pa.int64()).to_numpy(), rows_of


def _leads_of_buckets(folder: Path) -> Iterator[pa.Array]:
    for bucket in range(read_manifest(folder / "history").buckets):
        file = folder / "history" / "leads" / f"bucket-{bucket:04d}.parquet"
        yield pq.read_table(file, columns=["lead_id"])["lead_id"].combine_chunks()


def features_of(folder: Path, bucket: int, lead_id: Texts, as_of: Ints) -> Matrix:
    """Features of snapshots of one bucket."""
    return build(FEATURES, _history(folder, bucket), lead_id, as_of)


def _history(folder: Path, bucket: int) -> History:
    return History.from_tables(read_evidence(folder / "history", bucket))


def to_array(parts: list[Part]) -> Floats:
    """Shape (snapshots, features), in the order of the snapshots."""
    values = np.empty((sum(len(rows) for rows, _ in parts), len(FEATURES)))
    for rows, matrix in parts:
        values[rows] = matrix.values
    return values

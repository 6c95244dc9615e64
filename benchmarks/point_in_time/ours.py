"""Our kernel: one bucket after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.point_in_time.columns import FEATURES
from features.folder import read_bucket, read_manifest
from features.history import History
from features.kernel import build
from features.matrix import Floats, Ints, Matrix


def compute(folder: Path) -> Floats:
    """All features of all snapshots, shape (snapshots, features), in the order of the snapshots."""
    values: Floats | None = None
    for rows, matrix in by_bucket(folder):
        if values is None:
            values = np.empty((pq.read_metadata(folder / "snapshots.parquet").num_rows, len(FEATURES)))
        values[rows] = matrix.values
    assert values is not None
    return values


def by_bucket(folder: Path) -> Iterator[tuple[Ints, Matrix]]:
    """Positions of the snapshots of each bucket, and their features."""
    snapshots = pq.read_table(folder / "snapshots.parquet", read_dictionary=["lead_id"]).combine_chunks()
    as_of = snapshots["as_of"].cast(pa.int64()).to_numpy()
    lead = snapshots["lead_id"].unify_dictionaries().combine_chunks()
    names = lead.dictionary
    codes = lead.indices.to_numpy(zero_copy_only=False)
    text = np.asarray(names.to_numpy(zero_copy_only=False), dtype=object)
    for bucket in range(read_manifest(folder / "history").buckets):
        tables = read_bucket(folder / "history", bucket)
        here = pc.is_in(names, value_set=tables["leads"]["lead_id"].cast(pa.string()))
        rows = np.flatnonzero(here.to_numpy(zero_copy_only=False)[codes])
        history = History.from_tables(tables)
        yield rows, build(FEATURES, history, text[codes[rows]], as_of[rows])


def to_array(values: Floats) -> Floats:
    """As it is."""
    return values

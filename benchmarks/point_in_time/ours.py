"""Our kernel: buckets are independent, so every core takes the next one (the compiled sweep holds no lock)."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.point_in_time.columns import FEATURES
from features.folder import read_evidence, read_manifest
from features.history import Codes, History
from features.kernel import build_at
from features.matrix import Float32s, Ints, Matrix

Part = tuple[Ints, Matrix]
"""Positions of the snapshots of a bucket, and their features."""


@dataclass(frozen=True)
class Asked:
    """The snapshots: whom, as positions in ``names``, and when; shape (snapshots,)."""

    names: pa.Array
    lead: Codes
    as_of: Ints

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """From the file that the peers read too."""
        table = pq.read_table(folder / "snapshots.parquet", read_dictionary=["lead_id"]).combine_chunks()
        lead = table["lead_id"].unify_dictionaries().combine_chunks()
        codes = lead.indices.to_numpy(zero_copy_only=False)
        return cls(lead.dictionary, codes, table["as_of"].cast(pa.int64()).to_numpy())

    def of_bucket(self, folder: Path, bucket: int) -> Part:
        """Features of the snapshots whose lead is in a bucket."""
        history = History.from_tables(read_evidence(folder / "history", bucket))
        found = pc.index_in(self.names, value_set=pa.array(history.lead_ids)).fill_null(-1)
        position = found.to_numpy(zero_copy_only=False).astype(np.int32)[self.lead]
        rows = np.flatnonzero(position >= 0)
        return rows, build_at(FEATURES, history, position[rows], self.as_of[rows])


def compute(folder: Path) -> list[Part]:
    """All features of all snapshots, bucket by bucket; the peers' rows are in no better order."""
    asked = Asked.read(folder)
    buckets = range(read_manifest(folder / "history").buckets)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(lambda bucket: asked.of_bucket(folder, bucket), buckets))


def to_array(parts: list[Part]) -> Float32s:
    """Shape (snapshots, features), in the order of the snapshots."""
    values = np.empty((sum(len(rows) for rows, _ in parts), len(FEATURES)), dtype=np.float32)
    for rows, matrix in parts:
        values[rows] = matrix.values
    return values

"""Our kernel where the result is larger than memory should be: each bucket's features go to a file."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.point_in_time.ours import features_of, snapshots_by_bucket


def compute(folder: Path) -> None:
    """Write one float32 array per bucket."""
    lead_id, as_of, rows_of = snapshots_by_bucket(folder)

    def write(bucket: int) -> None:
        rows = rows_of[bucket]
        matrix = features_of(folder, bucket, lead_id[rows], as_of[rows])
        np.save(folder / f"features-{bucket:04d}.npy", matrix.values.astype(np.float32))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(write, range(len(rows_of))))

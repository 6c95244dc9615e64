"""Our kernel where the result is larger than memory should be: each bucket's features go to a file."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.point_in_time.ours import Asked
from features.folder import read_manifest


def compute(folder: Path) -> None:
    """Write one float32 array per bucket."""
    asked = Asked.read(folder)

    def write(bucket: int) -> None:
        _, matrix = asked.of_bucket(folder, bucket)
        np.save(folder / f"features-{bucket:04d}.npy", matrix.values)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(write, range(read_manifest(folder / "history").buckets)))

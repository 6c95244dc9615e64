"""Score every lead of a history on disk, beside bare ``Booster.predict`` on ready matrices.

``python -m benchmarks.serving_load.bulk FOLDER`` prints one JSON object: the whole way from Parquet to probability
(reading, kernel, encoder, trees), the time of ``predict`` alone on the same rows, and the peak memory.
Buckets of the history are independent, so each is read, scored and let go; as many at a time as there are cores.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.point_in_time import synthetic
from benchmarks.serving_load.large import booster_of
from features.folder import read_evidence, read_manifest
from features.history import History
from features.kernel import build_at
from features.matrix import Floats
from models import bundle
from models.bundle import ModelBundle
from models.tree_margins import quickened

AS_OF: Final = synthetic.START + synthetic.SPAN
BLOCK: Final = 10_000
CORES: Final = os.cpu_count() or 1


def main() -> None:
    """Measure and print."""
    folder, loaded = Path(sys.argv[1]), bundle.load(Path(sys.argv[2]))
    made = replace(loaded, model=quickened(loaded.model))  # as bulk jobs do
    buckets = range(read_manifest(folder).buckets)
    _score_bucket(folder, made, 0)  # what is compiled on first use is compiled
    began = time.monotonic()
    with ThreadPoolExecutor(CORES) as pool:
        scored = list(pool.map(lambda bucket: _score_bucket(folder, made, bucket), buckets))
    wall_s = time.monotonic() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    bare_s, leads, apart = _bare(folder, Path(sys.argv[2]), made, scored)
    print(
        json.dumps(
            {
                "leads": leads,
                "wall_s": round(wall_s, 2),
                "bare_predict_s": round(bare_s, 2),
                "leads_per_s": round(leads / wall_s),
                "bulk_vs_predict": round(bare_s / wall_s, 3),
                "peak_rss_mb": round(peak_mb),
                "largest_difference": apart,
            }
        )
    )


def _score_bucket(folder: Path, made: ModelBundle, bucket: int) -> Floats:
    history = History.from_tables(read_evidence(folder, bucket))
    return np.concatenate([made.log_odds(matrix) for matrix in _matrices(made, history)])


def _matrices(made: ModelBundle, history: History) -> Iterator[Any]:
    for first in range(0, len(history), BLOCK):
        lead = np.arange(first, min(first + BLOCK, len(history)), dtype=np.int32)
        yield build_at(made.features, history, lead, np.full(len(lead), AS_OF))


def _bare(folder: Path, path: Path, made: ModelBundle, scored: list[Floats]) -> tuple[float, int, float]:
    """Seconds of ``predict`` with a thread for each core, rows, and how far its answers are from ours."""
    booster, encoder = booster_of(path)
    seconds, leads, apart = 0.0, 0, 0.0
    for bucket, ours in enumerate(scored):
        history = History.from_tables(read_evidence(folder, bucket))
        ready = np.vstack([encoder.encode(matrix) for matrix in _matrices(made, history)])
        began = time.monotonic()
        told = booster.predict(ready, raw_score=True, num_threads=CORES)
        seconds += time.monotonic() - began
        leads += len(ready)
        apart = max(apart, float(np.abs(told - ours).max(initial=0.0)))
    return seconds, leads, apart


if __name__ == "__main__":
    main()

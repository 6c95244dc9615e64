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
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.point_in_time import synthetic
from benchmarks.serving_load.large import booster_of
from features.folder import read_evidence, read_manifest
from features.history import History
from features.kernel import build_at
from features.matrix import Float32s, Floats, Matrix
from models import bundle
from models.bundle import ModelBundle
from models.encoder import Encoder
from models.tree_margins import quickened

AS_OF: Final = synthetic.START + synthetic.SPAN
BLOCK: Final = 10_000
CORES: Final = os.cpu_count() or 1


def main() -> None:
    """Measure and print."""
    folder, loaded = Path(sys.argv[1]), bundle.load(Path(sys.argv[2]))
    made = replace(loaded, model=quickened(loaded.model))  # as bulk jobs do
    booster, encoder = booster_of(Path(sys.argv[2]))
    buckets = range(read_manifest(folder).buckets)
    _score_bucket(folder, made, 0)  # what is compiled on first use is compiled
    ours_s, bare_s, ours_cpu, bare_cpu, leads, apart = 0.0, 0.0, 0.0, 0.0, 0, 0.0
    with ThreadPoolExecutor(CORES) as pool:
        for first in range(0, len(buckets), CORES):  # in turns, so that both meet the same machine
            some = buckets[first : first + CORES]
            began, spent = time.monotonic(), time.process_time()
            scored = list(pool.map(partial(_score_bucket, folder, made), some))
            ours_s, ours_cpu = ours_s + time.monotonic() - began, ours_cpu + time.process_time() - spent
            for bucket, ours in zip(some, scored, strict=True):
                ready = _ready(folder, made, encoder, bucket)
                began, spent = time.monotonic(), time.process_time()
                told = booster.predict(ready, raw_score=True, num_threads=CORES)
                bare_s, bare_cpu = bare_s + time.monotonic() - began, bare_cpu + time.process_time() - spent
                leads, apart = leads + len(ours), max(apart, float(np.abs(told - ours).max(initial=0.0)))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    result = {
        "leads": leads,
        "wall_s": round(ours_s, 2),
        "bare_predict_s": round(bare_s, 2),
        "leads_per_s": round(leads / ours_s),
        "bulk_vs_predict": round(bare_s / ours_s, 3),
        "bulk_vs_predict_cpu": round(bare_cpu / ours_cpu, 3),
        "peak_rss_mb": round(peak_mb),
        "largest_difference": apart,
    }
    print(json.dumps(result))


def _score_bucket(folder: Path, made: ModelBundle, bucket: int) -> Floats:
    history = History.from_tables(read_evidence(folder, bucket))
    return np.concatenate([made.log_odds(matrix) for matrix in _matrices(made, history)])


def _matrices(made: ModelBundle, history: History) -> Iterator[Matrix]:
    for first in range(0, len(history), BLOCK):
        lead = np.arange(first, min(first + BLOCK, len(history)), dtype=np.int32)
        yield build_at(made.features, history, lead, np.full(len(lead), AS_OF))


def _ready(folder: Path, made: ModelBundle, encoder: Encoder, bucket: int) -> Float32s:
    """The rows of a bucket as LightGBM takes them."""
    history = History.from_tables(read_evidence(folder, bucket))
    return np.vstack([encoder.encode(matrix) for matrix in _matrices(made, history)])


if __name__ == "__main__":
    main()

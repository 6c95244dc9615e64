"""The same map over buckets on Spark, for histories beyond one machine.

A bucket is independent of all others, so the work is one task per bucket: read it, run the kernel, write its
part of the matrix. Nothing is shuffled, and no feature is computed by anything but the kernel. Driver and
workers must see the history and ``out`` under the same paths, and have the extras ``train`` and ``spark``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from pipelines.question import Question

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def tabulate_on_spark(spark: SparkSession, question: Question, out: Path) -> int:
    """Write ``part-<bucket>.parquet`` for every bucket into ``out``; returns the number of snapshots.

    Args:
        spark: a session; its workers do the work.
        question: what is asked of which history.
        out: folder of the matrix, made if it does not exist.
    """
    out.mkdir(parents=True, exist_ok=True)

    def one(bucket: int) -> int:
        answer = question.ask(bucket)
        pq.write_table(answer.to_arrow(), out / f"part-{bucket:04d}.parquet", compression="zstd")
        return len(answer)

    buckets = question.reader.manifest.buckets
    return int(spark.sparkContext.parallelize(range(buckets), buckets).map(one).sum())

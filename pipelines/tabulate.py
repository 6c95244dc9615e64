"""`leadlight features`: the matrix of snapshots as a table, for people and for DVC."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.playbook import read_playbook
from pipelines.question import Question


def tabulate(history: Path, playbook: Path, out: Path) -> dict[str, Any]:
    """Write ``matrix.parquet`` and ``features.json`` into ``out``; the summary says how many of what."""
    question = Question.about(history, read_playbook(playbook))
    out.mkdir(parents=True, exist_ok=True)
    states = write_matrix(question, out / "matrix.parquet")
    plain = [feature.to_json() for feature in question.columns]
    (out / "features.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return {
        "snapshots": states.total(),
        "features": len(plain),
        "label_states": dict(states),
        "matrix": str(out / "matrix.parquet"),
    }


def write_matrix(question: Question, file: Path) -> Counter[str]:
    """One row per snapshot: who, when, what became of it, and the features; words as text.

    Bucket after bucket, so memory is bounded by the largest.

    Returns:
        Snapshots per label state.
    """
    states: Counter[str] = Counter()
    first = question.ask(0)
    table = first.to_arrow()
    with pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for bucket in range(question.reader.manifest.buckets):
            answer = first if bucket == 0 else question.ask(bucket)
            writer.write_table(answer.to_arrow())
            states.update(answer.columns["state"].tolist())
    return states

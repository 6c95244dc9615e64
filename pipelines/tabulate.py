"""`leadlight features`: the matrix of snapshots as a table, for people and for DVC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.playbook import read_playbook
from pipelines.training_set import TrainingSet, training_set


def tabulate(history: Path, playbook: Path, out: Path) -> dict[str, Any]:
    """Write ``matrix.parquet`` and ``features.json`` into ``out``; the summary says how many of what."""
    examples = training_set(history, read_playbook(playbook))
    out.mkdir(parents=True, exist_ok=True)
    write_matrix(examples, out / "matrix.parquet")
    plain = [feature.to_json() for feature in examples.features]
    (out / "features.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return {
        "snapshots": len(examples),
        "features": len(examples.features),
        "label_states": examples.label_states,
        "matrix": str(out / "matrix.parquet"),
    }


def write_matrix(examples: TrainingSet, file: Path) -> None:
    """One row per snapshot: who, when, what became of it, and the features; words as text."""
    pq.write_table(pa.Table.from_pandas(examples.to_pandas(), preserve_index=False), file, compression="zstd")

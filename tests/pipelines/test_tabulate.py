"""`leadlight features`: the matrix as a table."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import folder
from features.definitions import Feature
from pipelines.ingest import ingest
from pipelines.tabulate import tabulate


@pytest.fixture(scope="module")
def table(vendor, tmp_path_factory):
    out = tmp_path_factory.mktemp("features") / "new" / "folder"
    return out, tabulate(vendor.history, vendor.playbook_file, out)


def test_the_summary_counts_what_was_written(table, examples):
    out, summary = table
    written = pq.read_metadata(out / "matrix.parquet")
    assert summary == {
        "snapshots": written.num_rows,
        "features": len(examples.features),
        "label_states": examples.label_states,
        "matrix": str(out / "matrix.parquet"),
    }
    assert written.num_rows == len(examples)


def by_time(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["as_of", "lead_id"], ignore_index=True)


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    words = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(words, "str"))


def test_the_table_is_the_frame_of_the_training_set_words_as_text(table, examples):
    frame = pd.read_parquet(table[0] / "matrix.parquet")
    pd.testing.assert_frame_equal(by_time(frame), as_texts(examples.to_pandas()), check_dtype=False)
    assert pq.read_schema(table[0] / "matrix.parquet").field("latest(industry)").type == pa.string()


def test_many_buckets_give_the_rows_of_one(table, vendor, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "ROWS_PER_BUCKET", 4000)
    ingest(vendor.exports / "mapping.yaml", vendor.exports, tmp_path / "history")
    summary = tabulate(tmp_path / "history", vendor.playbook_file, tmp_path / "out")
    assert summary["label_states"] == table[1]["label_states"]
    frames = [pd.read_parquet(out / "matrix.parquet") for out in (table[0], tmp_path / "out")]
    pd.testing.assert_frame_equal(*map(by_time, frames))


def test_the_definitions_lie_beside_it_in_the_order_of_the_columns(table, examples):
    plain = json.loads((table[0] / "features.json").read_text(encoding="utf-8"))
    assert tuple(Feature.from_json(feature) for feature in plain) == examples.features


def test_the_same_history_gives_the_same_bytes(table, vendor, tmp_path):
    tabulate(vendor.history, vendor.playbook_file, tmp_path)
    for name in ("matrix.parquet", "features.json"):
        assert (tmp_path / name).read_bytes() == (table[0] / name).read_bytes()

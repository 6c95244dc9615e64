"""The map over buckets on Spark gives what one machine gives."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from pipelines.question import Question
from pipelines.spark import tabulate_on_spark

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def spark():
    """A local session with two workers."""
    assert shutil.which("java"), "Spark needs Java; `make test-spark` installs it"
    from pyspark import sql

    patch = pytest.MonkeyPatch()
    patch.setenv("PYSPARK_PYTHON", sys.executable)  # workers run in the same environment
    session = (
        sql.SparkSession.builder.master("local[2]")
        .appName("leadlight-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    yield session
    session.stop()
    patch.undo()


def test_spark_writes_the_matrix_that_one_machine_computes(spark, vendor, tmp_path):
    question = Question.about(vendor.history, vendor.playbook)
    snapshots = tabulate_on_spark(spark, question, tmp_path / "matrix")
    ours = pd.concat([question.ask(b).to_pandas() for b in range(question.reader.manifest.buckets)])
    written = pd.concat(
        [pd.read_parquet(file) for file in sorted((tmp_path / "matrix").glob("part-*.parquet"))]
    )
    assert snapshots == len(ours) == len(written)
    assert list(ours.columns) == list(written.columns)
    for name in ours.columns:
        if pd.api.types.is_float_dtype(ours[name]):
            np.testing.assert_array_equal(ours[name], written[name])
        else:
            assert ours[name].astype(object).where(ours[name].notna(), None).tolist() == (
                written[name].astype(object).where(written[name].notna(), None).tolist()
            )

"""Figures for `dvc metrics` and `dvc plots`."""

from __future__ import annotations

import json

import pytest

from features.errors import LeadlightError
from pipelines.figures import read_report, write_figures

REPORT = {
    "winner": "blend",
    "models": {
        "blend": {"test": {"log_loss": {"value": 0.5, "low": 0.4, "high": 0.6}}},
        "sheet": {"test": {"log_loss": {"value": None, "low": None, "high": None}}},
    },
    "curves": {
        "blend": {
            "gain": {"share": [0.0, 0.5, 1.0], "captured": [0.0, 2 / 3, 1.0]},
            "reliability": [{"promised": 0.1, "converted": 0.125}, {"promised": 0.6, "converted": 0.5}],
        },
        "sheet": {"gain": {"share": [0.0], "captured": [0.0]}, "reliability": []},
    },
}


@pytest.fixture
def written(tmp_path):
    return {path.name: path.read_text(encoding="utf-8") for path in write_figures(REPORT, tmp_path)}


def test_metrics_hold_one_number_per_model_and_metric(written):
    assert json.loads(written["metrics.json"]) == {"blend": {"log_loss": 0.5}, "sheet": {"log_loss": None}}


def test_gain_is_that_of_the_winner(written):
    assert written["gain.csv"] == "share,captured\n0,0\n0.5,0.666667\n1,1\n"


def test_reliability_says_what_was_promised_and_what_came(written):
    assert written["reliability.csv"] == "promised,converted\n0.1,0.125\n0.6,0.5\n"


def test_a_report_is_read_as_it_was_written(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    assert read_report(tmp_path) == REPORT


def test_a_missing_run_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(LeadlightError, match="there is no run at") as caught:
        read_report(tmp_path / "none")
    assert "leadlight train" in caught.value.problems[0]

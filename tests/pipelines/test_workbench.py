"""What a notebook gets: few names, frames out, and a run that shows itself."""

from __future__ import annotations

import html
import json

import pandas as pd
import pytest

from features.errors import LeadlightError, TableError
from features.language import count, latest, recency
from features.playbook import parse_playbook
from features.tables import SCHEMAS
from models import bundle
from pipelines import workbench
from pipelines.workbench import open_history, train
from tests.pipelines.conftest import QUICK

FEW = [
    *count("pricing_view", days=(7, 30)),
    *recency("email_click"),
    *latest("industry"),
    *latest("job_level"),
]

of_mlflow = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def opened(vendor):
    return open_history(str(vendor.history))


@pytest.fixture(scope="module")
def snapshots(opened, vendor):
    return opened.snapshots(vendor.playbook, FEW)


@pytest.fixture(scope="module")
def run(snapshots):
    return train(snapshots, QUICK)


def test_few_names_are_offered():
    assert workbench.__all__ == ["Opened", "Run", "open_history", "read_playbook", "train"]


def test_a_playbook_is_read_by_path_or_text(vendor):
    assert workbench.read_playbook(str(vendor.playbook_file)) == vendor.playbook
    assert workbench.read_playbook(vendor.playbook_file) == vendor.playbook


def test_a_history_shows_what_it_holds(opened, vendor):
    assert repr(opened).startswith(f"history at {vendor.history}: ")
    assert "1,200 leads" in repr(opened)
    summary = opened.summary()
    assert summary.loc["leads", "rows"] == 1200
    assert list(summary.columns) == ["rows", "first", "last"]
    assert "<table" in opened._repr_html_()


@pytest.mark.parametrize("name", ["leads", "events", "attributes", "stages"])
def test_each_table_comes_as_a_frame(opened, name):
    frame = opened.table(name)
    assert len(frame) == opened.summary().loc[name, "rows"] > 0
    assert list(frame.columns) == SCHEMAS[name].names


def test_a_table_that_there_is_not_is_answered_with_those_there_are(opened):
    with pytest.raises(LeadlightError, match=r"no table 'deals'\n.*leads, events, attributes, stages"):
        opened.table("deals")


def test_where_there_is_no_history_the_command_that_makes_one_is_named(tmp_path):
    with pytest.raises(TableError, match="leadlight ingest"):
        open_history(tmp_path)


def test_the_catalogue_is_a_plain_list_to_which_features_are_added(opened, vendor, examples):
    offered = opened.features(vendor.playbook)
    assert tuple(offered) == examples.chosen
    more = offered + count("pricing_view", days=3)
    assert more[-1].name == "count(pricing_view, 3d)"


def test_snapshots_hold_what_was_asked_for(snapshots):
    assert snapshots.chosen == tuple(FEW)
    frame = snapshots.to_pandas()
    assert frame["latest(industry)"].dtype == "category"
    assert frame["count(pricing_view, 30d)"].ge(frame["count(pricing_view, 7d)"]).all()


def test_progress_goes_to_stderr(opened, vendor, capsys):
    opened.snapshots(vendor.playbook, FEW)
    out, err = capsys.readouterr()
    assert out == ""
    assert "buckets" in err


def test_comparison_has_the_winner_first_and_the_figures_of_the_report(run):
    frame = run.compare()
    assert frame.index[0] == run.winner
    assert set(frame.index) == set(run.report.models)
    for name in frame.index:
        assert frame.loc[name, "roc_auc"] == run.report.models[name].test["roc_auc"].value
    assert list(run.compare(["lift_at_5"]).columns) == ["lift_at_5"]


def test_reasons_of_a_lead_add_up_to_its_latest_score(run, snapshots):
    score = run.trained.winner.log_odds(snapshots.matrix)
    asked = (
        pd.DataFrame({"lead": snapshots.lead_id, "score": score})
        .groupby("lead")["score"]
        .agg(["first", "last"])
    )
    lead, latest = next((lead, row["last"]) for lead, row in asked.iterrows() if row["first"] != row["last"])
    reasons = run.reasons(lead)
    assert reasons["log_odds"].sum() == pytest.approx(latest, abs=1e-9)
    assert reasons["log_odds"].abs().is_monotonic_decreasing
    assert "base" in set(reasons["signal"])
    assert len(reasons) > 1


def test_a_lead_that_was_never_asked_about_has_no_reasons(run):
    with pytest.raises(LeadlightError, match="'nobody' has no snapshot"):
        run.reasons("nobody")


def test_a_run_shows_its_own_report(run):
    assert repr(run) == f"{run.report.headline} {run.report.why}"
    shown = run._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    page = html.unescape(shown.split('srcdoc="', 1)[1].split('" width', 1)[0])
    assert page.startswith("<!doctype html>")
    assert "<script src" not in page


def test_the_playbook_of_a_run_is_the_one_it_was_asked_with(run, vendor):
    assert parse_playbook(run.playbook) == vendor.playbook


@of_mlflow
def test_saving_writes_what_the_command_writes(run, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    saved = run.save(tmp_path / "run")
    assert saved == json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert saved["winner"] == run.winner
    loaded = bundle.load(tmp_path / "run" / "bundle")
    loaded.verify()
    assert loaded.fingerprint == saved["bundle_sha256"]
    assert {"report.html", "predictions.parquet"} <= {path.name for path in (tmp_path / "run").iterdir()}

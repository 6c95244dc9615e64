"""A training on a simulated company: what it writes, that its figures are true, and that it may be trusted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from features.errors import LeadlightError
from features.folder import read_tables
from models import bundle
from pipelines import cli
from pipelines.params import TuningParams
from pipelines.train import train
from tests.pipelines.conftest import QUICK, TrainedRun, Vendor, trained_on

METRICS = (
    "roc_auc", "pr_auc", "log_loss", "brier", "ece", "calibration_slope", "calibration_intercept",
    "lift_at_5", "lift_at_10", "lift_at_20",
)  # fmt: skip
MODELS = ("sheet", "points", "naive_bayes", "logistic", "lightgbm", "blend")


def test_the_folder_of_a_run_holds_what_was_promised(trained):
    names = {path.name for path in trained.out.iterdir()}
    assert {"report.json", "report.html", "predictions.parquet", "bundle", "mlflow.db"} <= names
    assert "matrix.parquet" not in names, "only on request"


def test_the_report_says_who_won_on_what_and_where_it_is_kept(trained):
    report = trained.report
    assert tuple(report["models"]) == MODELS
    assert report["winner"] in MODELS
    assert report["winner"] in report["why"]
    assert report["label_states"] == trained.finished.trained.examples.label_states
    assert {"test_begins", "train", "purged", "test", "unseen_accounts"} <= set(report["split"])
    assert re.fullmatch("[0-9a-f]{64}", report["bundle_sha256"])
    assert re.fullmatch("[0-9a-f]{32}", report["mlflow_run_id"])
    assert report == trained.finished.report


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_every_metric_with_its_interval(trained, name):
    result = trained.report["models"][name]
    for part in ("test", "unseen_accounts"):
        for metric in METRICS:
            found = result[part][metric]
            assert found["low"] <= found["value"] <= found["high"], (part, metric)
    apart = result["difference_to_winner"]
    assert (apart is None) == (name == trained.report["winner"])


def test_predictions_have_the_promised_columns(trained):
    frame = trained.predictions
    assert list(frame.columns) == [
        "lead_id",
        "as_of",
        "label_state",
        "label",
        "split",
        "model",
        "probability",
    ]
    assert set(frame["split"]) == {"train", "purged", "test", "unlabelled"}
    assert frame["probability"].between(0, 1, inclusive="neither").all()
    assert not frame.duplicated(["lead_id", "as_of", "model"]).any()
    assert (frame["label"].isna() == frame["label_state"].isin(["immature", "duplicate"])).all()


def test_the_winner_is_asked_about_every_snapshot_and_the_others_about_the_test_rows(trained):
    frame = trained.predictions
    rows = pd.crosstab(frame["model"], frame["split"])
    assert rows.loc[trained.report["winner"]].sum() == len(trained.finished.trained.examples)
    assert (rows["test"] == trained.report["split"]["test"]["rows"]).all()
    others = rows.drop(index=trained.report["winner"], columns="test")
    assert others.to_numpy().sum() == 0


def test_the_parts_of_the_split_are_as_large_as_the_report_says(trained):
    rows = trained.winner_says["split"].value_counts()
    told = {part: trained.report["split"][part]["rows"] for part in ("train", "purged", "test")}
    assert rows.drop("unlabelled").to_dict() == told
    assert all(told.values())


def windows_close(trained: TrainedRun, rows: pd.DataFrame) -> pd.Series:
    """When the label of each row could be known at the earliest, from the playbook alone."""
    playbook = trained.vendor.playbook
    leads = read_tables(trained.vendor.history)["leads"].to_pandas().set_index("lead_id")["service_line"]
    days = rows["lead_id"].map(leads.astype(str)).map(playbook.horizon_of) + playbook.recording_lag_days
    return rows["as_of"] + pd.to_timedelta(days, unit="D")


def test_no_label_that_trained_became_known_after_the_test_begins(trained):
    rows, begins = trained.winner_says, pd.Timestamp(trained.report["split"]["test_begins"])
    assert (windows_close(trained, rows[rows["split"] == "train"]) <= begins).all()
    assert (rows.loc[rows["split"] == "test", "as_of"] >= begins).all()
    purged = rows[rows["split"] == "purged"]
    assert (purged["as_of"] < begins).all()
    assert (windows_close(trained, purged) > begins).mean() > 0.9, (
        "the rest waited for the SQL to be recorded"
    )


def test_unseen_accounts_are_those_without_a_training_row(trained):
    examples = trained.finished.trained.examples
    account = dict(zip(examples.lead_id, examples.account, strict=True))
    rows = trained.winner_says.assign(account=lambda frame: frame["lead_id"].map(account))
    learned = set(rows.loc[rows["split"] == "train", "account"])
    fresh = ~rows.loc[rows["split"] == "test", "account"].isin(learned)
    assert 0 < fresh.sum() == trained.report["split"]["unseen_accounts"]["rows"] < len(fresh)


def slope(label: pd.Series, probability: pd.Series, weight: pd.Series) -> float:
    x = np.log(probability / (1 - probability)).to_numpy()[:, None]
    return float(LogisticRegression(C=1e12, tol=1e-9).fit(x, label, sample_weight=weight).coef_[0, 0])


def lift_at_10(label: pd.Series, probability: pd.Series, weight: pd.Series) -> float:
    """Whole rows up to the one at which a tenth of the weight is reached; close, where rows are many."""
    ranked = pd.DataFrame({"y": label, "p": probability, "w": weight}).sort_values("p", ascending=False)
    top = ranked[ranked["w"].cumsum() <= 0.1 * ranked["w"].sum()]
    return float(np.average(top["y"], weights=top["w"]) / np.average(label, weights=weight))


FROM_PREDICTIONS = {
    "roc_auc": (lambda y, p, w: roc_auc_score(y, p, sample_weight=w), 1e-9),
    "pr_auc": (lambda y, p, w: average_precision_score(y, p, sample_weight=w), 1e-9),
    "log_loss": (lambda y, p, w: log_loss(y, p, sample_weight=w), 1e-9),
    "brier": (lambda y, p, w: brier_score_loss(y, p, sample_weight=w), 1e-9),
    "calibration_slope": (slope, 1e-3),
    "lift_at_10": (lift_at_10, 0.15),
}


@pytest.mark.parametrize("metric", FROM_PREDICTIONS)
@pytest.mark.parametrize("name", ["sheet", "logistic", "lightgbm", "blend"])
def test_the_figures_follow_from_the_predictions(trained, name, metric):
    weight = trained.winner_says.set_index(["lead_id", "as_of"])["weight"]
    rows = trained.predictions.query("model == @name and split == 'test'").set_index(["lead_id", "as_of"])
    figure, tolerance = FROM_PREDICTIONS[metric]
    again = figure(rows["label"], rows["probability"], weight[rows.index])
    assert trained.report["models"][name]["test"][metric]["value"] == pytest.approx(again, abs=tolerance)


def test_the_bundle_gives_the_very_predictions(trained):
    loaded = bundle.load(trained.out / "bundle")
    loaded.verify()
    assert loaded.fingerprint == trained.report["bundle_sha256"]
    sums = (trained.out / "bundle" / "SHA256SUMS").read_bytes()
    assert hashlib.sha256(sums).hexdigest() == loaded.fingerprint
    examples = trained.finished.trained.examples
    said = trained.winner_says["probability"].to_numpy()
    np.testing.assert_allclose(loaded.probability(examples.matrix), said, rtol=0, atol=1e-12)
    scores = loaded.score(
        examples.matrix.take(np.arange(50))
    )  # whose contributions add up, or it could not be made
    assert set(scores.band) <= set("ABCD")


def test_no_learned_model_looks_at_a_column_that_only_the_sheet_needs(trained):
    made = trained.finished.trained
    chosen = {feature.name for feature in made.examples.chosen}
    of_sheet = set(made.examples.matrix.names) - chosen
    assert of_sheet
    for name in ("logistic", "naive_bayes"):
        assert not {feature.name for feature in made.raced.models[name].features} & of_sheet, name


class Links(HTMLParser):
    """Everything a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_no_network(trained):
    page = (trained.out / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert [link for link in links.found if not link.startswith(("#", "data:"))] == []
    assert trained.report["bundle_sha256"][:12] in page


def stored_by_mlflow(out: Path) -> list[Path]:
    return [out / "mlflow.db", *(path for path in (out / "mlartifacts").rglob("*") if path.is_file())]


def test_mlflow_holds_the_run_and_calls_it_the_challenger(trained):
    run = trained.report["mlflow_run_id"]
    with sqlite3.connect(trained.out / "mlflow.db") as store:
        metrics = dict(store.execute("SELECT key, value FROM metrics WHERE run_uuid = ?", (run,)))
        [(alias, version)] = store.execute("SELECT alias, version FROM registered_model_aliases")
        [(source,)] = store.execute("SELECT run_id FROM model_versions WHERE version = ?", (version,))
    store.close()
    winner = trained.report["models"][trained.report["winner"]]["test"]
    assert metrics["test.roc_auc"] == pytest.approx(winner["roc_auc"]["value"])
    assert (alias, source) == ("challenger", run)
    names = {path.name for path in stored_by_mlflow(trained.out)}
    assert {"report.json", "report.html", "SHA256SUMS"} <= names


def test_mlflow_holds_no_lead_and_no_account(trained):
    tables = {name: table.to_pandas() for name, table in read_tables(trained.vendor.history).items()}
    ids = set(tables["leads"]["lead_id"]) | set(tables["leads"]["account_id"].dropna().astype(str))
    shapes = re.compile(rb"00Q\w{12}(?:\w{3})?|(?<![\d.])\d{11}(?!\d)|lab-\d{6}\.example\.com")
    assert all(shapes.fullmatch(name.encode()) for name in ids), "the search would miss an id"

    told = json.dumps(trained.predictions["lead_id"].tolist()).encode()
    assert {found.decode() for found in shapes.findall(told)} <= ids, "the search finds what is there"

    short = {name[:15] for name in ids} | ids
    for path in stored_by_mlflow(trained.out):
        assert path.suffix != ".parquet", "rows of leads, compressed"
        found = {text.decode() for text in shapes.findall(path.read_bytes())}
        assert not {name for name in found if name in short or name[:15] in short}, path.name


def refused(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_too_little_data_is_refused_with_the_counts_that_are_missing(tmp_path, capsys):
    small = Vendor.make(tmp_path, leads=150, seed=1)
    out = tmp_path / "run"
    files = ("--history", small.history, "--playbook", small.playbook_file, "--out", out)
    assert refused("train", *files) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "there is too little to learn from" in said.err
    assert re.search(r"(\d+) leads converted and mature, at least 20 are needed: (\d+) are missing", said.err)
    assert "would still be honest" in said.err
    assert not out.exists()


@pytest.mark.parametrize("folder", ["models", "plots"])
def test_a_folder_that_is_no_run_is_left_alone(vendor, tmp_path, folder):
    precious = tmp_path / folder / "mine.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(LeadlightError, match=f"{tmp_path} is no run of Leadlight; choose another place"):
        train(vendor.history, vendor.playbook_file, tmp_path, QUICK)
    assert [path.name for path in tmp_path.rglob("*")] == [folder, "mine.txt"]


@pytest.mark.slow
def test_the_same_input_gives_the_same_bundle_in_another_process(trained, tmp_path):
    """With another hash seed, through the command line; and the matrix comes on request."""
    out, params = tmp_path / "again", tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({"train": QUICK.model_dump(mode="json")}), encoding="utf-8")
    vendor = trained.vendor
    paths = {
        "--history": vendor.history,
        "--playbook": vendor.playbook_file,
        "--out": out,
        "--params": params,
    }
    told = subprocess.run(
        [
            sys.executable, "-c", "from pipelines.cli import main; main()", "train", "--matrix", "--json",
            *(str(part) for pair in paths.items() for part in pair),
        ],
        env=os.environ | {"PYTHONHASHSEED": "4711"},
        check=True,
        stdout=subprocess.PIPE,
        timeout=280,
    ).stdout  # fmt: skip
    report = json.loads(told)
    assert report["bundle_sha256"] == trained.report["bundle_sha256"]
    same = ("winner", "why", "models", "split", "importance")
    assert {name: report[name] for name in same} == {name: trained.report[name] for name in same}
    matrix = pq.read_table(out / "matrix.parquet")
    assert matrix.equals(trained.finished.trained.examples.to_arrow())


@pytest.fixture(scope="module")
def larger(tmp_path_factory) -> TrainedRun:
    """As large as the demo: enough outcomes to search for settings."""
    vendor = Vendor.make(tmp_path_factory.mktemp("larger"), leads=4000, seed=1)
    searched = QUICK.model_copy(update={"tuning": TuningParams(trials=2)})
    return trained_on(vendor, vendor.folder / "run", searched)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_search_for_settings_is_stored_in_the_run(larger):
    with sqlite3.connect(larger.out / "study.db") as store:
        assert store.execute("SELECT count(*) FROM trials").fetchone() == (2,)
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_winner_orders_leads_better_than_the_sheet(larger):
    tests = {name: result["test"] for name, result in larger.report["models"].items()}
    winner = larger.report["winner"]
    assert winner != "sheet"
    assert tests[winner]["roc_auc"]["value"] > tests["sheet"]["roc_auc"]["value"] + 0.02
    assert tests[winner]["log_loss"]["value"] < tests["sheet"]["log_loss"]["value"]
    assert tests["blend"]["log_loss"]["value"] < tests["naive_bayes"]["log_loss"]["value"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_probabilities_are_near_the_true_ones(larger):
    """The truth is P(SQL) as the simulation drew it, for leads that sales worked, like the model's."""
    rows = larger.winner_says.query("split == 'test'")
    both = rows.merge(larger.vendor.true_snapshots(), on=["lead_id", "as_of"], suffixes=("", "_true"))
    assert len(both) == len(rows)
    off = (both["probability"] - both["probability_true"]).abs().mean()
    guess = (both["label"].mean() - both["probability_true"]).abs().mean()
    assert off < 0.07
    assert off < 0.65 * guess, "far better than the base rate for everyone"
    assert both["probability"].mean() == pytest.approx(both["probability_true"].mean(), abs=0.03)
    assert both["probability"].corr(both["probability_true"], method="spearman") > 0.7

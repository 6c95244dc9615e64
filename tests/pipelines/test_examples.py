"""The two public data sets, from their files to a judged model, with the shipped mapping and playbook alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from features.sheet_file import read_sheet
from models import bundle
from pipelines.fit import Trained
from pipelines.ingest import ingest
from pipelines.params import TrainParams
from pipelines.points.checking import check
from pipelines.points.schema import PointsReport
from pipelines.points.steps import Asked, compare_points
from pipelines.train import train

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # of mlflow
]

QUICK = TrainParams(bootstrap_draws=50)


@dataclass(frozen=True)
class Example:
    """A finished training on a public data set."""

    out: Path
    trained: Trained
    report: dict[str, Any]

    @property
    def test_rows(self) -> pd.DataFrame:
        """Predictions of the winner on the test rows."""
        frame = pd.read_parquet(self.out / "predictions.parquet")
        return frame[(frame["model"] == self.report["winner"]) & (frame["split"] == "test")]

    def figure(self, model: str, metric: str) -> float:
        value = self.report["models"][model]["test"][metric]["value"]
        assert isinstance(value, float)
        return value


def made(root: Path, source: Path, name: str, folder: Path) -> Example:
    agreed = root / "examples" / name
    ingest(agreed / "mapping.yaml", source, folder / "history")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        finished = train(folder / "history", agreed / "playbook.yaml", folder / "run", QUICK)
    report = json.loads((folder / "run" / "report.json").read_text(encoding="utf-8"))
    return Example(folder / "run", finished.trained, report)


@pytest.fixture(scope="module")
def loans(root, realdata, tmp_path_factory) -> Example:
    return made(root, realdata / "bpic2012", "bpic2012", tmp_path_factory.mktemp("loans"))


@pytest.fixture(scope="module")
def sellers(root, realdata, tmp_path_factory) -> Example:
    return made(root, realdata / "olist_funnel", "olist", tmp_path_factory.mktemp("sellers"))


def funnel(example: Example) -> dict[str, int]:
    return {step["step"]: step["rows"] for step in example.report["funnel"]}


def test_who_is_asked_about_among_the_loans(loans):
    assert (loans.trained.examples.leads, loans.trained.examples.entitled) == (13_087, 13_087)
    assert funnel(loans) == {
        "leads in the history": 13_087,
        "leads that were in play when asked": 6_300,
        "snapshots": 6_300,
        "snapshots with an honest label": 5_388,
        "train": 2_908,
        "test": 1_347,
    }


def test_who_is_asked_about_among_the_sellers(sellers):
    """Of those created since 2018, the 38 who signed before the next morning are no question any more."""
    assert (sellers.trained.examples.leads, sellers.trained.examples.entitled) == (8_000, 5_998)
    assert funnel(sellers)["snapshots"] == funnel(sellers)["snapshots with an honest label"] == 5_960
    early = sellers.report["funnel"][1]["excluded"]
    assert early["created before 2018-01-01"] == 2_002


@pytest.mark.parametrize(("name", "least"), [("loans", 0.66), ("sellers", 0.66)])
def test_the_winner_and_the_blend_order_leads_as_well_as_these_data_allow(name, least, request):
    example = request.getfixturevalue(name)
    for model in (example.report["winner"], "blend", "logistic"):
        assert least < example.figure(model, "roc_auc") < 0.8, f"{model}: beyond that it would be a leak"


@pytest.mark.parametrize("name", ["loans", "sellers"])
def test_probabilities_are_worth_more_than_the_base_rate(name, request):
    """Even than the base rate of the test rows themselves, which nobody could have known."""
    example = request.getfixturevalue(name)
    rows = example.test_rows
    alone = log_loss(rows["label"], np.full(len(rows), rows["label"].mean()))
    for model in (example.report["winner"], "blend"):
        assert example.figure(model, "log_loss") < alone, model


@pytest.mark.parametrize("name", ["loans", "sellers"])
def test_the_figures_are_those_of_the_predictions(name, request):
    example = request.getfixturevalue(name)
    rows = example.test_rows
    winner = example.report["winner"]
    assert example.figure(winner, "roc_auc") == pytest.approx(
        roc_auc_score(rows["label"], rows["probability"])
    )
    assert example.figure(winner, "log_loss") == pytest.approx(log_loss(rows["label"], rows["probability"]))


@pytest.mark.parametrize("name", ["loans", "sellers"])
def test_the_bundle_serves_the_same_numbers_taken_apart(name, request):
    example = request.getfixturevalue(name)
    loaded = bundle.load(example.out / "bundle")
    loaded.verify()
    testing = example.trained.split.testing
    scores = loaded.score(testing.matrix)
    said = example.trained.probability(example.report["winner"], testing.matrix)
    np.testing.assert_allclose(scores.probability, said, rtol=0, atol=1e-12)
    apart = scores.contributions.base + scores.by_signal.sum(axis=1)
    np.testing.assert_allclose(apart, scores.log_odds, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "folder", "mql"), [("loans", "bpic2012", (0.25, 0.35)), ("sellers", "olist", (0.03, 0.08))]
)
def test_the_invented_sheet_of_an_example_can_be_read_off_its_history(name, folder, mql, root, request):
    example = request.getfixturevalue(name)
    agreed = root / "examples" / folder
    found = check(example.out.parent / "history", agreed / "playbook.yaml", agreed / "sheet.yaml")
    assert all(0 < rule.fired < found.snapshots for rule in found.rules)
    assert mql[0] < found.mql / found.snapshots < mql[1]
    assert found.warnings == ()


def test_points_of_the_loans_are_learned_and_compared_with_the_model(loans, root, tmp_path):
    agreed, history = root / "examples" / "bpic2012", loans.out.parent / "history"
    asked = Asked(history, agreed / "playbook.yaml", agreed / "sheet.yaml", draws=50)
    compare_points(asked, loans.out, tmp_path / "points")
    report = PointsReport.model_validate_json((tmp_path / "points" / "points.json").read_text("utf-8"))
    today, refitted = report.comparison.first, report.comparison.standing("refitted")
    model = report.comparison.standing("model")
    assert today.figures.roc_auc.value < refitted.figures.roc_auc.value + 0.01
    assert model.figures.roc_auc.value == pytest.approx(
        loans.figure(loans.report["winner"], "roc_auc"), abs=1e-6
    )
    assert read_sheet(tmp_path / "points" / "refitted.yaml").rules

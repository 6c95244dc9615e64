"""Fixtures of the pipelines' tests."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.playbook import Playbook, read_playbook
from pipelines.ingest import ingest
from pipelines.params import TrainParams, TuningParams
from pipelines.simulate import simulate
from pipelines.train import Finished, train
from pipelines.training_set import TrainingSet, training_set
from tests.pipelines.exports import Export

QUICK = TrainParams(forward_folds=2, bootstrap_draws=50, tuning=TuningParams(trials=0))
"""Enough for every model to race, and no more."""


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """An empty export."""
    return Export(tmp_path)


@dataclass(frozen=True)
class Vendor:
    """A simulated company in ``folder``: ``exports`` and the ``history`` made of them, as ``leadlight demo`` has it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, leads: int, seed: int) -> Vendor:
        """Simulate and ingest."""
        vendor = cls(folder)
        simulate(vendor.exports, leads, seed)
        ingest(vendor.exports / "mapping.yaml", vendor.exports, vendor.history)
        return vendor

    @property
    def exports(self) -> Path:
        return self.folder / "exports"

    @property
    def history(self) -> Path:
        return self.folder / "history"

    @property
    def playbook_file(self) -> Path:
        return self.exports / "playbook.yaml"

    @cached_property
    def playbook(self) -> Playbook:
        return read_playbook(self.playbook_file)

    @cached_property
    def truth(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads((self.exports / "truth.json").read_text(encoding="utf-8"))
        return plain

    def true_snapshots(self) -> pd.DataFrame:
        """What the simulation knows of each snapshot; ``as_of`` as pandas has it."""
        frame = pd.DataFrame(self.truth["snapshots"])
        return frame.assign(as_of=pd.to_datetime(frame["as_of"], utc=True).astype("datetime64[us, UTC]"))


@dataclass(frozen=True)
class TrainedRun:
    """A training, and the folder that it wrote."""

    vendor: Vendor
    out: Path
    finished: Finished

    @property
    def report(self) -> dict[str, Any]:
        """As it was written."""
        plain: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return plain

    @property
    def predictions(self) -> pd.DataFrame:
        """As they were written."""
        return pd.read_parquet(self.out / "predictions.parquet")

    @property
    def winner_says(self) -> pd.DataFrame:
        """Predictions of the winner, with the weight of each row: all are alike, for the policy draws none."""
        rows = self.predictions.query("model == @winner", local_dict={"winner": self.report["winner"]})
        return rows.assign(weight=1.0)


def trained_on(vendor: Vendor, out: Path, params: TrainParams = QUICK) -> TrainedRun:
    """Train as ``leadlight train`` does; the tracking store lies in ``out``."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # of mlflow and what it imports
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return TrainedRun(vendor, out, train(vendor.history, vendor.playbook_file, out, params))


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """A company with enough outcomes for every model to race."""
    return Vendor.make(tmp_path_factory.mktemp("vendor"), leads=1200, seed=5)


@pytest.fixture(scope="session")
def examples(vendor: Vendor) -> TrainingSet:
    """Its snapshots with the features of the catalogue."""
    return training_set(vendor.history, vendor.playbook)


@pytest.fixture(scope="session")
def trained(vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A training on it."""
    return trained_on(vendor, tmp_path_factory.mktemp("run") / "run")

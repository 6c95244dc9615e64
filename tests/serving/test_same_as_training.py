"""From the files of a company to its service: every answer is the number that training wrote down, to 1e-12."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from features.clock import micros
from pipelines.ingest import ingest
from pipelines.params import TrainParams, TuningParams
from pipelines.simulate import simulate
from pipelines.train import train
from serving.app import create_app
from serving.bundle_store import BundleStore
from serving.loading import load_history
from serving.scopes import SCOPES
from serving.settings import Settings
from serving.store import activations, keys
from serving.store.engine import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # of mlflow
]

QUICK = TrainParams(forward_folds=2, bootstrap_draws=50, tuning=TuningParams(trials=0))
ROWS = 500
"""Test rows that are asked about over HTTP."""


def trained(folder: Path, source: Path, agreed: Path) -> Path:
    """Ingest and train as a user would; gives the folder with ``history`` and ``run``."""
    ingest(agreed / "mapping.yaml", source, folder / "history")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train(folder / "history", agreed / "playbook.yaml", folder / "run", QUICK)
    return folder


def service_of(folder: Path) -> tuple[Settings, str]:
    """A data folder with the bundle active and the history in its store, and a key."""
    settings = Settings(data=folder / "service", requests_per_minute=1_000_000)
    settings.data.mkdir()
    fingerprint = BundleStore(settings.bundles).add(folder / "run" / "bundle")
    store = Store.open(settings.database)
    now = micros(pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime())
    load_history(store, folder / "history", "default", now)
    with store.writing() as connection:
        activations.activate(connection, "champion", fingerprint, "tests", now)
        key = keys.create(connection, "default", "of a test", SCOPES, None, now).text
    store.close()
    return settings, key


def said_in_training(folder: Path) -> pd.DataFrame:
    """What the winner said of the test rows."""
    winner = json.loads((folder / "run" / "report.json").read_text(encoding="utf-8"))["winner"]
    frame = pd.read_parquet(folder / "run" / "predictions.parquet")
    return frame[(frame["model"] == winner) & (frame["split"] == "test")].sample(ROWS, random_state=0)


def check(folder: Path) -> None:
    settings, key = service_of(folder)
    apart, added_up = [], []
    with TestClient(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        for lead_id, as_of, said in said_in_training(folder)[["lead_id", "as_of", "probability"]].itertuples(
            index=False
        ):
            told = client.get(f"/v1/leads/{lead_id}/score", params={"as_of": as_of.isoformat()})
            assert told.status_code == 200, told.text
            answer = told.json()
            apart.append(abs(answer["probability"] - said))
            parts = sum(reason["points"] for reason in answer["reasons"]["by_signal"])
            added_up.append(abs(answer["base"]["points"] + parts - answer["points"]))
        replayed = client.get(f"/v1/scores/{answer['prediction_id']}").json()["replay"]
    assert len(apart) == ROWS
    assert max(apart) <= 1e-12
    assert max(added_up) <= 1e-6
    assert replayed["equal"] is True


def test_of_the_simulated_company(tmp_path):
    simulate(tmp_path / "exports", 2500, 5)
    check(trained(tmp_path, tmp_path / "exports", tmp_path / "exports"))


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "source"), [("bpic2012", "bpic2012"), ("olist", "olist_funnel")])
def test_of_a_public_data_set(root, realdata, tmp_path, name, source):
    check(trained(tmp_path, realdata / source, root / "examples" / name))

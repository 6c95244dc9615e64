"""What MLflow is told, and what it is not."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from models import registry
from models.registry import RegistryError, Training, fetch_bundle, log_training, prepare_store, store_uri
from models.sealed import BundleError, unseal
from tests.models.bundles import CANARIES, REPORT, Visits, dataset, parts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
"""Of mlflow and what it imports."""

PARAMS = {"seed": 1, "boosting": {"learning_rate": 0.05, "leaves": [5, 15]}}
DATASETS = {"history": "cd" * 32, "playbook": "ef" * 32}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run folder with a bundle, a report, and predictions that name leads."""
    from models import bundle

    folder = tmp_path_factory.mktemp("run")
    train = dataset(600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "model_from_files", lambda _: Visits())
        bundle.save(folder / "bundle", parts(Visits(), train))
    (folder / "report.html").write_text("<h1>Report</h1>")
    (folder / "reliability.png").write_bytes(b"\x89PNG")
    (folder / "predictions.csv").write_text("\n".join(train.lead_id.tolist()))
    return folder


def training(run: Path) -> Training:
    files = {"report.html": run / "report.html", "plots/reliability.png": run / "reliability.png"}
    return Training("a test", run / "bundle", REPORT, PARAMS, DATASETS, files)


@pytest.fixture(scope="module")
def logged(run, migrated_store, tmp_path_factory):
    """One training in a store of its own."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    return log_training(training(run), f"sqlite:///{folder / 'mlflow.db'}")


@pytest.fixture(scope="module")
def client(logged):
    from mlflow import MlflowClient

    return MlflowClient(logged.tracking_uri, registry_uri=logged.tracking_uri)


def test_the_run_holds_params_metrics_tags_and_digests(logged, client):
    told = client.get_run(logged.run_id)
    assert told.info.status == "FINISHED"
    assert told.data.params == {"seed": "1", "boosting.learning_rate": "0.05", "boosting.leaves": "[5, 15]"}
    assert told.data.metrics == {
        "logistic.test.roc_auc": 0.712,
        "logistic.test.log_loss": 0.412,
        "sheet.test.roc_auc": 0.61,
        "sheet.test.log_loss": 0.47,
        "test.roc_auc": 0.712,
        "test.roc_auc_low": 0.68,
        "test.roc_auc_high": 0.74,
        "test.log_loss": 0.412,
        "test.log_loss_low": 0.39,
        "test.log_loss_high": 0.43,
    }
    assert told.data.tags["history_sha256"] == "cd" * 32
    inputs = {given.dataset.name: given.dataset for given in told.inputs.dataset_inputs}
    assert set(inputs) == {"history", "playbook"}
    assert DATASETS["history"].startswith(inputs["history"].digest)
    assert json.loads(inputs["history"].source) == {"sha256": "cd" * 32}


def test_the_bundle_is_registered_as_challenger(logged, client, run):
    version = client.get_model_version_by_alias("leadlight", "challenger")
    assert (str(version.version), version.run_id) == (logged.version, logged.run_id)
    assert version.tags["bundle_sha256"] == unseal(run / "bundle")[1]
    assert version.tags["history_sha256"] == DATASETS["history"]


def test_artifacts_are_report_plots_and_the_bundle_file_by_file(logged, client, run, tmp_path):
    root = Path(client.download_artifacts(logged.run_id, "", str(tmp_path)))
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert {"report.json", "report.html", "plots/reliability.png", "bundle/model/model.json"} <= names
    assert unseal(root / "bundle") == unseal(run / "bundle")
    report = json.loads((root / "report.json").read_text(), parse_constant=pytest.fail)
    assert report["models"]["logistic"]["test"]["calibration_slope"]["value"] is None
    assert (report["mlflow_run_id"], report["mlflow_model_version"]) == (logged.run_id, logged.version)
    assert report["winner"] == REPORT["winner"]


@pytest.mark.parametrize("canary", CANARIES)
def test_no_lead_is_in_the_store(logged, canary):
    folder = Path(logged.tracking_uri.removeprefix("sqlite:///")).parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path.name for path in files if canary.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("name", ["models:/leadlight@challenger", "models:/leadlight/1"])
def test_a_registered_bundle_is_fetched_byte_by_byte(logged, run, tmp_path, name):
    fingerprint = fetch_bundle(name, tmp_path / "deep" / "bundle", logged.tracking_uri)
    assert unseal(tmp_path / "deep" / "bundle") == unseal(run / "bundle")
    assert fingerprint == unseal(run / "bundle")[1]


@pytest.mark.parametrize(
    "name", ["models:/leadlight@nobody", "models:/other/1", "models:/leadlight/99", "nonsense"]
)
def test_what_is_not_registered_is_said_so(logged, tmp_path, name):
    with pytest.raises(RegistryError, match="the registry holds no"):
        fetch_bundle(name, tmp_path / "bundle", logged.tracking_uri)
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_is_not_fetched_over_another_folder(logged, tmp_path):
    with pytest.raises(RegistryError, match="exists already"):
        fetch_bundle("models:/leadlight/1", tmp_path, logged.tracking_uri)


def test_a_missing_store_is_not_made_by_reading(tmp_path):
    with pytest.raises(RegistryError, match="there is no MLflow store"):
        fetch_bundle("models:/leadlight/1", tmp_path / "bundle", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert not any(tmp_path.iterdir())


def test_the_next_training_is_the_next_version_and_takes_the_alias(run, mlflow_store):
    first, second = (log_training(training(run), mlflow_store) for _ in range(2))
    assert (first.version, second.version) == ("1", "2")
    assert first.run_id != second.run_id
    assert _alias(mlflow_store) == "2"


def _alias(uri: str) -> str:
    from mlflow import MlflowClient

    return str(
        MlflowClient(uri, registry_uri=uri).get_model_version_by_alias("leadlight", "challenger").version
    )


def test_artifacts_changed_in_the_store_are_not_fetched(run, mlflow_store, tmp_path):
    log_training(training(run), mlflow_store)
    [card] = (tmp_path / "mlartifacts").rglob("MODEL_CARD.md")
    card.write_text("all is well")
    with pytest.raises(BundleError, match=r"MODEL_CARD\.md was changed"):
        fetch_bundle("models:/leadlight/1", tmp_path / "bundle", mlflow_store)
    assert not (tmp_path / "bundle").exists()


def test_another_bundle_in_its_place_is_not_fetched_either(run, mlflow_store, tmp_path):
    log_training(training(run), mlflow_store)
    [card] = (tmp_path / "mlartifacts").rglob("MODEL_CARD.md")
    registry_copy = card.parent
    files = unseal(registry_copy)[0]
    from models.sealed import seal

    seal(registry_copy, {**files, "MODEL_CARD.md": b"all is well"})
    with pytest.raises(BundleError, match="not the bundle that was registered"):
        fetch_bundle("models:/leadlight/1", tmp_path / "bundle", mlflow_store)


def test_a_damaged_bundle_is_not_registered(run, mlflow_store, tmp_path):
    shutil.copytree(run / "bundle", tmp_path / "copy")
    (tmp_path / "copy" / "bands.json").write_text("{}")
    with pytest.raises(BundleError):
        log_training(Training("a test", tmp_path / "copy", REPORT, PARAMS, DATASETS), mlflow_store)
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_run_that_breaks_off_is_marked_as_failed(run, mlflow_store, monkeypatch):
    def fail(*_args):
        raise OSError("disk full")

    monkeypatch.setattr(registry, "_register", fail)
    with pytest.raises(OSError, match="disk full"):
        log_training(training(run), mlflow_store)
    with sqlite3.connect(mlflow_store.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT status FROM runs").fetchall() == [("FAILED",)]


def test_the_environment_names_the_store(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert store_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    assert store_uri(tmp_path) == "http://tracking.example"


def test_a_new_store_is_copied_from_the_cache(tmp_path, monkeypatch, migrated_store):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = []

    def migrate(template):
        made.append(template)
        template.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(migrated_store, template)

    monkeypatch.setattr(registry, "_migrate", migrate)
    for name in ("one", "two", "two"):
        prepare_store(f"sqlite:///{tmp_path / name / 'mlflow.db'}")
    assert len(made) == 1
    assert (tmp_path / "two" / "mlflow.db").read_bytes() == migrated_store.read_bytes()
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["mlflow.db"]


def test_a_store_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"mine")
    prepare_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    prepare_store("http://tracking.example")
    prepare_store("sqlite:///:memory:")
    assert (tmp_path / "mlflow.db").read_bytes() == b"mine"


def test_a_store_made_meanwhile_by_another_process_is_kept(tmp_path, migrated_store):
    (tmp_path / "mlflow.db").write_bytes(b"the other process was faster")
    with pytest.raises(FileExistsError):
        registry._copy(migrated_store, tmp_path / "mlflow.db")
    assert (tmp_path / "mlflow.db").read_bytes() == b"the other process was faster"


def test_a_cache_that_cannot_be_written_does_not_stop_anything(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    prepare_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert not (tmp_path / "mlflow.db").exists()


def test_a_password_in_the_address_is_not_told():
    assert registry._without_password("postgresql://bob:secret@host/db") == "postgresql://host/db"
    assert registry._without_password("http://host:5000") == "http://host:5000"


@pytest.mark.slow
def test_a_store_of_ones_own_making_is_what_mlflow_makes_and_quietly(run, tmp_path, root):
    """In a fresh process, cache and folder: nothing on either stream, nothing beside the store."""
    code = (
        "import sys; from pathlib import Path; from models import registry as r\n"
        "uri = r.store_uri(Path(sys.argv[1]))\n"
        "r.log_training(r.Training('x', Path(sys.argv[2]), {}, {}, {'history': 'a'}), uri)\n"
        "r.fetch_bundle('models:/leadlight@challenger', Path(sys.argv[1]) / 'got', uri)\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(root)}
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out"), str(run / "bundle")],
        cwd=tmp_path / "out",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["got", "mlartifacts", "mlflow.db"]


def test_nothing_but_this_module_waits_for_mlflow(root):
    code = "import sys, models.registry; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

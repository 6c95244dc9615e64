"""MLflow: what was trained, on what, how well, and which version is meant to be served.

The registry holds the intention (aliases), the bundle's fingerprint the truth. No row of a lead goes
there: parameters, metrics, digests, plots, the report and the bundle, whose golden rows are made up.

This is the only module that imports mlflow, and it does so late: the import alone takes seconds.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.errors import LeadlightError
from models.sealed import BundleError, unseal

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL: Final = "leadlight"
CHALLENGER: Final = "challenger"
BUNDLE: Final = "bundle"
"""Folder of the bundle among the artifacts of a run."""

DIGEST_LENGTH: Final = 36
"""MLflow keeps so many characters of the digest of a data set; the whole one is a tag."""
METRICS_PER_CALL: Final = 1000
PARAMS_PER_CALL: Final = 100
PARAM_LENGTH: Final = 6000

PREFIX: Final = "sqlite:///"


class RegistryError(LeadlightError):
    """MLflow could not be reached or does not hold what was asked for."""


@dataclass(frozen=True, slots=True)
class Training:
    """What one training leaves in the registry.

    Attributes:
        experiment: name of the MLflow experiment.
        bundle: folder of the bundle.
        report: as written to ``report.json``; run id and version are added to it.
        params: nested parameters; nesting becomes dots.
        datasets: digest of each input by name, such as ``{"history": ..., "playbook": ...}``.
        files: further files to keep, such as ``report.html`` and plots, by path in the run.
    """

    experiment: str
    bundle: Path
    report: Mapping[str, Any]
    params: Mapping[str, Any]
    datasets: Mapping[str, str]
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a training is found again."""

    tracking_uri: str
    run_id: str
    version: str


def store_uri(run_root: Path) -> str:
    """``MLFLOW_TRACKING_URI`` if set, else an sqlite file under the run root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{PREFIX}{run_root.resolve()}/mlflow.db"


def log_training(training: Training, tracking_uri: str) -> Logged:
    """Log one run, register its bundle as the next version of ``leadlight``, make it the challenger.

    Args:
        training: what to log.
        tracking_uri: of the store, such as ``store_uri(run_root)``. Artifacts of an sqlite store lie in
            ``mlartifacts`` beside it.

    Raises:
        BundleError: if the bundle is not as it was sealed.
        RegistryError: if MLflow refuses; a run that was begun is marked as failed.
    """
    _, fingerprint = unseal(training.bundle)
    with _client(tracking_uri) as client:
        experiment = _experiment(client, training.experiment, tracking_uri)
        run_id: str = client.create_run(
            experiment, run_name=str(training.report.get("winner", "training"))
        ).info.run_id
        try:
            version = _fill(client, run_id, training, fingerprint)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")
    return Logged(tracking_uri, run_id, version)


def fetch_bundle(model_uri: str, into: Path, tracking_uri: str) -> str:
    """Copy a registered bundle into the folder ``into`` and return its fingerprint.

    Args:
        model_uri: ``models:/leadlight@champion`` or ``models:/leadlight/3``.
        into: must not exist yet.
        tracking_uri: of the store.

    Raises:
        RegistryError: no such model, alias or version.
        BundleError: what was fetched is not what was registered.
    """
    store = _sqlite_file(tracking_uri)
    if store is not None and not store.exists():
        raise RegistryError(
            f"there is no MLflow store at {store}; `leadlight train` makes one, or set MLFLOW_TRACKING_URI"
        )
    with _client(tracking_uri) as client:
        found = _find(client, model_uri)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(client.download_artifacts(found.run_id, BUNDLE, folder))
            _, fingerprint = unseal(path)
            if fingerprint != found.tags.get("bundle_sha256"):
                raise BundleError(
                    f"the artifacts of {model_uri} are not the bundle that was registered; do not serve them"
                )
            if into.exists():
                raise RegistryError(f"{into} exists already; name a new folder")
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(path, into)
    return fingerprint


def prepare_store(tracking_uri: str) -> None:
    """Create an sqlite store if there is none yet.

    MLflow builds a new store by running 68 migrations, which takes 6 to 20 s. The result is the same each
    time, so it is kept in the user's cache, by version of MLflow, and copied. Where that fails, or another
    process is faster, MLflow does what it always does.
    """
    store = _sqlite_file(tracking_uri)
    if store is None or store.exists():
        return
    template = _cache() / f"mlflow-{version('mlflow')}.db"
    with _quiet(), suppress(OSError):
        if not template.exists():
            _migrate(template)
        store.parent.mkdir(parents=True, exist_ok=True)
        _copy(template, store)


def reach(tracking_uri: str) -> None:
    """Ask a tracking server for something small, so that a dead one is noticed before hours of work, not after.

    Raises:
        RegistryError: if it does not answer.
    """
    if _sqlite_file(tracking_uri) is None:
        with _client(tracking_uri) as client:
            client.search_experiments(max_results=1)


@contextmanager
def _client(tracking_uri: str) -> Iterator[MlflowClient]:
    with _quiet():
        from mlflow import MlflowClient  # noqa: PLC0415 - see the module
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        prepare_store(tracking_uri)
        try:
            yield MlflowClient(tracking_uri, registry_uri=tracking_uri)
        except MlflowException as error:
            raise RegistryError(
                f"MLflow at {_without_password(tracking_uri)} refused", [str(error)]
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry, no progress bars, no line for every step: a command's output is not their place."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadlight"


def _sqlite_file(tracking_uri: str) -> Path | None:
    """The file of an sqlite store."""
    name = tracking_uri.removeprefix(PREFIX).partition("?")[0]
    return Path(name) if tracking_uri.startswith(PREFIX) and name not in ("", ":memory:") else None


def _migrate(template: Path) -> None:
    from mlflow.db import upgrade  # noqa: PLC0415 - the command `mlflow db upgrade`

    template.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        fresh = Path(folder) / template.name
        upgrade.main([f"{PREFIX}{fresh}"], standalone_mode=False)
        fresh.replace(template)


def _copy(template: Path, store: Path) -> None:
    """Copy whole or not at all, never over a store that came into being meanwhile."""
    with tempfile.TemporaryDirectory(dir=store.parent) as folder:
        fresh = Path(folder) / store.name
        shutil.copyfile(template, fresh)
        store.hardlink_to(fresh)


def _experiment(client: MlflowClient, name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    store = _sqlite_file(uri)
    local = None if store is None else (store.resolve().parent / "mlartifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=local))


def _fill(client: MlflowClient, run_id: str, training: Training, fingerprint: str) -> str:
    """Everything of one run; returns the version registered."""
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

    tags = {"bundle_sha256": fingerprint} | {
        f"{name}_sha256": digest for name, digest in training.datasets.items()
    }
    started = client.get_run(run_id).info.start_time
    metrics = [Metric(key, value, started, 0) for key, value in _metrics(training.report).items()]
    params = [Param(key, text[:PARAM_LENGTH]) for key, text in _flat(training.params).items()]
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    for at in range(0, len(metrics), METRICS_PER_CALL):
        client.log_batch(run_id, metrics=metrics[at : at + METRICS_PER_CALL])
    for at in range(0, len(params), PARAMS_PER_CALL):
        client.log_batch(run_id, params=params[at : at + PARAMS_PER_CALL])
    client.log_inputs(run_id, _inputs(training.datasets))
    client.log_artifacts(run_id, str(training.bundle), BUNDLE)
    for name, path in training.files.items():
        client.log_artifact(run_id, str(path), Path(name).parent.as_posix().removeprefix("."))
    return _register(client, run_id, training, tags)


def _register(client: MlflowClient, run_id: str, training: Training, tags: Mapping[str, str]) -> str:
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL, description="Calibrated probability that a lead becomes an SQL")
    source = f"{client.get_run(run_id).info.artifact_uri}/{BUNDLE}"
    made = client.create_model_version(MODEL, source, run_id, tags=dict(tags))
    client.set_registered_model_alias(MODEL, CHALLENGER, made.version)
    complete = {**training.report, "mlflow_run_id": run_id, "mlflow_model_version": str(made.version)}
    text = json.dumps(_finite(complete), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    client.log_text(run_id, text + "\n", "report.json")
    return str(made.version)


def _inputs(datasets: Mapping[str, str]) -> list[Any]:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

    context = [InputTag("mlflow.data.context", "training")]
    return [
        DatasetInput(Dataset(name, digest[:DIGEST_LENGTH], "digest", json.dumps({"sha256": digest})), context)
        for name, digest in sorted(datasets.items())
    ]


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    """``test.<metric>`` of the winner with its interval, ``<model>.test.<metric>`` of every model."""
    tests = {name: model.get("test", {}) for name, model in report.get("models", {}).items()}
    found = {
        f"{name}.test.{key}": metric.get("value")
        for name, test in tests.items()
        for key, metric in test.items()
    }
    for key, metric in tests.get(report.get("winner", ""), {}).items():
        found |= {f"test.{key}": metric.get("value")}
        found |= {f"test.{key}_{end}": metric.get(end) for end in ("low", "high")}
    known = {key: float(value) for key, value in found.items() if value is not None}
    return {key: value for key, value in known.items() if math.isfinite(value)}


def _finite(value: Any) -> Any:
    """JSON knows no NaN; what is not defined is null."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in params.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)}
    return flat


def _find(client: MlflowClient, model_uri: str) -> Any:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    name = model_uri.removeprefix("models:/")
    try:
        if "@" in name:
            return client.get_model_version_by_alias(*name.split("@", 1))
        return client.get_model_version(*name.split("/", 1))
    except (MlflowException, TypeError) as error:
        message = (
            f"the registry holds no {model_uri}; write models:/{MODEL}@{CHALLENGER} or models:/{MODEL}/1"
        )
        raise RegistryError(message, [str(error)]) from error

"""`leadlight train`: from a history to a judged, explained, bundled and tracked model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.errors import LeadlightError
from features.playbook import read_playbook
from models.registry import Training, log_training, reach, store_uri
from pipelines.bundling import write_bundle
from pipelines.fit import Trained, fit, predictions
from pipelines.judging import judged, sha256
from pipelines.params import TrainParams
from pipelines.progress import Say, unheard
from pipelines.report import write_html, write_json
from pipelines.reporting.page import plots
from pipelines.reporting.schema import Report
from pipelines.training_set import training_set

PLOTS, MODELS = "plots", "models"
"""Folders of a run."""


@dataclass(frozen=True)
class Finished:
    """A training whose run is written.

    Attributes:
        trained: what it learned, and from what.
        report: the content of ``report.json``.
    """

    trained: Trained
    report: dict[str, Any]

    def write_matrix(self, file: Path) -> None:
        """Every snapshot with its features, in order of ``as_of``; columns as in ``leadlight features``."""
        pq.write_table(self.trained.examples.to_arrow(), file, compression="zstd")


def train(
    history: Path,
    playbook: Path,
    out: Path,
    params: TrainParams,
    say: Say = unheard,
    *,
    definition: str | None = None,
) -> Finished:
    """Train on a history and write the run into folder ``out``.

    Args:
        history: folder of the history.
        playbook: the file.
        out: gets report.json, report.html, predictions.parquet and bundle/; MLflow's store too by default.
        params: how to split, race and judge.
        say: told what is being done.
        definition: version of what counts as an SQL; the latest if left out.

    Raises:
        LeadlightError: what a person has to mend, for example too little data.
    """
    agreed = read_playbook(playbook)
    _refuse_foreign(out)
    reach(store_uri(out))
    say("features")
    examples = training_set(history, agreed, version=definition)
    for stale in ("matrix.parquet", "study.db"):
        (out / stale).unlink(missing_ok=True)
    trained = fit(examples, params, out / "study.db", say)
    say("judging on the test rows")
    text = playbook.read_text(encoding="utf-8")
    return Finished(trained, publish(trained, judged(trained, text), text, out, say))


def publish(trained: Trained, report: Report, playbook: str, out: Path, say: Say) -> dict[str, Any]:
    """Write report, predictions and bundle into folder ``out`` and log the run to MLflow.

    Returns:
        The content of ``report.json``, with the fingerprint of the bundle and the id of the run.
    """
    _refuse_foreign(out)
    out.mkdir(parents=True, exist_ok=True)
    say("bundle")
    fingerprint = write_bundle(trained, report, playbook, out / "bundle")
    pq.write_table(predictions(trained), out / "predictions.parquet", compression="zstd")
    plain = report.model_copy(update={"bundle_sha256": fingerprint}).model_dump(mode="json")
    _write_report(plain, out)
    say("MLflow")
    digests = {"history": trained.examples.history_sha256, "playbook": sha256(playbook)}
    files = {
        name: out / name for name in ("report.html", *_write_plots(report, out), *_write_models(trained, out))
    }
    run = Training("leadlight", out / "bundle", plain, trained.params.model_dump(mode="json"), digests, files)
    plain["mlflow_run_id"] = log_training(run, store_uri(out)).run_id
    _write_report(plain, out)
    return plain


def _refuse_foreign(out: Path) -> None:
    """A run replaces its folders ``plots`` and ``models`` as a whole, so they must be those of a run."""
    foreign = [name for name in (PLOTS, MODELS) if (out / name).exists()]
    if foreign and not (out / "report.json").is_file():
        problems = [f"{out / name} would be replaced" for name in foreign]
        raise LeadlightError(
            f"{out} is no run of Leadlight; choose another place with --out, or remove them", problems
        )


def _write_plots(report: Report, out: Path) -> list[str]:
    """Every drawing of the report as a file; returns their names in ``out``."""
    return _write_texts({f"{PLOTS}/{name}.svg": text for name, text in plots(report).items()}, out)


def _write_models(trained: Trained, out: Path) -> list[str]:
    """Every model of the race as text, boosters included; returns their names in ``out``."""
    models = trained.raced.models.items()
    texts = {
        f"{MODELS}/{name}/{file}": text for name, model in models for file, text in model.to_files().items()
    }
    return _write_texts(texts, out)


def _write_texts(texts: Mapping[str, str], out: Path) -> list[str]:
    for folder in {name.split("/", 1)[0] for name in texts}:
        shutil.rmtree(out / folder, ignore_errors=True)
    for name, text in texts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
    return list(texts)


def _write_report(report: Mapping[str, Any], out: Path) -> None:
    write_json(report, out / "report.json")
    write_html(report, out / "report.html")

"""`leadlight train`: from a history to a judged, explained, bundled and tracked model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.playbook import read_playbook
from models.registry import Training, log_training, store_uri
from pipelines.bundling import write_bundle
from pipelines.fit import Say, Trained, fit, predictions
from pipelines.judging import judged, sha256
from pipelines.params import TrainParams
from pipelines.report import write_html
from pipelines.reporting.schema import Report
from pipelines.training_set import training_set


def train(
    history: Path, playbook: Path, out: Path, params: TrainParams, say: Say = lambda doing: None
) -> dict[str, Any]:
    """Train on a history and write the run into folder ``out``; returns the content of ``report.json``.

    Args:
        history: folder of the history.
        playbook: the file.
        out: gets report.json, report.html, predictions.parquet and bundle/; MLflow's store too by default.
        params: how to split, race and judge.
        say: told what is being done.

    Raises:
        LeadlightError: what a person has to mend, for example too little data.
    """
    agreed = read_playbook(playbook)
    say("features")
    examples = training_set(history, agreed)
    trained = fit(examples, params, say)
    say("judging on the test rows")
    text = playbook.read_text(encoding="utf-8")
    return publish(trained, judged(trained, text), text, out, say)


def publish(trained: Trained, report: Report, playbook: str, out: Path, say: Say) -> dict[str, Any]:
    """Write report, predictions and bundle into folder ``out`` and log the run to MLflow.

    Returns:
        The content of ``report.json``, with the fingerprint of the bundle and the id of the run.
    """
    out.mkdir(parents=True, exist_ok=True)
    say("bundle")
    fingerprint = write_bundle(trained, report, playbook, out / "bundle")
    pq.write_table(predictions(trained), out / "predictions.parquet", compression="zstd")
    plain = report.model_copy(update={"bundle_sha256": fingerprint}).model_dump(mode="json")
    _write_report(plain, out)
    say("MLflow")
    digests = {"history": trained.examples.history_sha256, "playbook": sha256(playbook)}
    files = {name: out / name for name in ("report.json", "report.html")}
    run = Training("leadlight", out / "bundle", plain, trained.params.model_dump(mode="json"), digests, files)
    plain["mlflow_run_id"] = log_training(run, store_uri(out)).run_id
    _write_report(plain, out)
    return plain


def _write_report(report: Mapping[str, Any], out: Path) -> None:
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (out / "report.json").write_text(text, encoding="utf-8")
    write_html(report, out / "report.html")

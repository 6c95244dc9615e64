"""`leadlight train`: from a history to a judged, explained, bundled and tracked model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.folder import MANIFEST
from features.playbook import parse_playbook
from models.registry import Training, log_training, store_uri
from pipelines.bundling import write_bundle
from pipelines.fit import Say, Trained, fit, predictions
from pipelines.judging import judged
from pipelines.params import TrainParams
from pipelines.report import write_html
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
    text = playbook.read_text(encoding="utf-8") if playbook.is_file() else ""
    agreed = parse_playbook(text, source=str(playbook))
    say("features")
    examples = training_set(history, agreed)
    trained = fit(examples, params, say)
    return publish(trained, history, text, out, say)


def publish(trained: Trained, history: Path, playbook: str, out: Path, say: Say) -> dict[str, Any]:
    """Judge the models on the test rows, and write report, predictions and bundle; log them to MLflow."""
    out.mkdir(parents=True, exist_ok=True)
    say("judging on the test rows")
    digests = {
        "history": _sha256(history / MANIFEST),
        "playbook": hashlib.sha256(playbook.encode()).hexdigest(),
    }
    report = judged(trained, digests)
    say("bundle")
    report = report.model_copy(
        update={"bundle_sha256": write_bundle(trained, report, playbook, digests, out / "bundle")}
    )
    pq.write_table(predictions(trained), out / "predictions.parquet", compression="zstd")
    plain = report.model_dump(mode="json")
    _write_report(plain, out)
    say("MLflow")
    files = {name: out / name for name in ("report.json", "report.html")}
    run = Training("leadlight", out / "bundle", plain, trained.params.model_dump(mode="json"), digests, files)
    logged = log_training(run, store_uri(out))
    plain["mlflow_run_id"] = logged.run_id
    _write_report(plain, out)
    return plain


def _write_report(report: Mapping[str, Any], out: Path) -> None:
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (out / "report.json").write_text(text, encoding="utf-8")
    write_html(report, out / "report.html")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

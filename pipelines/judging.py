"""What the test rows say of every model: the content of a report."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from features.clock import iso
from features.sentences import title
from models import bundle
from models.dataset import Dataset
from models.race import Race
from pipelines.fit import Trained
from pipelines.reporting import schema
from pipelines.reporting.assembly import Tested, build_report, weigh_features
from pipelines.reporting.facts import data_facts

EXPLAINED = 2_000
"""Test rows at most whose contributions are averaged into the importance of features."""
TITLES = {
    "sheet": "hand-set point sheet",
    "points": "the sheet with learned points",
    "naive_bayes": "naive Bayes (Odoo)",
    "logistic": "logistic model",
    "lightgbm": "LightGBM",
    "blend": "blend of the learned models",
}
YOUR_POINTS = "your points"
"""The signal of what the hand-set sheet adds, where the booster started from it."""


def sha256(text: str) -> str:
    """Digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def judged(trained: Trained, playbook: str) -> schema.Report:
    """Everything there is to say about the models, on the test rows. ``playbook``: its text."""
    testing = trained.split.testing
    said = {name: trained.probability(name, testing.matrix) for name in trained.raced.models}
    tested = Tested(trained.split, said, TITLES, trained.params.bootstrap_draws, trained.params.seed)
    manifest = trained.examples.manifest
    facts: dict[str, Any] = {
        "sha256": trained.examples.history_sha256,
        "observed until": iso(manifest.observed_until),
        **{name: summary.rows for name, summary in manifest.tables.items()},
    }
    origin = schema.Origin(
        playbook={
            "name": trained.examples.playbook.name,
            "definition": trained.examples.definition.version,
            "sha256": sha256(playbook),
        },
        history=facts,
        versions=bundle.made_with(),
        settings=trained.params.model_dump(mode="json") | _search(trained),
    )
    return build_report(
        tested,
        _race(trained.raced),
        _importance(trained, testing),
        data_facts(trained.examples, trained.split),
        origin,
    )


def _search(trained: Trained) -> dict[str, str]:
    """What came of the search for the booster's settings."""
    return {"search": trained.tuned.why} if trained.tuned else {}


def _race(raced: Race) -> schema.Race:
    candidates = {
        entry.name: schema.Candidate(
            title=TITLES[entry.name],
            raced=entry.contends,
            log_loss=entry.log_loss,
            difference=entry.difference,
            standard_error=entry.standard_error,
            note="" if entry.contends else "the industry's baseline; judged as it is, and not eligible",
        )
        for entry in raced.entries
    }
    return schema.Race(
        winner=raced.winner,
        why=raced.why,
        folds=raced.folds,
        fold_kind=raced.fold_kind,
        candidates=candidates,
    )


def _importance(trained: Trained, testing: Dataset) -> schema.Importance:
    """Mean absolute contributions of the winner over an even sample of the test rows."""
    rows = np.unique(np.linspace(0, len(testing) - 1, min(EXPLAINED, len(testing))).astype(np.int64))
    shown = testing.take(rows)
    parts = trained.winner.contributions(shown.matrix)
    phrases = trained.examples.playbook.phrases
    sentences = {feature.name: title(feature, phrases) for feature in shown.matrix.features}
    weighed = weigh_features(shown.matrix.features, parts.by_feature, shown.weight, sentences)
    if not parts.sheet.any():
        return weighed
    of_sheet = float(shown.weight @ np.abs(parts.sheet) / shown.weight.sum())
    signals = [*weighed.signals, schema.SignalImportance(signal=YOUR_POINTS, value=of_sheet)]
    ordered = sorted(signals, key=lambda signal: -signal.value)
    return schema.Importance(signals=tuple(ordered), features=weighed.features)

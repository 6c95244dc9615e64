"""What a notebook needs, in a handful of names: open a history, ask, train, look, save.

>>> from pipelines.workbench import open_history, read_playbook, train
>>> train.__name__
'train'
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from tqdm.auto import tqdm
from typing_extensions import override

from features import playbook as playbooks
from features.definitions import Feature
from features.errors import LeadlightError
from features.folder import read_manifest, read_tables
from features.manifest import Manifest
from features.matrix import Matrix
from features.playbook import Playbook
from features.sentences import sentence
from features.tables import SCHEMAS
from pipelines.fit import Trained, fit
from pipelines.judging import judged
from pipelines.params import TrainParams
from pipelines.progress import unheard
from pipelines.reading import HistoryReader, default_features
from pipelines.reporting.page import render
from pipelines.reporting.schema import Report
from pipelines.train import publish
from pipelines.training_set import TrainingSet, training_set

__all__ = ["Opened", "Run", "open_history", "read_playbook", "train"]

SHOWN = ("roc_auc", "pr_auc", "log_loss", "brier", "ece", "calibration_slope", "lift_at_10")


@dataclass(frozen=True)
class Opened:
    """A history on disk. In a notebook it shows what it holds."""

    path: Path
    manifest: Manifest

    def table(self, name: str) -> pd.DataFrame:
        """One of the four tables: leads, events, attributes, stages."""
        if name not in SCHEMAS:
            raise LeadlightError(f"a history has no table {name!r}", [f"it has {', '.join(SCHEMAS)}"])
        frame: pd.DataFrame = read_tables(self.path)[name].cast(SCHEMAS[name]).to_pandas()
        return frame

    def features(self, playbook: Playbook) -> list[Feature]:
        """The catalogue: the default features for what this history holds. Add yours with ``+``."""
        return default_features(HistoryReader(self.path, playbook))

    def snapshots(
        self,
        playbook: Playbook,
        features: Iterable[Feature | Iterable[Feature]] | None = None,
        *,
        version: str | None = None,
    ) -> TrainingSet:
        """Snapshots with features (the catalogue if left out) and labels; ``.to_pandas()`` for a frame.

        ``version``: of the SQL definition, the latest if left out.
        """
        with _bar("buckets", "bucket") as bar:

            def step(done: int, of: int) -> None:
                bar.total = of
                bar.update(done - bar.n)

            return training_set(self.path, playbook, features, version=version, step=step)

    def summary(self) -> pd.DataFrame:
        """Rows and time range of each table."""
        rows = {name: (t.rows, t.first, t.last) for name, t in self.manifest.tables.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["rows", "first", "last"])

    @override
    def __repr__(self) -> str:
        rows = ", ".join(f"{table.rows:,} {name}" for name, table in self.manifest.tables.items())
        return f"history at {self.path}: {rows}"

    def _repr_html_(self) -> str:
        return f"<b>History</b> {html.escape(str(self.path))}{self.summary().to_html()}"


def open_history(path: Path | str) -> Opened:
    """Open what ``leadlight ingest`` wrote.

    Raises:
        TableError: there is no history, or it is damaged.
    """
    return Opened(Path(path), read_manifest(Path(path)))


def read_playbook(path: Path | str) -> Playbook:
    """Read what marketing and sales agreed on.

    Raises:
        DefinitionError: there is no such file, or it cannot be used; says every problem with its place.
    """
    return playbooks.read_playbook(Path(path))


@dataclass(frozen=True)
class Run:
    """A finished training. In a notebook it shows its own report."""

    trained: Trained
    report: Report
    playbook: str

    @property
    def winner(self) -> str:
        """Name of the model that would serve."""
        return self.trained.raced.winner

    def compare(self, metrics: Sequence[str] = SHOWN) -> pd.DataFrame:
        """Every model on the test rows, one row each, the winner first; intervals are in the report."""
        models = self.report.models
        names = sorted(models, key=lambda name: (name != self.winner, name))
        return pd.DataFrame(
            {metric: {name: models[name].test[metric].value for name in names} for metric in metrics}
        )

    def reasons(self, lead_id: str) -> pd.DataFrame:
        """Why the winner says what it says of a lead's latest snapshot, largest contribution first.

        Contributions are in log-odds; with the base (the row ``base``) they add up to the score.

        Raises:
            LeadlightError: the lead was not in play at any snapshot.
        """
        examples = self.trained.examples
        rows = np.flatnonzero(examples.lead_id == lead_id)
        if not len(rows):
            raise LeadlightError(
                f"lead {lead_id!r} has no snapshot; is it in the history, and was it in play?"
            )
        matrix = examples.matrix.take(rows[-1:])
        parts = self.trained.winner.contributions(matrix)
        shown: list[tuple[str, str, float]] = [("base", "before anything is known", float(parts.base))]
        shown += [("sheet", "points of the hand-set sheet", float(value)) for value in parts.sheet if value]
        for feature, value in zip(matrix.features, parts.by_feature[0], strict=True):
            if value:
                shown.append((feature.signal, _said(matrix, feature, examples.playbook), float(value)))
        frame = pd.DataFrame(shown, columns=["signal", "reason", "log_odds"])
        return frame.sort_values("log_odds", key=np.abs, ascending=False, ignore_index=True)

    def save(self, out: Path | str) -> dict[str, Any]:
        """Write report, predictions and bundle into a folder and log the run to MLflow, as `leadlight train` does."""
        return publish(self.trained, self.report, self.playbook, Path(out), unheard)

    @override
    def __repr__(self) -> str:
        return f"{self.report.headline} {self.report.why}"

    def _repr_html_(self) -> str:
        page = html.escape(render(self.report), quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="720" style="border:1px solid #ccc"></iframe>'


def _said(matrix: Matrix, feature: Feature, playbook: Playbook) -> str:
    """The sentence of a feature for the one row of ``matrix``."""
    value = matrix.texts(feature.name)[0] if feature.is_category else float(matrix.column(feature.name)[0])
    return sentence(feature, value, playbook.phrases)


def train(snapshots: TrainingSet, params: TrainParams | None = None) -> Run:
    """Race the models on the earlier snapshots, judge them on the latest ones.

    Raises:
        TooLittleDataError: with the counts that are missing.
    """
    with _bar("training", "step") as bar:

        def say(doing: str) -> None:
            bar.set_postfix_str(doing)
            bar.update()

        trained = fit(snapshots, params or TrainParams(), say=say)
        say("judging on the test rows")
        text = yaml.safe_dump(
            snapshots.playbook.model_dump(mode="json", exclude_defaults=True), sort_keys=False
        )
        return Run(trained, judged(trained, text), text)


def _bar(what: str, unit: str) -> Any:
    return tqdm(desc=what, unit=unit, file=sys.stderr, leave=False)

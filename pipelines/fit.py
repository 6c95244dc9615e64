"""Split forward in time, race the models, choose: training without any files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.special import expit

from features.matrix import Floats, Matrix
from models.learning import Model
from models.race import Entrants, Race, race
from models.splits import Split, forward_split
from pipelines.params import TrainParams
from pipelines.question import instants
from pipelines.training_set import TrainingSet

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """What training gives before anything is written.

    Attributes:
        examples: every snapshot. split: train, purged and test rows of the labelled ones.
        raced: how the winner was chosen; its models are fitted on the training rows.
        params: by which it was made.
    """

    examples: TrainingSet
    split: Split
    raced: Race
    params: TrainParams

    @property
    def winner(self) -> Model:
        """The model that serves."""
        return self.raced.models[self.raced.winner]

    def probability(self, name: str, matrix: Matrix) -> Floats:
        """What a model says about the rows of a matrix."""
        return np.asarray(expit(self.raced.models[name].log_odds(matrix)))


def fit(examples: TrainingSet, params: TrainParams, say: Say = lambda doing: None) -> Trained:
    """Split forward in time and race the models on the training rows.

    Raises:
        TooLittleDataError: with the counts that are missing, and the smaller model that would be honest.
    """
    split = forward_split(examples.dataset(), params.test_share)
    entrants = Entrants(examples.chosen, examples.playbook.sheet, folds=params.forward_folds)
    return Trained(examples, split, race(split.training, entrants, seed=params.seed, step=say), params)


def predictions(trained: Trained) -> pa.Table:
    """One row per snapshot for the winner, and per test row for every other model, with what became of it."""
    examples = trained.examples
    head = pd.DataFrame(
        {
            "lead_id": examples.lead_id,
            "as_of": instants(examples.as_of),
            "label_state": examples.state,
            "label": examples.label,
            "split": _parts(trained),
        }
    )
    frames = []
    for name in trained.raced.models:
        asked = (
            np.ones(len(head), dtype=np.bool_)
            if name == trained.raced.winner
            else head["split"].eq("test").to_numpy()
        )
        said = trained.probability(name, examples.matrix.take(np.flatnonzero(asked)))
        frames.append(head[asked].assign(model=name, probability=said))
    return pa.Table.from_pandas(pd.concat(frames), preserve_index=False)


def _parts(trained: Trained) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """For each snapshot: train, purged, test, or its reason for having no label to learn from."""
    examples, split = trained.examples, trained.split
    usable = np.flatnonzero(examples.usable)
    parts = np.full(len(examples), "unlabelled", dtype=object)
    for name, rows in (("train", split.train), ("purged", split.purged), ("test", split.test)):
        parts[usable[rows]] = name
    return parts

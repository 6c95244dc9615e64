"""Split forward in time, race the models, choose: training without any files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.special import expit

from features.matrix import Floats, Matrix
from models.boosting import BoostingLearner
from models.dataset import Dataset
from models.ladder import climb
from models.learning import Model
from models.race import Entrants, Race, race
from models.splits import Split, forward_split
from models.tuning import Search, Tuned, tune
from pipelines.params import TrainParams
from pipelines.progress import Say, unheard
from pipelines.question import instants
from pipelines.training_set import TrainingSet


@dataclass(frozen=True)
class Trained:
    """What training gives before anything is written.

    Attributes:
        examples: every snapshot. split: train, purged and test rows of the labelled ones.
        raced: how the winner was chosen; its models are fitted on the training rows.
        params: by which it was made. tuned: what came of the search for settings, if there was one.
    """

    examples: TrainingSet
    split: Split
    raced: Race
    params: TrainParams
    tuned: Tuned | None = None

    @property
    def winner(self) -> Model:
        """The model that serves."""
        return self.raced.models[self.raced.winner]

    def probability(self, name: str, matrix: Matrix) -> Floats:
        """What a model says about the rows of a matrix."""
        return np.asarray(expit(self.raced.models[name].log_odds(matrix)))


def fit(examples: TrainingSet, params: TrainParams, study: Path | None = None, say: Say = unheard) -> Trained:
    """Split forward in time and race the models on the training rows.

    Args:
        examples: the snapshots.
        params: how to split and race.
        study: sqlite file for the search of the booster's settings; not kept if left out.
        say: told what is being done.

    Raises:
        TooLittleDataError: with the counts that are missing, and the smaller model that would be honest.
    """
    split = forward_split(examples.dataset(), params.test_share)
    tuned = _tuned(split.training, examples, params, study, say)
    settings = tuned.settings if tuned else params.boosting.settings()
    entrants = Entrants(examples.chosen, examples.playbook.sheet, settings, params.forward_folds)
    raced = race(split.training, entrants, seed=params.seed, step=say)
    return Trained(examples, split, raced, params, tuned)


def _tuned(
    train: Dataset, examples: TrainingSet, params: TrainParams, study: Path | None, say: Say
) -> Tuned | None:
    """Search for settings where the ladder says that it can pay."""
    if not params.tuning.trials or not climb(train, examples.playbook.sheet).may_tune:
        return None
    say(f"settings of LightGBM: {params.tuning.trials} trials")
    learner = BoostingLearner(examples.chosen, params.boosting.settings(), examples.playbook.sheet)
    with TemporaryDirectory() as folder:
        store = study or Path(folder) / "study.db"
        return tune(train, learner, Search(params.tuning.trials, params.tuning.seconds, store, params.seed))


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

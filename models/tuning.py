"""A small search for the booster's settings, kept only where it pays.

Optuna's TPE sampler with a seed; the study is stored, so that it can be looked at. The first trial is
the default. Another setting is kept only if, over the forward folds, it is better than the default by
more than one standard error of the paired difference: on small data nothing usually is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from features.matrix import Floats
from models.boosting import BoostingLearner, Settings
from models.dataset import Dataset

if TYPE_CHECKING:
    import optuna

STUDY: Final = "booster"


@dataclass(frozen=True, slots=True)
class Search:
    """How long to look, and where to keep the study.

    Attributes:
        trials: settings tried, the default among them.
        seconds: a safety net; a search that it cuts short is not repeatable.
        store: file of the sqlite database; a study in it is replaced.
        seed: of the sampler.
    """

    trials: int
    seconds: float
    store: Path
    seed: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of a search.

    Attributes:
        settings: to be used. why: one sentence.
        trials: how many were run. log_loss: of the default and of the best, mean over the forward folds.
    """

    settings: Settings
    why: str
    trials: int
    log_loss: tuple[float, float]


def tune(train: Dataset, learner: BoostingLearner, search: Search) -> Tuned:
    """Look for settings better than ``learner.settings``, forward in time inside ``train``.

    Raises:
        TooLittleDataError: no forward fold can be cut.
    """
    import optuna  # noqa: PLC0415 - only a search needs it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    losses: dict[int, Floats] = {}

    def objective(trial: optuna.Trial) -> float:
        settings = _suggest(trial, learner.settings)
        curves = replace(learner, settings=settings).losses(train, None, seed=search.seed)
        losses[trial.number] = curves[:, curves.mean(axis=0).argmin()]
        return float(losses[trial.number].mean())

    study = _study(search)
    study.enqueue_trial(_as_trial(learner.settings, train))
    study.optimize(objective, n_trials=search.trials, timeout=search.seconds)
    return _judge(study, losses, learner.settings)


def _study(search: Search) -> optuna.Study:
    import optuna  # noqa: PLC0415 - only a search needs it

    search.store.parent.mkdir(parents=True, exist_ok=True)
    search.store.unlink(missing_ok=True)
    return optuna.create_study(
        study_name=STUDY,
        storage=f"sqlite:///{search.store}",
        sampler=optuna.samplers.TPESampler(seed=search.seed),
        direction="minimize",
    )


def _suggest(trial: optuna.Trial, default: Settings) -> Settings:
    return replace(
        default,
        leaves=trial.suggest_int("leaves", 3, 63, log=True),
        rows_per_leaf=trial.suggest_int("rows_per_leaf", 5, 100, log=True),
        l2=trial.suggest_float("l2", 0.5, 50.0, log=True),
        share_of_columns=trial.suggest_float("share_of_columns", 0.2, 1.0),
    )


def _as_trial(settings: Settings, train: Dataset) -> dict[str, Any]:
    return {
        "leaves": settings.leaves_for(train.positives),
        "rows_per_leaf": settings.rows_per_leaf,
        "l2": settings.l2,
        "share_of_columns": settings.share_of_columns,
    }


def _judge(study: optuna.Study, losses: dict[int, Floats], default: Settings) -> Tuned:
    best = study.best_trial
    gain = losses[0] - losses[best.number]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("inf")
    told = (float(losses[0].mean()), float(losses[best.number].mean()))
    figures = f"log loss {told[1]:.4f} against {told[0]:.4f}, standard error of the difference {error:.4f}"
    if best.number == 0 or gain.mean() <= error:
        return Tuned(
            default, f"the default settings stay: nothing was clearly better ({figures})", len(losses), told
        )
    return Tuned(
        replace(default, **best.params), f"trial {best.number} is kept: {figures}", len(losses), told
    )

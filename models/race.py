"""Which model serves: all are judged forward in time on the same rows, and the simplest good one wins.

A model is fitted on what came before a block and judged on the block; see ``models.splits.forward_folds``.
In its own fold a blend only knows the margins of earlier folds whose label was known when the block begins.
The winner is the simplest contender whose log loss is within one standard error, clustered by account, of the
paired difference to the best.

Source of the rule: Breiman et al., *Classification and Regression Trees* (1984), sec. 3.4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.definitions import Feature
from features.matrix import Floats
from features.sheet import Sheet
from models.blend import Margins, blend_weights, fit_blend, level
from models.boosting import DEFAULTS, BoostingLearner, Settings
from models.dataset import Dataset
from models.ladder import Ladder, climb
from models.learning import Learner, Model
from models.logistic import LogisticLearner
from models.naive_bayes import NaiveBayesLearner
from models.points.model import PointsLearner
from models.pointsheet import SheetLearner
from models.ridge import log_loss_terms
from models.splits import AccountFold, Fold, ForwardFold, OrderedFold, forward_folds

BLEND: Final = "blend"
BASELINE: Final = "naive_bayes"
"""Judged as the industry has it, not calibrated; it cannot win."""
BLENDED: Final = ("logistic", "lightgbm")
"""Parts of the blend; the team's rules with learned points join where there is a sheet."""
SIMPLEST_FIRST: Final = ("sheet", "points", "logistic", "lightgbm", BLEND)

FOLD_KINDS: Final[dict[type[Fold], str]] = {
    ForwardFold: "forward, purged",
    OrderedFold: "in order of time, not purged: the training period is short",
    AccountFold: "of other accounts, not in order of time",
}
Step = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How a model did on the rows of all forward folds.

    Attributes:
        log_loss: weighted mean.
        difference: to the best contender, on the same rows; 0 for the best itself.
        standard_error: of the difference, clustered by account.
        contends: whether it may win.
    """

    name: str
    log_loss: float
    difference: float
    standard_error: float
    contends: bool


@dataclass(frozen=True, slots=True)
class Race:
    """The outcome.

    Attributes:
        entries: best first.
        winner, best: names. why: one sentence.
        models: every model, calibrated and fitted on all training rows, by name; the baseline as it is.
        rows, folds: how many were judged. fold_kind: what kept the folds apart.
        ladder: what the size of the data allowed.
    """

    entries: tuple[Entry, ...]
    winner: str
    best: str
    why: str
    models: Mapping[str, Model]
    rows: int
    folds: int
    fold_kind: str
    ladder: Ladder


@dataclass(frozen=True, slots=True)
class Entrants:
    """What is to race.

    Attributes:
        features: columns for the models that learn; a sheet's own columns need not be among them.
        sheet: the team's point sheet, if there is one.
        settings: of the booster. folds: forward folds at most.
    """

    features: tuple[Feature, ...]
    sheet: Sheet | None = None
    settings: Settings = DEFAULTS
    folds: int = 4

    def learners(self, ladder: Ladder) -> list[Learner]:
        """Those that the ladder admits."""
        everyone: list[Learner] = [SheetLearner(self.sheet), PointsLearner(self.sheet)] if self.sheet else []
        everyone += [
            NaiveBayesLearner(self.features),
            LogisticLearner(self.features),
            BoostingLearner(self.features, self.settings, self.sheet),
        ]
        return [learner for learner in everyone if learner.name in ladder.admitted]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the models of one fold say: of the block's rows and of their own training rows, (rows, models)."""

    train: Dataset
    valid: Floats
    fitted: Floats


def race(train: Dataset, entrants: Entrants, *, seed: int, step: Step = lambda doing: None) -> Race:
    """Judge every model forward in time, then fit all of them on every row.

    Args:
        train: the training rows; test rows must not be among them.
        entrants: who races.
        seed: of everything random in the fits.
        step: told what is being done, for a progress bar.

    Raises:
        TooLittleDataError: saying how many leads are missing, and what would still be honest.
    """
    ladder = climb(train, entrants.sheet)
    learners = entrants.learners(ladder)
    names = tuple(learner.name for learner in learners)
    folds = forward_folds(train, entrants.folds, *ladder.least_in_fold)
    judged = [
        _judge(fold, learners, seed, step, f"fold {at + 1} of {len(folds)}") for at, fold in enumerate(folds)
    ]
    margins = _margins(train, folds, judged)
    columns = _columns(names)
    losses = {name: _losses(margins, judged, at, name) for name, at in columns.items()}
    entries = _compare(losses, margins)
    winner, best = pick(entries)

    fitted = [_told(learner, train, seed, step, "all training rows") for learner in learners]
    models: dict[str, Model] = {
        name: fitted[at[0]] if name == BASELINE else fit_blend([fitted[i] for i in at], margins.of(at), name)
        for name, at in columns.items()
    }
    return Race(
        entries=entries,
        winner=winner.name,
        best=best.name,
        why=why(winner, best, entries, _where(len(margins.rows), folds)),
        models=models,
        rows=len(margins.rows),
        folds=len(folds),
        fold_kind=FOLD_KINDS[type(folds[0])],
        ladder=ladder,
    )


def _columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Of each candidate, which models it is made of."""
    columns = {name: [at] for at, name in enumerate(names)}
    if set(BLENDED) <= set(names):
        columns[BLEND] = [names.index(name) for name in ("points", *BLENDED) if name in names]
    return columns


def _told(learner: Learner, train: Dataset, seed: int, step: Step, where: str) -> Model:
    step(f"{learner.name}: {where}")
    return learner.fit(train, seed=seed)


def _judge(fold: Fold, learners: Sequence[Learner], seed: int, step: Step, where: str) -> _Judged:
    train, valid = fold.dataset.take(fold.train), fold.dataset.take(fold.valid)
    models = [_told(learner, train, seed, step, where) for learner in learners]
    return _Judged(
        train,
        np.column_stack([model.log_odds(valid.matrix) for model in models]),
        np.column_stack([model.log_odds(train.matrix) for model in models]),
    )


def _margins(train: Dataset, folds: Sequence[Fold], judged: Sequence[_Judged]) -> Margins:
    return Margins(
        train,
        np.concatenate([fold.valid for fold in folds]),
        np.repeat(np.arange(len(folds)), [len(fold.valid) for fold in folds]),
        np.concatenate([one.valid for one in judged]),
    )


def _losses(margins: Margins, judged: Sequence[_Judged], columns: list[int], name: str) -> Floats:
    """Log loss of each judged row; weights and level of a fold come from what was known before it."""
    own = margins.of(columns)
    told = []
    for at, one in enumerate(judged):
        valid, fitted = one.valid[:, columns], one.fitted[:, columns]
        weights = np.ones(1) if name == BASELINE else blend_weights(own.before(at))
        shift = 0.0 if name == BASELINE else level(fitted @ weights, one.train)
        told.append(valid @ weights + shift)
    return log_loss_terms(np.concatenate(told), margins.label)


def _compare(losses: Mapping[str, Floats], margins: Margins) -> tuple[Entry, ...]:
    weight = margins.weight / margins.weight.sum()
    means = {name: float(weight @ loss) for name, loss in losses.items()}
    best = min((name for name in means if name != BASELINE), key=lambda name: (means[name], _rank(name)))
    member = np.unique(margins.train.account[margins.rows].astype(str), return_inverse=True)[1]
    entries = []
    for name, loss in losses.items():
        apart = means[name] - means[best]
        by_account = np.bincount(member, weights=weight * (loss - losses[best] - apart))
        error = float(np.sqrt((by_account**2).sum()))
        entries.append(Entry(name, means[name], apart, error, name != BASELINE))
    return tuple(sorted(entries, key=lambda entry: (entry.log_loss, _rank(entry.name))))


def _rank(name: str) -> int:
    return SIMPLEST_FIRST.index(name) if name in SIMPLEST_FIRST else len(SIMPLEST_FIRST)


def pick(entries: Sequence[Entry]) -> tuple[Entry, Entry]:
    """The winner and the best; the baseline is neither."""
    contenders = [entry for entry in entries if entry.contends]
    best = min(contenders, key=lambda entry: (entry.log_loss, _rank(entry.name)))
    close = [entry for entry in contenders if entry.difference <= entry.standard_error]
    return min(close, key=lambda entry: _rank(entry.name)), best


def why(winner: Entry, best: Entry, entries: Sequence[Entry], where: str) -> str:
    """The reason for the choice, in one sentence. where: which rows were judged, in words."""
    if winner.name != best.name:
        gap = f"{best.name} is {winner.difference:.4f} better, with a standard error of {winner.standard_error:.4f}"
        return f"{winner.name} is the simplest model within one standard error of the best {where}: {gap}."
    simpler = [entry for entry in entries if entry.contends and _rank(entry.name) < _rank(best.name)]
    if not simpler:
        return f"{best.name} is the simplest model and has the lowest log loss, {best.log_loss:.4f}, {where}."
    rival = min(simpler, key=lambda entry: entry.difference)
    lead = f"{best.name} has the lowest log loss, {best.log_loss:.4f}, {where}"
    gap = f"the closest simpler one, {rival.name}, is {rival.difference:.4f} worse"
    return f"{lead}; {gap}, more than its standard error of {rival.standard_error:.4f}."


def _where(rows: int, folds: Sequence[Fold]) -> str:
    many = f"{len(folds)} {'fold' if len(folds) == 1 else 'folds'}"
    if isinstance(folds[0], AccountFold):
        return f"on {rows:,} rows of other accounts ({many} inside the training period, not in order of time)"
    if isinstance(folds[0], OrderedFold):
        return f"on {rows:,} later rows ({many} in order of time, not purged, inside the training period)"
    return f"on {rows:,} later rows ({many.replace(' ', ' forward ')} inside the training period)"

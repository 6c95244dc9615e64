"""The fit that predicts best: shrunk towards what today's points say, by as much as later data want, signs kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.errors import TooLittleDataError
from features.matrix import Floats, Matrix
from models.dataset import Dataset
from models.points.refitting.design import Design
from models.points.refitting.penalized import fit_penalized
from models.points.rows import RuleRows
from models.ridge import log_loss_terms
from models.splits import AccountFold, Fold, OrderedFold, forward_folds

PENALTY: Final = 3.0
"""Prior precision of a rule, a standard deviation of .58 log-odds, where there is too little to choose."""
PENALTIES: Final = (0.3, 1.0, 3.0, 10.0)
ENOUGH: Final = 200
"""Converted leads from which the penalty is chosen; with fewer, choosing is no better than ``PENALTY``."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """How the coefficients of the rules are held, each of shape (rules,).

    Attributes:
        toward: log-odds that they are shrunk towards.
        low, high: bounds.
    """

    toward: Floats
    low: Floats
    high: Floats

    @classmethod
    def signed(cls, toward: Floats, sign: Floats) -> Shrunk:
        """Held on the side of ``sign``, where it is not 0."""
        return cls(toward, np.where(sign > 0.0, 0.0, -np.inf), np.where(sign < 0.0, 0.0, np.inf))

    def pinned(self, at: Floats, which: NDArray[np.bool_]) -> Shrunk:
        """The same, some coefficients fixed."""
        return Shrunk(self.toward, np.where(which, at, self.low), np.where(which, at, self.high))

    def fit(self, rows: RuleRows, design: Design, penalty: float) -> Floats:
        """All coefficients, shape (k,)."""
        free = design.problem(rows.label, rows.weight, penalty * design.usual**2, self.toward)
        rest = free.low[design.rules :]
        bounds = np.concatenate([self.low, rest]), np.concatenate([self.high, -rest])
        return fit_penalized(replace(free, low=bounds[0], high=bounds[1]))


def choose_penalty(rows: RuleRows, held: Shrunk) -> tuple[float, str]:
    """The one of ``PENALTIES`` that does best on later data, or other accounts, and why it is the one."""
    if rows.positives < ENOUGH:
        return (
            PENALTY,
            f"fixed: {rows.positives} converted leads are too few to choose by, {ENOUGH} are enough",
        )
    try:
        folds = forward_folds(_dataset(rows))
    except TooLittleDataError:
        return PENALTY, "fixed: time leaves too little to choose by"
    losses = [sum(_loss(rows, held, penalty, fold) for fold in folds) for penalty in PENALTIES]
    tried = ", ".join(f"{penalty:g}" for penalty in PENALTIES)
    return PENALTIES[int(np.argmin(losses))], f"the best of {tried} on {_judges(folds)}"


def _judges(folds: Sequence[Fold]) -> str:
    """What the folds judge on, in words."""
    if isinstance(folds[0], AccountFold):
        return f"{len(folds)} parts of the accounts, each by the others"
    blocks = "one later block of time" if len(folds) == 1 else f"{len(folds)} later blocks of time"
    late = "; some of the outcomes before were known only later"
    return blocks + (late if isinstance(folds[0], OrderedFold) else "")


def _loss(rows: RuleRows, held: Shrunk, penalty: float, fold: Fold) -> float:
    """Log loss on the later rows of a fit to the earlier ones."""
    train, valid = rows.take(fold.train), rows.take(fold.valid)
    design = Design.of(train.times, train.service_line)
    b = held.fit(train, design, penalty)
    return float(
        valid.weight @ log_loss_terms(design.log_odds(b, valid.times, valid.service_line), valid.label)
    )


def _dataset(rows: RuleRows) -> Dataset:
    """What the folds are cut by; they look at no feature."""
    none = Matrix((), np.empty((len(rows), 0), dtype=np.float32), {})
    return Dataset(
        none,
        rows.label,
        rows.weight,
        rows.lead_id,
        rows.account,
        rows.service_line,
        rows.as_of,
        rows.label_known_at,
    )

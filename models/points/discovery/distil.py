"""A model in the words of a CRM: at most so many rules with whole points, and what that costs.

Candidates are cut where the model's contributions jump (``discovery.dependence``), then taken one after the
other, each for what it adds to those before it. They learn from half the outcome and half the model: the model
alone would hand on that boosting is too timid, outcomes alone are noisy.

Source of learning from a model: Hinton, Vinyals, Dean (2015), *Distilling the knowledge in a neural network*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from features.errors import TooLittleDataError
from features.matrix import Floats, Matrix
from features.sentences import Phrases
from features.sheet import Rule, RuleTest, Sheet
from models.contributions import Contributions
from models.dataset import Dataset
from models.points.discovery.candidates import Candidate, clashes, fires
from models.points.discovery.dependence import following
from models.points.discovery.fidelity import Fidelity, fidelity
from models.points.discovery.testing import FREE, Sample
from models.points.discovery.wording import said
from models.ridge import log_loss_terms

NAME: Final = "distilled sheet"
OF_MODEL: Final = 0.5
"""Say of the model in what is learned; the rest is the outcome."""
WORTH_A_RULE: Final = 1.0
"""Fall of log loss in all from which another rule is taken."""
FAR: Final = 40.0
"""Log-odds beyond which a chance is 0 or 1."""
PASSES: Final = 5
"""Times that all points are tried a step up and down."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """What the model says of some rows.

    Attributes:
        rows: the rows. log_odds: shape (rows,).
    """

    rows: Dataset
    log_odds: Floats

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.log_odds):
            raise ValueError(f"{len(self.rows)} rows, but {len(self.log_odds)} log-odds")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a distilled sheet.

    Attributes:
        at_most: rules. unit: points per log-odd. step: to which points are rounded.
        mql_rate: share of the leads that the sheet should hand over.
        phrases: the playbook's words.
        avoid: event types that say what sales did, not what the lead did; no rule may reward them.
    """

    unit: float
    step: float
    mql_rate: float
    phrases: Phrases
    at_most: int = 20
    avoid: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Distilled:
    """A sheet that follows a model.

    Attributes:
        fidelity: on rows that neither learned from.
        rules: of the sheet, those that tell most first.
    """

    sheet: Sheet
    fidelity: Fidelity

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those of the sheet."""
        return self.sheet.rules


def distil(
    known: Teacher, contributions: Contributions, judge: Teacher, terms: Terms, *, seed: int
) -> Distilled:
    """Write a model as a sheet.

    Args:
        known: rows to learn from, and what the model says of them.
        contributions: of the model on the same rows.
        judge: later rows to measure on.
        terms: what is asked of the sheet.
        seed: of the intervals.

    Raises:
        TooLittleDataError: the model says the same of all rows.
    """
    chosen = _choose(known, following(known.rows, contributions, terms.phrases, terms.avoid), terms)
    if not chosen:
        raise TooLittleDataError("there is nothing to write down: the model hardly tells leads apart")
    banded = _in_bands(chosen, known.rows.matrix, terms.phrases)
    sheet = _sheet(banded, _whole_points(known, banded, terms), known.rows, terms)
    return Distilled(
        sheet,
        fidelity(
            points_on(sheet, judge.rows.matrix),
            judge.log_odds,
            judge.rows,
            mql_rate=terms.mql_rate,
            seed=seed,
        ),
    )


def points_on(sheet: Sheet, matrix: Matrix) -> Floats:
    """Total of a distilled sheet on the columns it was made from, shape (rows,)."""
    parts = [rule.points * fires(rule.when, matrix, rule.decay) for rule in sheet.rules]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _lesson(known: Teacher) -> Sample:
    """What is learned: no rule yet, half outcome and half model."""
    rows = known.rows
    label = OF_MODEL * expit(known.log_odds) + (1.0 - OF_MODEL) * rows.label
    return Sample(np.ones((len(rows), 1)), np.array([FREE]), label, rows.weight, rows.account)


def _choose(known: Teacher, found: Sequence[Candidate], terms: Terms) -> list[Candidate]:
    """One after the other, each given those before it."""
    if not found:
        return []
    holds = np.column_stack([one.holds for one in found]).astype(np.float64)
    sample, open_ = _lesson(known), np.ones(len(found), dtype=np.bool_)
    chosen: list[Candidate] = []
    while len(chosen) < terms.at_most and open_.any():
        gains = np.where(open_, sample.fit().gains(holds)[1], 0.0)
        best = int(gains.argmax())
        if gains[best] < WORTH_A_RULE:
            break
        chosen.append(found[best])
        open_ &= [one is not found[best] and not _bars(found[best], one) for one in found]
        sample = sample.with_columns(holds[:, [best]].astype(np.float64))
    return chosen


def _bars(chosen: Candidate, other: Candidate) -> bool:
    """Whether both cannot be in one sheet. Limits of the same side can: they become bands."""
    one, two = chosen.test, other.test
    if one is None or two is None or not clashes(one, two):
        return False
    nested = (one.at_least is None) == (two.at_least is None) and (one.below is None) == (two.below is None)
    return one.has_words or not nested


def _in_bands(chosen: Sequence[Candidate], matrix: Matrix, phrases: Phrases) -> list[Candidate]:
    """Nested limits of one number as bands that lie side by side."""
    banded: list[Candidate] = []
    for one in chosen:
        test = one.test
        if test is None or not test.has_range:
            banded.append(one)
            continue
        asked = _band(
            test, [other.test for other in chosen if other.test is not None and _alike(test, other.test)]
        )
        banded.append(Candidate(said(asked, phrases), fires(asked, matrix), asked))
    return banded


def _alike(one: RuleTest, other: RuleTest) -> bool:
    return (one.attribute, one.entity, other.has_range) == (other.attribute, other.entity, True)


def _band(test: RuleTest, others: Sequence[RuleTest]) -> RuleTest:
    """From a limit to the next one of the same side."""
    if test.at_least is not None:
        above = [one.at_least for one in others if one.at_least is not None and one.at_least > test.at_least]
        return test.model_copy(update={"below": min(above, default=None)})
    lower = [one.below for one in others if one.below is not None and one.below < (test.below or 0.0)]
    return test.model_copy(update={"at_least": max(lower, default=None)})


def _whole_points(known: Teacher, chosen: Sequence[Candidate], terms: Terms) -> Floats:
    """Rounded to steps, then moved a step up or down wherever that tells more, shape (rules,)."""
    lesson = _lesson(known)
    holds = np.column_stack([one.holds for one in chosen]).astype(np.float64)
    exact = lesson.with_columns(holds).fit().coefficients[1:]
    points = np.round(exact * terms.unit / terms.step) * terms.step
    reached = _loss(lesson, holds @ points / terms.unit)
    for _ in range(PASSES):
        before = reached
        for at in range(len(points)):
            for move in (-terms.step, terms.step):
                tried = points.copy()
                tried[at] += move
                loss = _loss(lesson, holds @ tried / terms.unit)
                if loss < reached:
                    points, reached = tried, loss
        if reached == before:
            break
    return points


def _loss(lesson: Sample, told: Floats) -> float:
    """Log loss of points at their best level."""
    weight, label = lesson.weight, lesson.label
    ends = -float(told.max()) - FAR, FAR - float(told.min())
    shift = brentq(lambda tried: float(weight @ (label - expit(told + tried))), *ends)
    return float(weight @ log_loss_terms(told + shift, label))


def _sheet(chosen: Sequence[Candidate], points: Floats, rows: Dataset, terms: Terms) -> Sheet:
    """Rules with points, and the threshold that hands over the share asked for."""
    kept = [at for at in range(len(chosen)) if points[at] != 0.0]
    if not kept:
        raise TooLittleDataError(
            "no rule is worth a step of points: ask for a smaller step, or a larger unit"
        )
    rules = tuple(chosen[at].rule(float(points[at])) for at in kept)
    total = np.sum([points[at] * chosen[at].holds for at in kept], axis=0)
    return Sheet(
        name=NAME, source="learned from the model", mql_at=_threshold(total, rows.weight, terms), rules=rules
    )


def _threshold(total: Floats, weight: Floats, terms: Terms) -> float:
    """The multiple of the step at which the share handed over is nearest to the one asked for."""
    low, high = np.floor(total.min() / terms.step), np.floor(total.max() / terms.step)
    steps = np.arange(low, high + 1.0) * terms.step
    shares = np.array([weight[total >= at].sum() for at in steps]) / weight.sum()
    return float(steps[int(np.abs(shares - terms.mql_rate).argmin())])

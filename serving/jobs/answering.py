"""From a matrix to answers, and what is recorded of them.

The numbers are those that a replay of the record gives, to the last bit: each row is asked as a single one is, but
for boosters alone, which may be asked many rows at once since nothing is added to what their trees say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import orjson
from scipy.special import expit

from features.clock import iso
from features.matrix import Floats, Matrix
from features.online import Row
from models.bands import Band
from models.bundle import ModelBundle
from models.tree_margins import QuickBoosting, quickened
from serving.answers.answer import Asked, Origin, Outcome, outcome, scored
from serving.answers.stored import prediction_id, values_of, words_of
from serving.answers.view import View
from serving.arms import Arm
from serving.jobs.progress import Reasons
from serving.jobs.reading import Known
from serving.store.predictions import Prediction

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Whom a row of a matrix is about.

    Attributes:
        is_inline: the evidence was sent along.
        of_the_past: it is asked about a moment before the job began, so the score is nobody's latest.
    """

    lead_id: str
    as_of: int
    known: Known
    is_inline: bool
    of_the_past: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer and its record; from a change of ``alert_points`` on the CRM hears of it."""

    answer: Answer
    prediction: Prediction
    alert_points: float


class _Judged(NamedTuple):
    """An ``Outcome`` of which nothing but the score is known."""

    row: Row
    log_odds: float
    probability: float
    points: float
    band: Band


class Answers:
    """Answers the rows of matrices for one tenant.

    With reasons an answer is the one that a single question gets; without, it says the score and no more.
    """

    def __init__(self, tenant: str, reasons: Reasons) -> None:
        self._tenant, self._reasons = tenant, reasons
        self._views: dict[str, View] = {}
        self._quick: dict[str, ModelBundle | None] = {}

    def of(self, arm: Arm, matrix: Matrix, questions: Sequence[Question], made_at: int) -> Iterator[Scored]:
        """What ``arm`` says of each row."""
        for question, result in zip(questions, self._results(arm, matrix), strict=True):
            answer = self._answer(arm, question, result, made_at)
            record = self._record(arm, question, result, answer, made_at)
            yield Scored(answer, record, arm.bundle.playbook.alerts.points)

    def _results(self, arm: Arm, matrix: Matrix) -> Iterator[Outcome | _Judged]:
        rows = rows_of(matrix)
        if self._reasons == "signals":
            return (outcome(arm, row) for row in rows)
        quick = self._quick_bundle(arm)
        if quick is not None:
            return _judged(arm, rows, quick.log_odds(matrix))
        return _judged(arm, rows, np.array([arm.scorer.log_odds(row) for row in rows]))

    def _answer(self, arm: Arm, question: Question, result: Outcome | _Judged, made_at: int) -> Answer:
        named = prediction_id(made_at)
        if isinstance(result, _Judged):
            return _score(arm, question, result, named)
        return scored(self._asked(question, made_at), arm, self._view(arm), result, named)

    def _view(self, arm: Arm) -> View:
        view = self._views.get(arm.fingerprint)
        if view is None:
            view = self._views[arm.fingerprint] = View(arm)
        return view

    def _quick_bundle(self, arm: Arm) -> ModelBundle | None:
        """The arm's bundle, made for many rows at once; ``None`` where sums would be rounded in another order."""
        if arm.fingerprint not in self._quick:
            model = quickened(arm.bundle.model)
            alone = isinstance(model, QuickBoosting) and model.booster.sheet is None
            self._quick[arm.fingerprint] = replace(arm.bundle, model=model) if alone else None
        return self._quick[arm.fingerprint]

    def _asked(self, question: Question, made_at: int) -> Asked:
        origin: Origin = "score" if question.is_inline else "job"
        about = question.known.service_line, question.known.revision
        return Asked(self._tenant, question.lead_id, question.as_of, made_at, origin, "signals", *about)

    def _record(
        self, arm: Arm, question: Question, result: Outcome | _Judged, answer: Answer, made_at: int
    ) -> Prediction:
        return Prediction(
            prediction_id=answer["prediction_id"],
            tenant=self._tenant,
            lead_id=question.lead_id,
            as_of=question.as_of,
            made_at=made_at,
            bundle=arm.fingerprint,
            role=arm.role,
            arm=arm.role,
            # What was sent along says nothing about the lead of the store: it must not become its latest score.
            origin="score" if question.is_inline else "job",
            log_odds=result.log_odds,
            probability=result.probability,
            points=result.points,
            band=result.band,
            service_line=question.known.service_line,
            revision=question.known.revision,
            previous=question.known.last,
            values=values_of(result.row),
            words=words_of(result.row),
            answer=orjson.dumps(answer),
            of_the_past=question.of_the_past,
        )


def _judged(arm: Arm, rows: Sequence[Row], log_odds: Floats) -> Iterator[_Judged]:
    bundle = arm.bundle
    probability = np.asarray(expit(log_odds))
    points = bundle.scale.points(log_odds)
    band = bundle.bands.band(probability)
    columns = (log_odds, probability, points, band)
    return map(_Judged, rows, *(column.tolist() for column in columns))


def _score(arm: Arm, question: Question, judged: _Judged, named: str) -> Answer:
    manifest = arm.bundle.manifest
    horizons = manifest["horizon_days"]
    return {
        "prediction_id": named,
        "lead_id": question.lead_id,
        "as_of": iso(question.as_of),
        "scored": True,
        "probability": judged.probability,
        "horizon_days": horizons.get(question.known.service_line or "", horizons[""]),
        "base_rate": manifest["base_rate"],
        "points": judged.points,
        "band": judged.band,
        "log_odds": judged.log_odds,
        "model": {"name": manifest["model"], "bundle": arm.fingerprint, "arm": arm.role},
    }


def rows_of(matrix: Matrix) -> list[Row]:
    """The rows of a matrix as single ones: each category with its word, not its place in a list of words."""
    values = matrix.values.copy()
    said: list[list[str | None]] = []
    for column, feature in enumerate(matrix.features):
        if feature.is_category:
            said.append(matrix.texts(feature.name).tolist())
            values[:, column] = np.where(np.isnan(values[:, column]), np.nan, 0.0)
        else:
            said.append([None] * len(values))
    words = list(zip(*said, strict=True)) if said else [()] * len(values)
    return [Row(values[at], words[at]) for at in range(len(values))]

"""From a matrix to answers, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import orjson
from scipy.special import expit

from features.clock import iso
from features.matrix import Matrix
from features.online import Row
from models.bands import Band
from models.bundle import ModelBundle
from models.online import Told
from models.tree_margins import quickened
from serving.answers.answer import Asked, Origin, Outcome, scored
from serving.answers.stored import prediction_id, values_of, words_of
from serving.answers.view import View
from serving.jobs.progress import Reasons
from serving.jobs.reading import Known
from serving.live import Arm
from serving.store.predictions import Prediction

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Whom a row of a matrix is about; ``is_inline`` where the evidence was sent along."""

    lead_id: str
    as_of: int
    known: Known
    is_inline: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer and its record; from a change of ``alert_points`` on the CRM hears of it."""

    answer: Answer
    prediction: Prediction
    alert_points: float


class _Judged(NamedTuple):
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
        self._quick: dict[str, ModelBundle] = {}

    def of(self, arm: Arm, matrix: Matrix, questions: Sequence[Question], made_at: int) -> Iterator[Scored]:
        """What ``arm`` says of each row."""
        rows = rows_of(matrix)
        told = _told(arm, matrix) if self._reasons == "signals" else None
        for at, judged in enumerate(_judged(self._bundle(arm), matrix)):
            question, named = questions[at], prediction_id(made_at)
            if told is None:
                answer = _score(arm, question, judged, named)
            else:
                asked = self._asked(question, made_at)
                answer = scored(asked, arm, self._view(arm), Outcome(rows[at], told[at], *judged), named)
            record = self._record(arm, question, judged, (rows[at], answer, made_at))
            yield Scored(answer, record, arm.bundle.playbook.alerts.points)

    def _view(self, arm: Arm) -> View:
        view = self._views.get(arm.fingerprint)
        if view is None:
            view = self._views[arm.fingerprint] = View(arm)
        return view

    def _bundle(self, arm: Arm) -> ModelBundle:
        """The arm's bundle, made for many rows at once."""
        bundle = self._quick.get(arm.fingerprint)
        if bundle is None:
            bundle = replace(arm.bundle, model=quickened(arm.bundle.model))
            self._quick[arm.fingerprint] = bundle
        return bundle

    def _asked(self, question: Question, made_at: int) -> Asked:
        origin: Origin = "score" if question.is_inline else "job"
        about = question.known.service_line, question.known.revision
        return Asked(self._tenant, question.lead_id, question.as_of, made_at, origin, "signals", *about)

    def _record(
        self, arm: Arm, question: Question, judged: _Judged, made: tuple[Row, Answer, int]
    ) -> Prediction:
        row, answer, made_at = made
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
            log_odds=judged.log_odds,
            probability=judged.probability,
            points=judged.points,
            band=judged.band,
            service_line=question.known.service_line,
            revision=question.known.revision,
            previous=question.known.last,
            values=values_of(row),
            words=words_of(row),
            answer=orjson.dumps(answer),
        )


def _judged(bundle: ModelBundle, matrix: Matrix) -> Iterator[_Judged]:
    log_odds = bundle.log_odds(matrix)
    probability = np.asarray(expit(log_odds))
    points = bundle.scale.points(log_odds)
    band = bundle.bands.band(probability)
    columns = (log_odds, probability, points, band)
    return map(_Judged, *(column.tolist() for column in columns))


def _told(arm: Arm, matrix: Matrix) -> list[Told]:
    scores = arm.bundle.score(matrix)
    parts = scores.contributions
    log_odds, sheet = scores.log_odds.tolist(), parts.sheet.tolist()
    base = float(parts.base)
    return [Told(log_odds[at], base, parts.by_feature[at], sheet[at]) for at in range(len(log_odds))]


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

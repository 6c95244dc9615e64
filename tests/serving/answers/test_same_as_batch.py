"""A lead gets the same features and the same score from a pipeline, from the store and when it is sent along."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from features.clock import DAY
from features.kernel import build
from serving.answers.scoring import Scoring
from serving.answers.stored import row_of
from serving.arms import Arm
from serving.store.engine import Store
from tests.serving.answers import company
from tests.serving.answers.conftest import Hand, Models, keep
from tests.serving.answers.deliver import deliver

LEADS = list(company.people())[:90]


@pytest.mark.parametrize("days", [2, 14.5, 60])
def test_features_are_identical_and_probabilities_equal(reading: Scoring, champion: Arm, days: float) -> None:
    people = company.people()
    as_of = np.array([people[lead].created_at + int(days * DAY) for lead in LEADS])
    matrix = build(champion.scorer.features, company.history(people), np.array(LEADS, dtype=object), as_of)
    scores = champion.bundle.score(matrix)
    for at, lead_id in enumerate(LEADS):
        of_store = reading.of_lead("acme", lead_id, int(as_of[at])).records[0]
        sent_along = reading.of_evidence("acme", people[lead_id], int(as_of[at])).records[0]
        for record in (of_store, sent_along):
            row = row_of(record.values, record.words)
            for column, feature in enumerate(champion.scorer.features):
                if feature.is_category:
                    assert row.words[column] == matrix.texts(feature.name)[at]
                else:
                    assert row.values[column].tobytes() == matrix.values[at, column].tobytes()
            assert record.probability == pytest.approx(scores.probability[at], abs=1e-12)
            assert record.log_odds == pytest.approx(scores.log_odds[at], abs=1e-9)
            assert record.points == pytest.approx(scores.points[at], abs=1e-6)
            assert record.band == scores.band[at]


def test_reasons_equal_those_of_a_notebook(reading: Scoring, champion: Arm) -> None:
    people = company.people()
    as_of = np.array([people[lead].created_at + 14 * DAY for lead in LEADS])
    matrix = build(champion.scorer.features, company.history(people), np.array(LEADS, dtype=object), as_of)
    parts = champion.bundle.score(matrix).contributions.by_feature
    names = [feature.name for feature in champion.bundle.features]
    for at, lead_id in enumerate(LEADS):
        answer = reading.of_lead("acme", lead_id, int(as_of[at]), reasons="features").answer
        for one in answer["reasons"]["by_feature"]:
            if one["feature"] in names:
                expected = parts[at, names.index(one["feature"])]
                assert one["log_odds"] == pytest.approx(expected, abs=1e-9)


def test_a_replay_is_equal_to_the_bit(scoring: Scoring, store: Store, clock: Hand, models: Models) -> None:
    people = list(company.people().values())[:30]
    with store.writing() as connection:
        deliver(connection, people)
    told = [scoring.of_lead("acme", lead.lead_id, lead.created_at + 9 * DAY) for lead in people]
    for prepared in told:
        keep(store, prepared)
    fresh = Scoring(clock, store, models)
    for prepared in told:
        kept = fresh.replay("acme", prepared.answer["prediction_id"], reasons="features")
        assert kept["replay"] == {
            "equal": True,
            "log_odds": prepared.answer["log_odds"],
            "difference": 0.0,
        }
        assert kept["answer"] == orjson.loads(prepared.body)
        again = kept["by_feature"]
        total = prepared.answer["base"]["log_odds"] + sum(one["log_odds"] for one in again)
        assert total == pytest.approx(prepared.answer["log_odds"], abs=1e-9)


def test_any_order_of_deliveries_gives_the_same_answer(
    tmp_path_factory: pytest.TempPathFactory, clock: Hand, models: Models
) -> None:
    people = list(company.people().values())[:9]
    answers = []
    for order in (people, people[::-1], [*people[3:], *people, *people[:3]]):
        store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('order')}/service.db")
        for lead in order:
            with store.writing() as connection:
                deliver(connection, [lead])
        scoring = Scoring(clock, store, models)
        answers.append([scoring.of_lead("acme", lead.lead_id, reasons="features").answer for lead in people])
        store.close()
    for others in answers[1:]:
        for one, other in zip(answers[0], others, strict=True):
            assert {**one, "prediction_id": ""} == {**other, "prediction_id": ""}

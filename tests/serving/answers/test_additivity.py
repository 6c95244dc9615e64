"""Reasons add up to the score, in the JSON as it is sent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest

from features.clock import DAY
from features.evidence import Evidence, Fact
from features.kernel import build
from serving.answers.scoring import Scoring
from serving.answers.view import SIGNALS
from serving.arms import Arm
from tests.serving.answers import company

LEADS = [f"lead {number}" for number in range(0, 90, 6)]


def sent(scoring: Scoring, lead_id: str, days: float, reasons: str = "features") -> dict:
    lead = company.people()[lead_id]
    return orjson.loads(
        scoring.of_lead("acme", lead_id, lead.created_at + int(days * DAY), reasons=reasons).body
    )


def inline(scoring: Scoring, evidence: Evidence, days: float = 20) -> dict:
    moment = evidence.created_at + int(days * DAY)
    return orjson.loads(scoring.of_evidence("acme", evidence, moment, reasons="features").body)


def assert_adds_up(answer: dict) -> None:
    for parts in (answer["reasons"]["by_signal"], answer["reasons"]["by_feature"]):
        log_odds = answer["base"]["log_odds"] + sum(part["log_odds"] for part in parts)
        points = answer["base"]["points"] + sum(part["points"] for part in parts)
        assert abs(log_odds - answer["log_odds"]) < 1e-9
        assert abs(points - answer["points"]) < 1e-6


@pytest.mark.parametrize("days", [0, 3.5, 20, 90])
def test_signals_and_features_add_up_for_every_lead(reading: Scoring, days: float) -> None:
    for lead_id in LEADS:
        answer = sent(reading, lead_id, days)
        assert_adds_up(answer)
        assert answer["probability"] == pytest.approx(1 / (1 + np.exp(-answer["log_odds"])), abs=1e-15)


def test_a_signal_is_the_sum_of_its_features(reading: Scoring) -> None:
    for lead_id in LEADS:
        reasons = sent(reading, lead_id, 20)["reasons"]
        by_signal = {part["signal"]: part["log_odds"] for part in reasons["by_signal"]}
        summed = dict.fromkeys(by_signal, 0.0)
        for part in reasons["by_feature"]:
            summed[part["signal"]] += part["log_odds"]
        assert by_signal == pytest.approx(summed, abs=1e-12)
        assert all(part["log_odds"] for part in reasons["by_signal"])
        sizes = [abs(part["points"]) for part in reasons["by_signal"]]
        assert sizes == sorted(sizes, reverse=True)


def test_a_lead_of_which_nothing_is_known_adds_up(scoring: Scoring) -> None:
    answer = inline(scoring, Evidence("new", company.BEGIN))
    assert_adds_up(answer)
    missing = [one for one in answer["reasons"]["by_feature"] if one["status"] == "missing"]
    assert missing
    assert all(one["value"] is None for one in missing)
    assert answer["missing"][:2] == ["employees is not known", "industry is not known"]


def test_a_word_the_model_never_met_adds_up_and_is_told(scoring: Scoring) -> None:
    lead = company.people()["lead 5"]
    facts = [fact for fact in lead.facts if fact.field != "industry"]
    strange = replace(lead, facts=[*facts, Fact("industry", "alchemy", lead.created_at, lead.created_at)])
    answer = inline(scoring, strange)
    assert_adds_up(answer)
    assert answer["unseen"] == ["industry"]
    [said] = [one for one in answer["reasons"]["by_feature"] if one["feature"] == "latest(industry)"] or [
        None
    ]
    assert said is None or (said["status"] == "unseen" and said["value"] == "alchemy")
    assert inline(scoring, lead)["unseen"] == []


def test_what_the_sheet_adds_is_a_group_of_its_own(reading: Scoring, champion: Arm) -> None:
    leads = np.array(LEADS, dtype=object)
    as_of = np.array([company.people()[lead].created_at + 20 * DAY for lead in LEADS])
    matrix = build(champion.scorer.features, company.history(company.people()), leads, as_of)
    scores = champion.bundle.score(matrix)
    for at, lead_id in enumerate(LEADS):
        parts = {one["signal"]: one["log_odds"] for one in sent(reading, lead_id, 20)["reasons"]["by_signal"]}
        assert parts["sheet"] == pytest.approx(scores.contributions.sheet[at], abs=1e-9)
        assert set(parts) <= set(SIGNALS)
    assert np.ptp(scores.contributions.sheet) > 0.1


def test_a_feature_the_model_does_not_use_adds_exactly_nothing(reading: Scoring, champion: Arm) -> None:
    leads = np.array(LEADS, dtype=object)
    as_of = np.array([company.people()[lead].created_at + 20 * DAY for lead in LEADS])
    matrix = build(champion.scorer.features, company.history(company.people()), leads, as_of)
    parts = champion.bundle.score(matrix).contributions.by_feature
    unused = {feature.name for at, feature in enumerate(champion.bundle.features) if not parts[:, at].any()}
    for lead_id in LEADS:
        named = {one["feature"] for one in sent(reading, lead_id, 20)["reasons"]["by_feature"]}
        assert not named & unused
    assert len(unused) < len(champion.bundle.features)

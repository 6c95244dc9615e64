"""What is said is true, is said once, and is never about what the playbook withholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from scipy.special import expit

from features.clock import DAY
from features.definitions import Feature
from features.evidence import Evidence, Fact
from features.language import count, latest, recency
from features.sentences import sentence
from models.bundle import GROUPS
from models.points.evaluation import fires
from serving.answers.scoring import Scoring
from serving.answers.sheet import withheld
from serving.answers.stored import row_of
from serving.answers.view import View, meaning
from serving.arms import Arm
from tests.serving.answers import company

LEADS = list(company.people())[:60]
WITHHELD = ("gender", "credit", "check")


def answers(scoring: Scoring, days: float = 15):
    people = company.people()
    for lead_id in LEADS:
        yield scoring.of_lead(
            "acme", lead_id, people[lead_id].created_at + int(days * DAY), reasons="features"
        )


def test_facts_are_the_sentences_of_the_stored_values(reading: Scoring, champion: Arm) -> None:
    phrases = champion.bundle.playbook.phrases
    told = 0
    for prepared in answers(reading):
        row = row_of(prepared.records[0].values, prepared.records[0].words)
        true = {
            sentence(feature, row.words[at] if feature.is_category else float(row.values[at]), phrases)
            for at, feature in enumerate(champion.bundle.features)
        }
        for one in prepared.answer["reasons"]["by_signal"]:
            facts = [] if one["signal"] == "sheet" else one["facts"]
            assert set(facts) <= true
            assert all(fact in one["sentence"] for fact in facts if abs(one["log_odds"]) >= 0.1)
            told += len(facts)
        for one in prepared.answer["reasons"]["by_feature"]:
            assert one["sentence"] is None or one["sentence"] in true
        assert set(prepared.answer["missing"]) <= true
    assert told > 100


def test_a_fact_pulls_the_way_of_its_signal(reading: Scoring, champion: Arm) -> None:
    for prepared in answers(reading):
        by_sentence: dict[str, set[str]] = {}
        for one in prepared.answer["reasons"]["by_feature"]:
            by_sentence.setdefault(str(one["sentence"]), set()).add(one["direction"])
        for one in prepared.answer["reasons"]["by_signal"]:
            assert one["direction"] == ("for" if one["points"] > 0 else "against")
            for fact in one["facts"] if one["signal"] != "sheet" else ():
                assert one["direction"] in by_sentence[fact]


def test_nested_windows_say_a_thing_once(reading: Scoring, champion: Arm) -> None:
    view = View(champion)
    for prepared in answers(reading):
        row = row_of(prepared.records[0].values, prepared.records[0].words)
        said = {view.say(row, at): meaning(feature) for at, feature in enumerate(view.features)}
        for one in prepared.answer["reasons"]["by_signal"]:
            if one["signal"] != "sheet":
                meanings = [said[fact] for fact in one["facts"]]
                assert len(set(meanings)) == len(meanings) <= 3


def test_nothing_withheld_is_ever_named(reading: Scoring) -> None:
    seen = 0
    for prepared in answers(reading):
        text = prepared.body.decode().lower()
        assert not [word for word in WITHHELD if word in text.replace("told: protected", "")]
        parts = {one["signal"]: one for one in prepared.answer["reasons"]["by_signal"]}
        seen += "withheld" in parts
        if "withheld" in parts:
            assert parts["withheld"]["facts"] == []
            assert parts["withheld"]["typical_points"] is None
    assert seen > 30


def test_nothing_withheld_is_named_in_an_explanation_or_a_sheet(reading: Scoring) -> None:
    for lead_id in LEADS[:20]:
        for plain in (
            reading.explanation("acme", lead_id).answer,
            {**reading.sheet("acme", lead_id), "rules": []},
        ):
            text = orjson.dumps(plain).decode().lower()
            assert not [word for word in WITHHELD if word in text]


def test_a_feature_is_withheld_by_its_field_or_by_any_word_it_selects_on() -> None:
    hold = {"gender": "protected", "nurse": "protected"}
    by_field, by_type = latest("gender")[0], count("nurse", days=7)[0]
    by_topic, free = count("visit", days=7, topic=("news", "nurse"))[0], count("visit", days=7)[0]
    assert [withheld(one, hold) for one in (by_field, by_type, by_topic, free)] == ["protected"] * 3 + [None]


def test_typical_points_are_those_of_the_service_line(reading: Scoring, champion: Arm) -> None:
    people, factor = company.people(), champion.bundle.scale.factor
    compared = 0
    for prepared in answers(reading):
        peer = champion.bundle.peers.of(people[prepared.answer["lead_id"]].service_line)
        for one in prepared.answer["reasons"]["by_signal"]:
            if one["typical_points"] is None:
                assert one["signal"] not in ("intent", "sheet")  # of others a feature may be withheld
                continue
            compared += 1
            expected = factor * peer.by_group[GROUPS.index(one["signal"])]
            assert one["typical_points"] == pytest.approx(expected, abs=1e-12)
            assert one["against_typical"] == pytest.approx(one["points"] - expected, abs=1e-9)
    assert compared > 100


def test_the_chance_without_a_signal_is_that_of_the_log_odds_without_it(reading: Scoring) -> None:
    told = 0
    for prepared in answers(reading):
        answer = prepared.answer
        parts = {one["signal"]: one["log_odds"] for one in answer["reasons"]["by_signal"]}
        assert len(answer["without"]) <= 3
        for signal, chance in answer["without"].items():
            told += 1
            assert abs(parts[signal]) >= 0.1
            assert chance == pytest.approx(expit(answer["log_odds"] - parts[signal]), abs=1e-15)
    assert told > 60


def test_rules_of_the_sheet_hold_as_in_the_model(reading: Scoring, champion: Arm) -> None:
    sheet = champion.bundle.playbook.sheet
    view = View(champion)
    held = np.zeros(len(sheet.rules))
    for prepared in answers(reading):
        row = row_of(prepared.records[0].values, prepared.records[0].words)
        expected = fires(sheet, row.matrix(champion.scorer.features))[0]
        told = {rule.name: rule.fired for rule in view.sheet.given(row)}
        assert told == {
            rule.name: holds
            for rule, holds, hidden in zip(sheet.rules, expected.tolist(), view.sheet.withheld, strict=True)
            if not hidden
        }
        held += expected
        [sheet_part] = [one for one in prepared.answer["reasons"]["by_signal"] if one["signal"] == "sheet"]
        for rule, holds in zip(sheet.rules, expected, strict=True):
            if sheet_part["direction"] == "for" and any(rule.name in fact for fact in sheet_part["facts"]):
                assert holds
    assert (held > 0).all()


def test_the_sheet_of_a_lead_leaves_out_what_is_withheld(reading: Scoring) -> None:
    totals = []
    for lead_id in LEADS[:20]:
        shown = reading.sheet("acme", lead_id)
        rules = {rule["name"]: rule for rule in shown["rules"]}
        check = rules.pop("passed the check")
        assert (check["on_sheet"], check["points"], check["fired"]) == (20.0, None, None)
        assert (shown["complete"], shown["is_mql"], shown["cell"]) == (False, None, None)
        assert all(one["points"] == (one["on_sheet"] if one["fired"] else 0.0) for one in rules.values())
        assert shown["total"] == sum(one["points"] for one in rules.values())
        totals.append(shown["total"])
    assert len(set(totals)) > 1


def test_a_lead_with_everything_missing_is_told_in_plain_words(scoring: Scoring) -> None:
    prepared = scoring.of_evidence("acme", Evidence("new", company.BEGIN), company.BEGIN + DAY)
    told = {one["signal"]: one["sentence"] for one in prepared.answer["reasons"]["by_signal"]}
    assert (
        "no rule of your sheet holds" not in told["sheet"]
    )  # one of the rules is withheld, so nobody can say so
    assert told["engagement"].startswith("Engagement speaks against this lead (")


def test_a_small_part_is_not_argued_for(reading: Scoring) -> None:
    small = 0
    for prepared in answers(reading):
        for one in prepared.answer["reasons"]["by_signal"]:
            says_little = "little difference" in one["sentence"]
            assert says_little == (abs(one["log_odds"]) < 0.1)
            small += says_little
    assert small > 20


def test_features_that_mean_the_same_share_a_meaning() -> None:
    visits: list[Feature] = count("visit") + recency("visit")
    assert len({meaning(one) for one in visits}) == 1
    apart = [
        *count("visit", days=7),
        *count("visit", days=7, topic="news"),
        *latest("a"),
        *latest("a", entity="account"),
    ]
    assert len({meaning(one) for one in apart}) == 4


def test_excused_attributes_are_read_as_in_training(scoring: Scoring, champion: Arm) -> None:
    lead = company.people()["lead 8"]
    late = Fact("region", "north", lead.created_at, lead.created_at + 200 * DAY)
    known_late = replace(
        lead, facts=[late, Fact("industry", "toys", lead.created_at, lead.created_at + 200 * DAY)]
    )
    record = scoring.of_evidence("acme", known_late, lead.created_at + DAY).records[0]
    row = row_of(record.values, record.words)
    names = [feature.name for feature in champion.scorer.features]
    assert row.words[names.index("latest(region)")] == "north"
    assert row.words[names.index("latest(industry)")] is None

"""Who is scored, as of when, by which model; and what is recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import orjson
import pytest

from features.clock import DAY
from features.errors import TableError
from features.evidence import Event, Evidence
from features.playbook_service import NextStep, Pilot
from serving.answers.answer import LATE_EVIDENCE, LATE_LEAD
from serving.answers.refusals import SAID, Unscorable
from serving.answers.scoring import Scoring
from serving.arms import Arm
from serving.live import LiveModels
from serving.schemas.scores import Answer, Explanation, NotScored, Recorded
from serving.store import erase, evidence, predictions, suppression
from serving.store.engine import Store
from serving.store.rows import EventRow, LeadRow
from tests.serving.answers import company
from tests.serving.answers.conftest import Hand, Models, keep, without
from tests.serving.answers.deliver import deliver
from tests.serving.databases import each_backend as backend  # noqa: F401

LEAD = "lead 4"


@pytest.fixture
def delivered(store: Store) -> Evidence:
    people = [company.people()[f"lead {number}"] for number in (3, 4, 5)]
    with store.writing() as connection:
        deliver(connection, people)
    return people[1]


def refusal(ask) -> str:
    with pytest.raises(Unscorable) as refused:
        ask()
    assert str(refused.value) == SAID[refused.value.code]
    return refused.value.code


def test_answers_are_of_the_documented_shape(
    delivered: Evidence, scoring: Scoring, clock: Hand, store: Store
) -> None:
    keep(store, scoring.of_lead("acme", LEAD))
    clock.time += DAY
    for reasons in ("signals", "features"):
        prepared = scoring.of_lead("acme", LEAD, reasons=reasons)
        assert Answer.model_validate_json(prepared.body).change is not None
    assert Explanation.model_validate_json(scoring.explanation("acme", LEAD).body).moves
    keep(store, prepared)
    Recorded.model_validate(scoring.replay("acme", prepared.answer["prediction_id"], reasons="features"))


def test_moments_that_cannot_be_asked_about(delivered: Evidence, scoring: Scoring, clock: Hand) -> None:
    assert refusal(lambda: scoring.of_lead("acme", LEAD, clock.time + 1)) == "as_of_in_future"
    assert refusal(lambda: scoring.of_lead("acme", LEAD, delivered.created_at - 1)) == "as_of_before_lead"
    assert scoring.of_lead("acme", LEAD, delivered.created_at).answer["scored"]
    assert (
        scoring.of_lead("acme", LEAD, clock.time).answer["as_of"]
        == scoring.of_lead("acme", LEAD).answer["as_of"]
    )


def test_tenants_do_not_see_each_other(delivered: Evidence, scoring: Scoring, store: Store) -> None:
    prepared = scoring.of_lead("acme", LEAD)
    keep(store, prepared)
    assert refusal(lambda: scoring.of_lead("other", LEAD)) == "lead_not_found"
    assert refusal(lambda: scoring.sheet("other", LEAD)) == "lead_not_found"
    asked = prepared.answer["prediction_id"]
    assert refusal(lambda: scoring.replay("other", asked)) == "prediction_not_found"
    with store.writing() as connection:
        deliver(connection, [replace(delivered, events=[], facts=[])], tenant="other")
    assert scoring.of_lead("other", LEAD).answer["log_odds"] != prepared.answer["log_odds"]
    assert scoring.of_lead("acme", LEAD).answer["log_odds"] == prepared.answer["log_odds"]


def test_what_became_known_later_is_not_seen_earlier(
    delivered: Evidence, scoring: Scoring, store: Store
) -> None:
    moment = delivered.created_at + 20 * DAY
    before = scoring.of_lead("acme", LEAD, moment)
    late = Event("late", "demo_request", moment - DAY, moment)
    with store.writing() as connection:
        deliver(connection, [replace(delivered, events=[late])])
    after = scoring.of_lead("acme", LEAD, moment)
    assert after.records[0].values == before.records[0].values
    assert scoring.of_lead("acme", LEAD, moment + 1).records[0].values != before.records[0].values


def test_who_objected_is_not_scored_and_that_is_recorded(
    delivered: Evidence, scoring: Scoring, store: Store
) -> None:
    with store.writing() as connection:
        suppression.object_to_profiling(connection, "acme", LEAD, None, 0)
    told = [
        scoring.of_lead("acme", LEAD),
        scoring.explanation("acme", LEAD),
        scoring.of_evidence("acme", delivered),
    ]
    for prepared in told:
        said = NotScored.model_validate_json(prepared.body)
        assert "objected to profiling" in said.sentence
        [record] = prepared.records
        assert (record.log_odds, record.points, record.band, record.values) == (None, None, None, b"")
        keep(store, prepared)
        kept = Recorded.model_validate(scoring.replay("acme", said.prediction_id, reasons="features"))
        assert kept.replay is None
        assert kept.answer == orjson.loads(prepared.body)
    assert refusal(lambda: scoring.sheet("acme", LEAD)) == "lead_objected"


def test_who_was_erased_is_not_scored(delivered: Evidence, scoring: Scoring, store: Store, tmp_path) -> None:
    scoring.of_lead("acme", LEAD)
    erase.forget(store, "acme", LEAD, tmp_path, now=0)
    assert refusal(lambda: scoring.of_lead("acme", LEAD)) == "lead_not_found"
    assert refusal(lambda: scoring.of_evidence("acme", delivered)) == "lead_forgotten"


def test_one_that_cannot_be_scored_spoils_no_other(scoring: Scoring, clock: Hand) -> None:
    people = [company.people()["lead 1"], Evidence("later", clock.time + 1), company.people()["lead 2"]]
    first, second, third = scoring.of_many("acme", people)
    assert isinstance(second, Unscorable)
    assert second.code == "as_of_before_lead"
    assert (first.answer["lead_id"], third.answer["lead_id"]) == ("lead 1", "lead 2")


def test_values_too_large_to_add_up_are_refused(
    scoring: Scoring, champion: Arm, clock: Hand, store: Store, models: Models
) -> None:
    huge = [Event(f"e{at}", "visit", 1, 1, value=9e12) for at in range(3)]
    assert (
        refusal(lambda: scoring.of_evidence("acme", Evidence("x", 0, events=huge), 10)) == "evidence_unusable"
    )


def test_a_challenger_in_the_shadow_is_recorded_and_not_told(
    delivered: Evidence, scoring: Scoring, store: Store, models: Models, champion: Arm, challenger: Arm
) -> None:
    models.live = LiveModels(champion, challenger)
    models.known[challenger.fingerprint] = challenger
    prepared = scoring.of_lead("acme", LEAD)
    told, shadow = prepared.records
    assert prepared.answer["model"] == {"name": "lightgbm", "bundle": champion.fingerprint, "arm": "champion"}
    assert (told.role, shadow.role, shadow.bundle) == ("champion", "shadow", challenger.fingerprint)
    assert shadow.log_odds != told.log_odds
    keep(store, prepared)
    kept = scoring.replay("acme", shadow.prediction_id)
    assert kept["replay"]["equal"]
    with store.reading() as connection:
        assert len(predictions.of_lead(connection, "acme", LEAD, 10)) == 2


def test_in_a_pilot_the_challenger_answers_for_its_share(
    scoring: Scoring, models: Models, champion: Arm, challenger: Arm
) -> None:
    pilot = Pilot(share=0.4, by="lead", salt="test")
    models.live = LiveModels(without(champion, pilot=pilot), challenger)
    arms = {}
    for lead_id, lead in list(company.people().items())[:60]:
        prepared = scoring.of_evidence("acme", lead)
        assert len(prepared.records) == 1
        arms[lead_id] = prepared.records[0].role
        assert prepared.answer["model"]["arm"] == prepared.records[0].role
        assert (arms[lead_id] == "challenger") == pilot.takes(lead_id, None, None)
    assert set(arms.values()) == {"champion", "challenger"}


def test_a_replay_whose_model_is_gone_says_so(
    delivered: Evidence, scoring: Scoring, store: Store, models: Models
) -> None:
    prepared = scoring.of_lead("acme", LEAD)
    keep(store, prepared)
    models.known = {}
    asked = prepared.answer["prediction_id"]
    assert refusal(lambda: scoring.replay("acme", asked)) == "model_not_available"


def test_a_changed_record_is_not_equal(delivered: Evidence, scoring: Scoring, store: Store) -> None:
    prepared = scoring.of_lead("acme", LEAD)
    [record] = prepared.records
    keep(store, replace(prepared, records=(replace(record, log_odds=record.log_odds + 1e-13),)))
    told = scoring.replay("acme", record.prediction_id)["replay"]
    assert not told["equal"]
    assert told["difference"] != 0


def test_next_step_and_horizon_are_those_of_band_and_line(
    scoring: Scoring, models: Models, champion: Arm
) -> None:
    steps = {letter: NextStep(do=f"step {letter}") for letter in "ABC"}
    models.live = LiveModels(without(champion, next_steps=steps))
    seen = set()
    for lead in list(company.people().values())[:40]:
        answer = scoring.of_evidence("acme", lead, lead.created_at + 14 * DAY).answer
        seen.add(answer["band"])
        expected = None if answer["band"] == "D" else f"step {answer['band']}"
        assert (answer["next_step"] or {"do": None})["do"] == expected
        assert answer["horizon_days"] == (30 if lead.service_line == "assays" else 60)
        assert bool(answer["warnings"]) == (lead.service_line == "other")
    assert len(seen) > 2


def test_threads_that_share_it_answer_as_one_alone(
    filled: Store, clock: Hand, champion: Arm, challenger: Arm
) -> None:
    """With a shadow, so that each lead is bound twice, and leads asked about by several at once."""
    models = Models(champion, challenger)
    models.live = LiveModels(champion, challenger)
    leads = [f"lead {number}" for number in range(8)] * 6
    alone, shared = Scoring(clock, filled, models), Scoring(clock, filled, models)
    expected = {lead: [one.log_odds for one in alone.of_lead("acme", lead).records] for lead in leads[:8]}
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda lead: shared.of_lead("acme", lead), leads))
    assert [[one.log_odds for one in prepared.records] for prepared in told] == [
        expected[lead] for lead in leads
    ]
    assert len({prepared.answer["prediction_id"] for prepared in told}) == len(leads)


class Failing:
    """Features or a scorer of a challenger that is no good."""

    needs_account = False

    def __init__(self, error: Exception) -> None:
        self.error = error

    def bind(self, _: Evidence) -> None:
        raise self.error


@pytest.mark.parametrize("error", [TableError("too large"), RuntimeError("no good")], ids=repr)
def test_a_shadow_that_fails_is_no_concern_of_the_answer(
    delivered: Evidence,
    scoring: Scoring,
    models: Models,
    champion: Arm,
    challenger: Arm,
    error: Exception,
) -> None:
    alone = scoring.of_lead("acme", LEAD)
    models.live = LiveModels(champion, replace(challenger, features=Failing(error)))
    for _ in range(2):
        prepared = scoring.of_lead("acme", LEAD)
        assert prepared.answer["log_odds"] == alone.answer["log_odds"]
        assert [one.role for one in prepared.records] == ["champion"]
        assert prepared.shadow_failed
    assert not alone.shadow_failed


def test_a_first_answer_about_the_past_is_not_the_latest_score(
    delivered: Evidence, scoring: Scoring, store: Store, clock: Hand
) -> None:
    keep(store, scoring.of_lead("acme", LEAD, clock.time - DAY))
    with store.reading() as connection:
        assert evidence.head(connection, "acme", LEAD).last is None
    keep(store, scoring.of_lead("acme", LEAD, clock.time))
    with store.reading() as connection:
        assert evidence.head(connection, "acme", LEAD).last.as_of == clock.time


def test_an_answer_about_the_past_warns_of_what_came_here_later(
    delivered: Evidence, scoring: Scoring, store: Store, clock: Hand
) -> None:
    def warnings(as_of: int | None = None) -> list[str]:
        said = scoring.of_lead("acme", LEAD, as_of).answer["warnings"]
        return [one for one in said if one in (LATE_LEAD, LATE_EVIDENCE)]

    then, now = clock.time - DAY, clock.time
    assert warnings(then) == []
    with store.writing() as connection:
        evidence.put_events(connection, "acme", [EventRow(LEAD, "late", "visit", then - 1, then - 1)], now)
    assert warnings(then) == [LATE_EVIDENCE]
    with store.writing() as connection:
        changed = LeadRow(LEAD, delivered.created_at, "elsewhere", "assays", updated_at=now)
        evidence.put_leads(connection, "acme", [changed], now)
    assert warnings(then) == [LATE_LEAD, LATE_EVIDENCE]
    assert warnings() == []

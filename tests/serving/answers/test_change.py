"""Why a score moved: the parts add up to the change, and each is what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.clock import DAY, HOUR
from features.evidence import Event, Evidence, Fact
from features.online import OnlineFeatures
from serving.answers.scoring import Scoring
from serving.arms import Arm
from serving.live import LiveModels
from serving.store import evidence, suppression
from serving.store.engine import Store
from serving.store.rows import AttributeRow, EventRow, LeadRow, StageRow
from tests.serving.answers import company
from tests.serving.answers.conftest import Hand, Models, keep, without
from tests.serving.answers.deliver import deliver
from tests.serving.databases import each_backend as backend  # noqa: F401

LEAD = "lead 4"
FIRST = 10
"""Days after creation of the first score."""


@pytest.fixture
def begun(store: Store, scoring: Scoring, clock: Hand) -> int:
    """The moment of a first score, which is recorded; the clock stands there."""
    lead = plain()
    with store.writing() as connection:
        deliver(connection, [lead])
    clock.time = lead.created_at + FIRST * DAY
    keep(store, scoring.of_lead("acme", LEAD))
    return clock.time


def plain() -> Evidence:
    """A lead of which everything was known five days after it came."""
    lead = company.people()[LEAD]
    at = lead.created_at + 5 * DAY
    events = [Event(f"old {kind}", kind, at, at) for kind in ("visit", "visit2", "pricing_view")]
    facts = [fact._replace(known_at=fact.occurred_at) for fact in lead.facts]
    funding = Fact("funding", "seed", lead.created_at, lead.created_at)
    return replace(lead, events=events, facts=facts, account_facts=[funding], colleagues=())


def change_of(scoring: Scoring) -> dict:
    change = scoring.of_lead("acme", LEAD).answer["change"]
    assert_adds_up(change)
    return change


def assert_adds_up(change: dict) -> None:
    for unit in ("points", "log_odds"):
        assert abs(sum(cause[unit] for cause in change["causes"]) - change[unit]) < 1e-6


def causes(change: dict) -> dict[str, dict]:
    return {cause["cause"]: cause for cause in change["causes"]}


def put(store: Store, *rows: tuple) -> None:
    """Rows of any table, delivered now."""
    into = {
        EventRow: evidence.put_events,
        StageRow: evidence.put_stages,
        AttributeRow: evidence.put_attributes,
        LeadRow: evidence.put_leads,
    }
    with store.writing() as connection:
        for row in rows:
            [outcome] = into[type(row)](connection, "acme", [row], 0)
            assert outcome.status == "stored"


def event(kind: str, known_at: int, number: int = 0) -> EventRow:
    return EventRow(LEAD, f"{kind} {known_at} {number}", kind, known_at, known_at)


def test_time_alone_is_decay(begun: int, scoring: Scoring, clock: Hand) -> None:
    clock.time = begun + 30 * DAY
    change = change_of(scoring)
    [only] = change["causes"]
    assert only["cause"] == "decay"
    assert only["sentence"] == "the same evidence is 30 days older"
    assert only["points"] == pytest.approx(change["points"], abs=1e-9)
    assert change["points"] != 0


def test_decay_is_the_old_evidence_under_a_later_clock(
    begun: int, scoring: Scoring, clock: Hand, store: Store, champion: Arm
) -> None:
    put(store, event("demo_request", begun + DAY), event("visit", begun + 2 * DAY))
    clock.time = begun + 30 * DAY
    change = causes(change_of(scoring))
    bound = champion.features.bind(plain())
    then, later = (
        champion.scorer.log_odds(champion.features.row(bound, moment)) for moment in (begun, clock.time)
    )
    assert change["decay"]["log_odds"] == pytest.approx(later - then, abs=1e-12)
    assert set(change) == {"decay", "new_event"}


def test_new_events_are_counted_in_words(begun: int, scoring: Scoring, clock: Hand, store: Store) -> None:
    put(
        store,
        *(event("pricing_view", begun + HOUR, at) for at in range(2)),
        event("demo_request", begun + HOUR),
    )
    clock.time = begun + DAY
    new = causes(change_of(scoring))["new_event"]
    assert new["sentence"] == "2 new visits to the pricing page, 1 new demo request"
    assert new["points"] > 0


def test_what_is_withheld_is_counted_and_not_named(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    put(
        store,
        event("credit_check", begun + HOUR),
        AttributeRow("lead", LEAD, "gender", "f", begun, begun + HOUR),
    )
    clock.time = begun + DAY
    change = causes(change_of(scoring))
    assert change["new_event"]["sentence"] == "1 new event"
    assert change["edited_field"]["sentence"] == "something that is not told"


def test_stages_and_fields_are_told_apart_from_events(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    put(
        store,
        event("visit", begun + HOUR),
        StageRow(LEAD, "recycled", begun + HOUR, begun + HOUR),
        AttributeRow("lead", LEAD, "industry", "biotech", begun + HOUR, begun + HOUR),
        AttributeRow("lead", LEAD, "employees", "900", begun + HOUR, begun + HOUR),
    )
    clock.time = begun + DAY
    change = change_of(scoring)
    assert [one["cause"] for one in change["causes"] if one["cause"] != "decay"] == [
        "new_event",
        "new_stage",
        "edited_field",
    ]
    said = causes(change)
    assert said["new_stage"]["sentence"] == "entered recycled"
    assert said["edited_field"]["sentence"] == "employees became known, industry was edited"
    assert said["edited_field"]["points"] > 0


def test_what_was_known_then_but_came_later_is_late(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    put(store, event("demo_request", begun - DAY))
    clock.time = begun + DAY
    change = causes(change_of(scoring))
    assert change["late_record"]["points"] > 0
    assert "new_event" not in change


def test_an_excused_field_that_comes_late_is_late_and_not_decay(
    begun: int, scoring: Scoring, clock: Hand, store: Store, champion: Arm
) -> None:
    put(store, AttributeRow("lead", LEAD, "region", "south", begun - DAY, begun + HOUR))
    clock.time = begun + DAY
    change = change_of(scoring)
    excused = replace(plain(), facts=[*plain().facts, Fact("region", "south", begun - DAY, begun - DAY)])
    bound = champion.features.bind(excused)
    then, later = (
        champion.scorer.log_odds(champion.features.row(bound, moment)) for moment in (begun, clock.time)
    )
    decay = causes(change).get("decay", {"log_odds": 0.0})
    assert decay["log_odds"] == pytest.approx(later - then, abs=1e-12)


def test_a_new_colleague_and_its_events_are_new_events(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    put(
        store,
        LeadRow("colleague", begun + HOUR, plain().account_id),
        EventRow("colleague", "e", "visit", begun + 2 * HOUR, begun + 2 * HOUR),
    )
    clock.time = begun + DAY
    said = causes(change_of(scoring))["new_event"]["sentence"]
    assert said == "1 new event of other contacts of the account, 1 new contact of the account"


def test_another_model_is_a_cause_of_its_own(
    begun: int, scoring: Scoring, clock: Hand, models: Models, champion: Arm, challenger: Arm
) -> None:
    models.live = LiveModels(challenger)
    clock.time = begun + DAY
    change = causes(change_of(scoring))
    assert change["new_model"]["sentence"] == "another model answers now"
    bound = champion.features.bind(plain())
    old = champion.scorer.log_odds(champion.features.row(bound, clock.time))
    new = challenger.scorer.log_odds(challenger.features.row(challenger.features.bind(plain()), clock.time))
    assert change["new_model"]["log_odds"] == pytest.approx(new - old, abs=1e-12)


def test_a_model_that_is_gone_leaves_one_part_to_the_models(
    begun: int, scoring: Scoring, clock: Hand, store: Store, models: Models, challenger: Arm
) -> None:
    models.live, models.known = LiveModels(challenger), {}
    put(store, event("demo_request", begun + HOUR))
    clock.time = begun + DAY
    change = causes(change_of(scoring))
    assert "not at hand" in change["new_model"]["sentence"]
    assert change["new_event"]["points"] > 0


def test_an_earlier_moment_has_no_change_and_does_not_move_the_latest(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    clock.time = begun + DAY
    earlier = scoring.of_lead("acme", LEAD, begun - DAY)
    assert earlier.answer["change"] is None
    keep(store, earlier)
    with store.reading() as connection:
        last = evidence.head(connection, "acme", LEAD).last
    assert last.as_of == begun
    assert scoring.of_lead("acme", LEAD).answer["change"]["since"] == last.prediction_id


def test_a_first_score_has_no_change(store: Store, scoring: Scoring) -> None:
    with store.writing() as connection:
        deliver(connection, [plain()])
    assert scoring.of_lead("acme", LEAD).answer["change"] is None


@pytest.mark.parametrize("seed", range(6))
def test_the_parts_add_up_whatever_came(seed: int, store: Store, scoring: Scoring, clock: Hand) -> None:
    """A lead delivered in two halves, with colleagues and late rows."""
    people = [company.people()[f"lead {number}"] for number in (3 * seed, 3 * seed + 1, 3 * seed + 2)]
    halves = [
        [
            replace(one, events=one.events[half::2], facts=one.facts[half::2], stages=one.stages[half::2])
            for one in people
        ]
        for half in (0, 1)
    ]
    with store.writing() as connection:
        deliver(connection, halves[0])
    clock.time = max(one.created_at for one in people) + (4 + 3 * seed) * DAY
    for one in people:
        keep(store, scoring.of_lead("acme", one.lead_id))
    with store.writing() as connection:
        deliver(connection, halves[1])
    clock.time += (1 + 20 * seed) * DAY
    for one in people:
        assert_adds_up(scoring.of_lead("acme", one.lead_id).answer["change"])


def test_a_stage_is_named_once_and_withheld_stages_not(
    begun: int, store: Store, clock: Hand, models: Models, champion: Arm
) -> None:
    models.live = LiveModels(without(champion, withhold={"rejected": "confidential"}))
    models.known = {champion.fingerprint: models.live.champion}
    put(store, StageRow(LEAD, "rejected", begun + HOUR, begun + HOUR))
    clock.time = begun + DAY
    change = causes(change_of(Scoring(clock, store, models)))
    assert change["new_stage"]["sentence"] == "another stage was entered"


def test_what_is_withheld_beside_what_is_told_is_said_to_be_there(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    moments = begun + HOUR, begun + HOUR
    put(
        store,
        AttributeRow("lead", LEAD, "gender", "x", *moments),
        AttributeRow("lead", LEAD, "industry", "toys", *moments),
    )
    clock.time = begun + DAY
    said = causes(change_of(scoring))["edited_field"]["sentence"]
    assert said == "industry was edited and something that is not told"


def test_an_excused_field_that_was_read_before_was_edited_and_did_not_become_known(
    store: Store, scoring: Scoring, clock: Hand
) -> None:
    """Its first value was recorded after the score that read it, because excused fields are read at once."""
    lead = plain()
    begun = lead.created_at + FIRST * DAY
    late = [fact if fact.field != "region" else fact._replace(known_at=begun + HOUR) for fact in lead.facts]
    with store.writing() as connection:
        deliver(connection, [replace(lead, facts=late)])
    clock.time = begun
    keep(store, scoring.of_lead("acme", LEAD))
    put(store, AttributeRow("lead", LEAD, "region", "west", begun + HOUR, begun + 2 * HOUR))
    clock.time = begun + DAY
    assert causes(change_of(scoring))["edited_field"]["sentence"] == "region was edited"


def test_of_colleagues_who_objected_nothing_is_said(
    begun: int, scoring: Scoring, clock: Hand, store: Store
) -> None:
    at = begun + HOUR
    put(store, LeadRow("silent", at, plain().account_id), EventRow("silent", "e", "visit", at, at))
    with store.writing() as connection:
        suppression.object_to_profiling(connection, "acme", "silent", None, at)
    clock.time = begun + DAY
    assert causes(change_of(scoring))["new_event"]["sentence"] == "something that is not told"
    put(store, LeadRow("heard", at, plain().account_id), EventRow("heard", "e", "visit", at, at))
    said = causes(change_of(scoring))["new_event"]["sentence"]
    assert said == "1 new event of other contacts of the account, 1 new contact of the account"


def test_the_earlier_model_sees_its_colleagues_though_the_present_one_needs_none(
    store: Store, scoring: Scoring, clock: Hand, models: Models, champion: Arm, challenger: Arm
) -> None:
    people = [company.people()[f"lead {number}"] for number in (3, 4, 5)]
    with store.writing() as connection:
        deliver(connection, people)
    clock.time = max(one.created_at for one in people) + 30 * DAY
    keep(store, scoring.of_lead("acme", LEAD))
    lean = OnlineFeatures(challenger.features.features, time_zone=champion.features.time_zone)
    lean.needs_account = False
    models.live = LiveModels(replace(challenger, features=lean))
    clock.time += 1
    cold = Scoring(clock, store, models)
    change = change_of(cold)
    assert set(causes(change)) <= {"decay", "new_model"}, "no row came late"
    known = champion.features.bind(company.people()[LEAD])
    then = champion.scorer.log_odds(champion.features.row(known, clock.time))
    now = cold.of_lead("acme", LEAD).answer["log_odds"]
    assert causes(change)["new_model"]["log_odds"] == pytest.approx(now - then, abs=1e-12)

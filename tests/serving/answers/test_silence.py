"""What a withheld row decides is counted and not told."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from features.clock import DAY, HOUR
from features.evidence import Colleague, Event, Evidence, StageEntry
from features.language import count, latest, recency, stage_entries, time_in_stage
from features.playbook import parse_playbook
from serving.answers.scoring import Scoring
from serving.answers.silence import doubtful, withheld_row, without_withheld
from serving.store.engine import Store
from tests.serving.answers import company
from tests.serving.answers.conftest import Hand, keep
from tests.serving.answers.deliver import deliver
from tests.serving.databases import each_backend as backend  # noqa: F401

LEAD = "lead 4"
HELD = {"credit_check": "told to us in confidence", "nurse": "protected"}


def lead(*events: Event) -> Evidence:
    """A lead of the company who did nothing but this."""
    return replace(company.people()[LEAD], events=events, colleagues=())


def told(scoring: Scoring, of: Evidence, as_of: int) -> dict[str, str | None]:
    """Sentences by feature."""
    answer = scoring.of_evidence("acme", of, as_of, reasons="features").answer
    return {one["feature"]: one["sentence"] for one in answer["reasons"]["by_feature"]}


@pytest.fixture
def as_of(clock: Hand) -> int:
    return clock.time


def test_the_last_activity_is_not_told_where_it_is_a_withheld_one(scoring: Scoring, as_of: int) -> None:
    visit = Event("v", "visit", as_of - 9 * DAY, as_of - 9 * DAY)
    check = Event("c", "credit_check", as_of - HOUR, as_of - HOUR)
    [any_activity] = recency()
    seen = told(scoring, lead(visit), as_of)
    assert seen[any_activity.name] == "last activity 9 days ago"
    silent = told(scoring, lead(visit, check), as_of)
    assert any_activity.name not in silent
    assert "recency(visit, all)" in silent
    answer = scoring.of_evidence("acme", lead(visit, check), as_of, reasons="features").answer
    assert "1 hour ago" not in orjson.dumps(answer["reasons"]).decode()
    for parts in (answer["reasons"]["by_feature"], answer["reasons"]["by_signal"]):
        total = answer["base"]["log_odds"] + sum(one["log_odds"] for one in parts)
        assert total == pytest.approx(answer["log_odds"], abs=1e-9)


def test_it_is_told_where_the_withheld_row_changes_nothing(scoring: Scoring, as_of: int) -> None:
    visit = Event("v", "visit", as_of - HOUR, as_of - HOUR)
    check = Event("c", "credit_check", as_of - 9 * DAY, as_of - 9 * DAY)
    [any_activity] = recency()
    assert told(scoring, lead(visit, check), as_of)[any_activity.name] == "last activity 1 hour ago"


def test_what_colleagues_did_that_is_withheld_is_not_told_either(scoring: Scoring, as_of: int) -> None:
    def beside(kind: str) -> Evidence:
        did = Event("c", kind, as_of - HOUR, as_of - HOUR)
        other = Colleague("other", as_of - DAY, (did,))
        return replace(lead(), colleagues=(other,))

    assert without_withheld(beside("visit"), HELD) is None
    [cleaned] = without_withheld(beside("credit_check"), HELD).colleagues
    assert cleaned.events == ()
    name = "account(count(any, 30d))"
    assert name not in told(scoring, beside("credit_check"), as_of)


def test_a_replay_tells_no_more_than_the_answer_did(scoring: Scoring, store: Store, as_of: int) -> None:
    check = Event("c", "credit_check", as_of - HOUR, as_of - HOUR)
    with store.writing() as connection:
        deliver(connection, [lead(check)])
    for ask in (scoring.of_lead, scoring.explanation):
        prepared = ask("acme", LEAD)
        keep(store, prepared)
        again = scoring.replay("acme", prepared.answer["prediction_id"], reasons="features")
        assert "1 hour ago" not in orjson.dumps(again).decode()
        assert again["by_feature"]
        total = prepared.answer["base"]["log_odds"] + sum(one["log_odds"] for one in again["by_feature"])
        assert total == pytest.approx(prepared.answer["log_odds"], abs=1e-9)


def test_a_replay_of_an_answer_by_feature_tells_what_it_told(
    scoring: Scoring, store: Store, as_of: int
) -> None:
    visit = Event("v", "visit", as_of - HOUR, as_of - HOUR)
    with store.writing() as connection:
        deliver(connection, [lead(visit)])
    prepared = scoring.of_lead("acme", LEAD, reasons="features")
    keep(store, prepared)
    again = scoring.replay("acme", prepared.answer["prediction_id"], reasons="features")
    assert again["by_feature"] == prepared.answer["reasons"]["by_feature"]
    assert "last activity 1 hour ago" in orjson.dumps(again["by_feature"]).decode()


def test_a_row_is_withheld_by_any_of_its_words() -> None:
    plain = Event("e", "visit", 0, 0)
    words = ("type", "topic", "channel", "campaign", "source")
    assert not withheld_row(plain, HELD)
    assert all(withheld_row(plain._replace(**{word: "nurse"}), HELD) for word in words)


def test_stages_are_withheld_as_events_are() -> None:
    entries = StageEntry("mql", 0, 0), StageEntry("nurse", 1, 1)
    cleaned = without_withheld(Evidence("a", 0, stages=entries), HELD)
    assert cleaned.stages == entries[:1]
    assert without_withheld(Evidence("a", 0, stages=entries[:1]), HELD) is None


def test_what_a_withheld_row_could_decide_depends_on_what_is_withheld() -> None:
    features = [
        *count(days=7),
        *count("visit", days=7),
        *time_in_stage(),
        *stage_entries(),
        *latest("gender"),
    ]
    text = company.PLAYBOOK

    def held(words: str) -> list[int]:
        withhold = "withhold: {gender: protected, credit_check: told to us in confidence}"
        return sorted(doubtful(features, parse_playbook(text.replace(withhold, f"withhold: {words}"))))

    assert held("{gender: x}") == []
    assert held("{credit_check: x}") == [0]
    assert held("{recycled: x}") == [2, 3]

"""Evidence is kept within bounds, and never under a revision that is not its own."""

from __future__ import annotations

from dataclasses import replace

from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from serving.answers.known import Known, KnownLeads
from serving.answers.scoring import Scoring
from serving.arms import Arm
from serving.store import evidence
from serving.store.engine import Store
from serving.store.rows import EventRow
from tests.serving.answers import company
from tests.serving.answers.deliver import deliver


def known(rows: int = 0, revision: int = 1, *, with_account: bool = True) -> Known:
    events = [Event(str(at), "visit", at, at) for at in range(rows)]
    return Known(revision, Evidence("ann", 0, events=events), with_account)


def test_leads_and_rows_are_bounded_and_the_least_wanted_go_first() -> None:
    kept = KnownLeads(most_leads=3, most_rows=100)
    for lead in "abc":
        kept.put("t", lead, known(9))
    assert kept.get("t", "a", 1, with_account=False)
    kept.put("t", "d", known(9))
    there = [lead for lead in "abcd" if kept.get("t", lead, 1, with_account=False)]
    assert there == ["a", "c", "d"]
    kept.put("t", "e", known(85))  # 86 rows, and 10 of each other
    assert [lead for lead in "acde" if kept.get("t", lead, 1, with_account=False)] == ["d", "e"]
    kept.put("t", "f", known(500))
    assert not [lead for lead in "adef" if kept.get("t", lead, 1, with_account=False)]


def test_rows_are_counted_right_when_a_lead_is_replaced_or_dropped() -> None:
    kept = KnownLeads(most_leads=10, most_rows=50)
    for _ in range(20):
        kept.put("t", "a", known(30))
    kept.drop("t", "a")
    kept.drop("t", "a")
    kept.put("t", "b", known(40))
    assert kept.get("t", "b", 1, with_account=True)


def test_another_revision_tenant_or_a_missing_account_is_not_served() -> None:
    kept = KnownLeads()
    kept.put("t", "a", known(revision=3, with_account=False))
    assert kept.get("t", "a", 3, with_account=False)
    assert not kept.get("t", "a", 4, with_account=False)
    assert not kept.get("t", "a", 3, with_account=True)
    assert not kept.get("other", "a", 3, with_account=False)


def test_complete_since_is_after_the_last_that_became_known() -> None:
    lead = Evidence(
        "ann",
        5,
        events=[Event("e", "visit", 1, 10)],
        stages=[StageEntry("new", 1, 20)],
        facts=[Fact("f", "x", 1, 30)],
        account_facts=[Fact("f", "x", 1, 40)],
        colleagues=[Colleague("bob", 50, (Event("e", "visit", 1, 60),))],
    )
    assert Known(1, lead, with_account=True).complete_since == 61
    assert Known(1, Evidence("ann", 5), with_account=True).complete_since == 6
    assert Known(1, lead, with_account=True).rows == 7


def test_a_change_of_the_store_is_seen_at_once(store: Store, scoring: Scoring, champion: Arm) -> None:
    lead = company.people()["lead 4"]
    with store.writing() as connection:
        deliver(connection, [lead])
    before = scoring.of_lead("acme", "lead 4").answer["log_odds"]
    assert scoring.of_lead("acme", "lead 4").answer["log_odds"] == before
    moment = company.LATER - 1
    with store.writing() as connection:
        evidence.put_events(
            connection, "acme", [EventRow("lead 4", "new", "demo_request", moment, moment)], 0
        )
    assert scoring.of_lead("acme", "lead 4").answer["log_odds"] > before


def test_an_event_of_a_colleague_is_seen_at_once(store: Store, scoring: Scoring, champion: Arm) -> None:
    lead, colleague = company.people()["lead 4"], company.people()["lead 5"]
    with store.writing() as connection:
        deliver(connection, [lead, colleague])
    names = [feature.name for feature in champion.scorer.features]
    at = names.index("account(count(any, 30d))")
    before = scoring.of_lead("acme", "lead 4").records[0].values
    moment = company.LATER - 1
    with store.writing() as connection:
        evidence.put_events(connection, "acme", [EventRow("lead 5", "new", "visit", moment, moment)], 0)
    after = scoring.of_lead("acme", "lead 4").records[0].values
    assert before[4 * at : 4 * at + 4] != after[4 * at : 4 * at + 4]


def test_evidence_is_bound_once_for_each_of_the_three_models_asked_last(
    champion: Arm, challenger: Arm
) -> None:
    held = Known(1, company.people()["lead 4"], with_account=True)
    first, second = held.bound(champion), held.bound(challenger)
    assert held.bound(champion) is first
    assert held.bound(challenger) is second
    for name in ("third", "fourth"):
        held.bound(replace(champion, fingerprint=name))
    assert held.bound(challenger) is second
    assert held.bound(champion) is not first

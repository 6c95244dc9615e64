"""When rows arrived: what an answer about the past sees that was not here then."""

from __future__ import annotations

import pytest

from serving.store import arrivals, evidence, predictions
from serving.store.arrivals import Late, Seen
from serving.store.rows import AttributeRow, EventRow, LeadRow, StageRow
from tests.serving.store.making import TENANT, prediction

LEAD, THEN, ARRIVED = "L1", 500, 1_000
NOTHING, EVIDENCE = Late(lead=False, evidence=False), Late(lead=False, evidence=True)

PUT = {
    LeadRow: evidence.put_leads,
    EventRow: evidence.put_events,
    StageRow: evidence.put_stages,
    AttributeRow: evidence.put_attributes,
}


def put(store, row, now=ARRIVED):
    with store.writing() as connection:
        [outcome] = PUT[type(row)](connection, TENANT, [row], now)
    return outcome.status


def late(store, as_of=THEN, *, excused=(), with_colleagues=True):
    with store.reading() as connection:
        return arrivals.late(connection, TENANT, Seen(LEAD, "acme", as_of, excused, with_colleagues))


@pytest.fixture
def known(store):
    """A lead and a colleague that were here in time."""
    put(store, LeadRow(LEAD, 100, "acme"), 100)
    put(store, LeadRow("L2", 100, "acme"), 100)
    return store


@pytest.mark.parametrize(
    "row",
    [
        EventRow(LEAD, "e", "visit", 200, 200),
        EventRow("L2", "e", "visit", 200, 200),
        StageRow(LEAD, "mql", 200, 200),
        AttributeRow("lead", LEAD, "city", "x", 200, 200),
        AttributeRow("account", "acme", "city", "x", 200, 200),
        LeadRow("L3", 200, "acme"),
    ],
    ids=lambda row: type(row).__name__,
)
def test_what_counts_then_and_came_later_is_late(known, row):
    assert late(known) == NOTHING
    assert put(known, row) == "stored"
    assert late(known) == EVIDENCE
    assert late(known, ARRIVED + 1) == NOTHING


@pytest.mark.parametrize(
    ("row", "now"),
    [
        (EventRow(LEAD, "e", "visit", 200, 200), 200),  # in time
        (EventRow(LEAD, "e", "visit", 200, 600), ARRIVED),  # not seen as of then
        (EventRow("L9", "e", "visit", 200, 200), ARRIVED),  # of nobody's account
        (StageRow("L2", "mql", 200, 200), ARRIVED),  # of a colleague only events are seen
        (AttributeRow("lead", "L2", "city", "x", 200, 200), ARRIVED),
        (LeadRow("L3", 600, "acme"), ARRIVED),
    ],
    ids=repr,
)
def test_what_was_here_or_is_not_seen_is_not_late(known, row, now):
    put(known, row, now)
    assert late(known) == NOTHING


def test_colleagues_are_asked_about_where_they_are_seen(known):
    put(known, EventRow("L2", "e", "visit", 200, 200))
    assert late(known, with_colleagues=False) == NOTHING


def test_an_excused_field_is_seen_from_when_it_was_so(known):
    put(known, AttributeRow("lead", LEAD, "city", "x", 200, 900))
    assert late(known) == NOTHING
    assert late(known, excused=["city"]) == EVIDENCE


def test_a_lead_that_was_changed_later_is_late_itself(known):
    put(known, LeadRow(LEAD, 100, "acme"))  # said again
    assert late(known) == NOTHING
    assert put(known, LeadRow(LEAD, 100, "acme", "loans", updated_at=800)) == "stored"
    assert late(known) == Late(lead=True, evidence=False)


def test_a_lead_of_whom_something_earlier_becomes_known_is_late_itself(store):
    put(store, EventRow(LEAD, "e", "visit", 200, 200), 200)
    assert late(store) == NOTHING
    put(store, EventRow(LEAD, "f", "visit", 150, 150))
    assert late(store) == Late(lead=True, evidence=True)


def test_repeats_leave_the_first_arrival(known):
    rows = [
        EventRow(LEAD, "e", "visit", 200),
        StageRow(LEAD, "mql", 200),
        AttributeRow("lead", LEAD, "city", "x", 200),
        AttributeRow("account", "acme", "city", "x", 200),
    ]
    for now in (300, ARRIVED):
        for row in rows:
            put(known, row, now)
    with known.reading() as connection:
        held = arrivals.held(connection, TENANT, LEAD, "acme")
        assert arrivals.held(connection, TENANT, "nobody", None) is None
    kinds = (held.events, held.stages, held.facts, held.account_facts)
    assert [[row["recorded_at"] for row in kind] for kind in kinds] == [[300]] * 4
    assert held.recorded_at == 100
    assert (held.events[0]["event_id"], held.stages[0]["stage"], held.facts[0]["value"]) == ("e", "mql", "x")


@pytest.mark.parametrize(
    "row",
    [
        EventRow(LEAD, "e", "visit", 200),
        StageRow(LEAD, "mql", 200),
        AttributeRow("lead", LEAD, "city", "x", 200),
        AttributeRow("account", "acme", "city", "x", 200),
    ],
    ids=lambda row: type(row).__name__,
)
def test_what_arrives_after_a_score_was_not_known_before_it_whatever_the_clock_says(known, row):
    """A score as of 700 did not see it, though our clock stands at 650."""
    with known.writing() as connection:
        predictions.record(connection, [prediction(700, LEAD)], alert_points=None)
    put(known, row, 650)
    put(known, EventRow("L2", "other", "visit", 200), 650)
    with known.reading() as connection:
        held = arrivals.held(connection, TENANT, LEAD, "acme")
        other = arrivals.held(connection, TENANT, "L2", "acme")
    [found] = [*held.events, *held.stages, *held.facts, *held.account_facts]
    assert found["known_at"] == 700  # and a score as of 700 sees what was known strictly before
    assert other.events[0]["known_at"] == 650

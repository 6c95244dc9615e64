"""Evidence is a history of one lead: nothing is lost on the way, and nothing that was not known yet is told."""

from __future__ import annotations

from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from features.history import History
from features.tables import SCHEMAS

LEAD = Evidence(
    "ann",
    created_at=5,
    account_id="acme",
    service_line="genomics",
    events=(
        Event("e1", "visit", 10, 11, 2.5, "pricing", "web", "spring", "site"),
        Event("e2", "call", 20, 40),
    ),
    stages=(StageEntry("new", 5, 5), StageEntry("rejected", 30, 60, "no budget", "sam")),
    facts=(Fact("industry", "biotech", 5, 5), Fact("industry", None, 30, 31)),
    account_facts=(Fact("size", "12", 5, 50),),
    colleagues=(Colleague("bob", 7, (Event("e1", "visit", 10, 10), Event("e9", "visit", 10, 90))),),
)


def test_every_row_is_in_the_tables_once():
    tables = LEAD.to_tables()
    assert {name: table.schema for name, table in tables.items()} == SCHEMAS
    assert {name: len(table) for name, table in tables.items()} == {
        "leads": 2,
        "events": 4,
        "attributes": 3,
        "stages": 2,
    }
    leads = tables["leads"].to_pylist()
    assert [(lead["lead_id"], lead["account_id"]) for lead in leads] == [("ann", "acme"), ("bob", "acme")]
    told = tables["events"].to_pylist()[0]
    assert [told[name] for name in ("lead_id", "event_id", "type", "value", "topic")] == [
        "ann", "e1", "visit", 2.5, "pricing",
    ]  # fmt: skip
    assert [told[name] for name in ("channel", "campaign", "source")] == ["web", "spring", "site"]
    assert tables["stages"].to_pylist()[1]["reason"] == "no budget"
    owners = [(row["entity"], row["entity_id"]) for row in tables["attributes"].to_pylist()]
    assert owners == [("lead", "ann"), ("lead", "ann"), ("account", "acme")]


def test_a_history_can_be_made_of_a_lead_about_whom_nothing_is_known():
    history = History.from_tables(Evidence("ann", created_at=5).to_tables())
    assert history.lead_ids.tolist() == ["ann"]
    assert history.created_at.tolist() == [5]
    assert len(history.events) == len(history.stages) == len(history.lead_attributes) == 0


def test_what_was_recorded_at_a_moment_or_later_was_not_known_before_it():
    then = LEAD.known_before(40)
    assert [event.event_id for event in then.events] == ["e1"]
    assert [entry.stage for entry in then.stages] == ["new"]
    assert [fact.value for fact in then.facts] == ["biotech", None]
    assert then.account_facts == ()
    assert [[event.event_id for event in one.events] for one in then.colleagues] == [["e1"]]
    assert LEAD.known_before(91) == LEAD


def test_a_thing_more_leaves_the_evidence_as_it_was():
    more = LEAD.with_event(Event("e3", "demo", 50, 50))
    assert [event.event_id for event in more.events] == ["e1", "e2", "e3"]
    assert len(LEAD.events) == 2
    assert more.facts == LEAD.facts

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from features.evidence import Colleague, Event, Fact, StageEntry
from serving.store import evidence, leads
from serving.store.engine import Store
from serving.store.rows import AttributeRow, EventRow, LeadRow, StageRow
from serving.store.tables import ATTRIBUTES, EVENTS, LEADS, STAGES
from tests.serving.store.making import TENANT

NOW = 1_000
TABLES = (LEADS, EVENTS, STAGES, ATTRIBUTES)
Row = LeadRow | EventRow | AttributeRow | StageRow


def put(connection: Any, rows: Sequence[Row], now: int = NOW, tenant: str = TENANT) -> list[str]:
    """Deliver rows of one kind; status or code of each."""
    by_kind = {
        LeadRow: evidence.put_leads,
        EventRow: evidence.put_events,
        AttributeRow: evidence.put_attributes,
        StageRow: evidence.put_stages,
    }
    outcomes = by_kind[type(rows[0])](connection, tenant, rows, now)  # type: ignore[operator]
    return [outcome.code or outcome.status for outcome in outcomes]


def state(connection: Any) -> dict[str, list[str]]:
    """Everything but the revisions."""
    return {
        table.name: sorted(
            map(repr, connection.execute(select(*(c for c in table.c if c.name != "revision"))))
        )
        for table in TABLES
    }


def revision(connection: Any, lead_id: str) -> int:
    head = evidence.head(connection, TENANT, lead_id)
    assert head is not None
    return head.revision


LEAD_IDS = st.sampled_from(["L1", "L2"])
MOMENTS = st.integers(0, 3)
TEXTS = st.sampled_from([None, "a", "b"])
ROWS = st.one_of(
    st.builds(LeadRow, LEAD_IDS, MOMENTS, TEXTS, TEXTS, st.sampled_from([None, 1, 2])),
    st.builds(
        EventRow,
        LEAD_IDS,
        st.sampled_from(["e1", "e2"]),
        st.sampled_from(["visit", "call"]),
        MOMENTS,
        st.sampled_from([None, 3, 4]),
        st.sampled_from([None, 0.0, -0.0, 1.5]),
        TEXTS,
    ),
    st.builds(
        AttributeRow,
        st.sampled_from(["lead", "account"]),
        st.sampled_from(["L1", "L2", "a"]),
        st.just("industry"),
        TEXTS,
        MOMENTS,
        st.sampled_from([None, 3, 4]),
    ),
    st.builds(
        StageRow, LEAD_IDS, st.sampled_from(["mql", "sql"]), MOMENTS, st.sampled_from([None, 3, 4]), TEXTS
    ),
)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('laws')}/service.db")
    yield store
    store.close()


class UndoneError(Exception):
    """Ends a transaction without a trace."""


def state_after(store: Store, rows: Sequence[Row], at_once: int) -> dict[str, list[str]]:
    """What is stored after these deliveries; nothing of it stays."""
    found: dict[str, list[str]] = {}
    with suppress(UndoneError), store.writing() as connection:
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once]
            for kind in dict.fromkeys(map(type, part)):
                put(connection, [row for row in part if type(row) is kind])
        found = state(connection)
        raise UndoneError
    return found


@pytest.mark.slow
@settings(max_examples=1_000)
@given(deliveries=st.lists(ROWS, min_size=1, max_size=8), at_once=st.sampled_from([1, 3]), data=st.data())
def test_any_order_and_any_repeats_give_the_same_state(shared_store, deliveries, at_once, data):
    repeats = data.draw(st.lists(st.sampled_from(deliveries), max_size=4))
    again = data.draw(st.permutations([*deliveries, *repeats]))
    assert state_after(shared_store, again, at_once) == state_after(shared_store, deliveries, 1)


def test_a_repeat_is_unchanged_and_moves_no_revision(store):
    deliveries: list[list[Row]] = [
        [LeadRow("L1", 5, "acme", "loans")],
        [EventRow("L1", "e1", "visit", 10)],
        [
            AttributeRow("lead", "L1", "industry", "retail", 10),
            AttributeRow("account", "acme", "size", "9", 10),
        ],
        [StageRow("L1", "mql", 10)],
    ]
    with store.writing() as connection:
        for rows in deliveries:
            assert set(put(connection, rows)) == {"stored"}
        before, at = state(connection), revision(connection, "L1")
        for rows in deliveries:
            assert set(put(connection, rows, now=NOW + 50)) == {"unchanged"}
        assert state(connection) == before
        assert revision(connection, "L1") == at


def test_the_service_fills_the_moment_of_arrival_once(store):
    row = EventRow("L1", "e1", "visit", 10)
    with store.writing() as connection:
        put(connection, [row], now=100)
        put(connection, [row], now=200)
        put(connection, [EventRow("L1", "e2", "visit", 500)], now=400)  # a clock that runs ahead of ours
        read = evidence.read_evidence(connection, TENANT, "L1", with_account=False)
    assert read is not None
    assert [(event.event_id, event.known_at) for event in read.events] == [("e1", 100), ("e2", 500)]


def test_the_first_known_of_two_events_with_one_id_stays(store):
    first, second = EventRow("L1", "e1", "visit", 10, 100), EventRow("L1", "e1", "call", 11, 90)
    with store.writing() as connection:
        assert put(connection, [first]) == ["stored"]
        assert put(connection, [second]) == ["stored"]
        assert put(connection, [first]) == ["known_differently"]
        assert put(connection, [EventRow("L2", "e1", "visit", 10, 100)]) == [
            "stored"
        ]  # an id counts per lead
        read = evidence.read_evidence(connection, TENANT, "L1", with_account=False)
    assert read is not None
    assert [event.type for event in read.events] == ["call"]


def test_outcomes_are_in_the_order_of_the_rows(store):
    rows = [
        EventRow("L1", "e1", "visit", 10, 20),
        EventRow("L1", "e1", "visit", 10, 20),
        EventRow("L1", "e1", "call", 10, 30),
        EventRow("L2", "e1", "visit", 10, 20),
    ]
    with store.writing() as connection:
        assert put(connection, rows) == ["stored", "unchanged", "known_differently", "stored"]


def test_evidence_that_comes_before_its_lead_makes_it(store):
    with store.writing() as connection:
        put(connection, [EventRow("L1", "e1", "visit", 30)])
        put(connection, [StageRow("L1", "mql", 20)])
        put(connection, [AttributeRow("lead", "L1", "industry", "retail", 25)])
        head = evidence.head(connection, TENANT, "L1")
        assert head is not None
        assert (head.created_at, head.account_id) == (20, None)
        put(connection, [LeadRow("L1", 28, "acme")])
        head = evidence.head(connection, TENANT, "L1")
        assert head is not None
        assert (head.created_at, head.account_id) == (28, "acme")
        put(connection, [EventRow("L1", "e0", "visit", 1)])
        later = evidence.head(connection, TENANT, "L1")
        assert later is not None
        assert later.created_at == 28


def test_the_newest_delivery_of_a_lead_counts_in_any_order(store):
    old, new = LeadRow("L1", 5, "acme", "loans", 100), LeadRow("L1", 5, "beta", None, 200)
    with store.writing() as connection:
        assert put(connection, [new]) == ["stored"]
        assert put(connection, [old]) == ["unchanged"]
        assert put(connection, [LeadRow("L1", 5, "acme")]) == [
            "unchanged"
        ]  # without a moment: older than any
        head = evidence.head(connection, TENANT, "L1")
    assert head is not None
    assert (head.account_id, head.service_line) == ("beta", None)


def test_two_contents_of_one_moment_are_told_apart(store):
    with store.writing() as connection:
        assert put(connection, [LeadRow("L1", 5, "beta")]) == ["stored"]
        assert put(connection, [LeadRow("L1", 5, "acme")]) == ["known_differently"]


def test_what_an_account_sees_moves_the_revision_of_all_its_leads(store):
    def moved(rows: Sequence[Row]) -> set[str]:
        before = {one: revision(connection, one) for one in ("L1", "L2", "L3")}
        put(connection, rows)
        after = {one: revision(connection, one) for one in before}
        assert all(after[one] >= before[one] for one in before)
        return {one for one in before if after[one] != before[one]}

    with store.writing() as connection:
        put(connection, [LeadRow("L1", 5, "acme"), LeadRow("L2", 5, "acme"), LeadRow("L3", 5)])
        assert moved([AttributeRow("account", "acme", "size", "9", 10)]) == {"L1", "L2"}
        assert moved([AttributeRow("account", "other", "size", "9", 10)]) == set()
        assert moved([AttributeRow("lead", "L1", "industry", "retail", 10)]) == {"L1"}
        assert moved([EventRow("L1", "e1", "visit", 10)]) == {"L1", "L2"}
        assert moved([StageRow("L1", "mql", 10)]) == {"L1"}
        assert moved([EventRow("L3", "e1", "visit", 10)]) == {"L3"}
        assert moved([LeadRow("L1", 5, "beta", updated_at=7)]) == {"L1", "L2"}
        assert moved([LeadRow("L3", 5, "beta", updated_at=7)]) == {"L1", "L3"}
        assert moved([EventRow("L2", "e9", "visit", 10)]) == {"L2"}


def test_evidence_comes_out_in_order_whatever_it_came_in(store):
    with store.writing() as connection:
        put(
            connection,
            [LeadRow("L1", 5, "acme", "loans"), LeadRow("L2", 6, "acme"), LeadRow("L3", 7, "acme")],
        )
        put(connection, [EventRow("L1", "e3", "visit", 10, 30), EventRow("L1", "e2", "visit", 10, 20)])
        put(
            connection,
            [EventRow("L1", "e1", "call", 10, 20, 1.5, "t", "c", "k", "s"), EventRow("L3", "x", "y", 1, 2)],
        )
        put(connection, [StageRow("L1", "sql", 12, 13, "fits", "ann"), StageRow("L1", "mql", 11, 12)])
        put(
            connection,
            [
                AttributeRow("lead", "L1", "industry", "retail", 10, 11),
                AttributeRow("lead", "L1", "industry", None, 10, 11),
                AttributeRow("lead", "L1", "industry", "farms", 10, 11),
                AttributeRow("account", "acme", "size", "9", 10, 11),
                AttributeRow("account", "L1", "size", "of another kind of entity", 10, 11),
            ],
        )
    with store.reading() as connection:
        read = evidence.read_evidence(connection, TENANT, "L1", with_account=True)
        alone = evidence.read_evidence(connection, TENANT, "L1", with_account=False)
        assert evidence.read_evidence(connection, TENANT, "L9", with_account=True) is None
        assert evidence.count_leads(connection, TENANT) == 3
    assert read is not None
    assert alone is not None
    assert (read.lead_id, read.created_at, read.account_id, read.service_line) == ("L1", 5, "acme", "loans")
    assert read.events == (
        Event("e1", "call", 10, 20, 1.5, "t", "c", "k", "s"),
        Event("e2", "visit", 10, 20),
        Event("e3", "visit", 10, 30),
    )
    assert read.stages == (StageEntry("mql", 11, 12), StageEntry("sql", 12, 13, "fits", "ann"))
    values = [None, "farms", "retail"]
    assert read.facts == tuple(Fact("industry", value, 10, 11) for value in values)
    assert read.account_facts == (Fact("size", "9", 10, 11),)
    assert read.colleagues == (Colleague("L2", 6), Colleague("L3", 7, (Event("x", "y", 1, 2),)))
    assert (alone.events, alone.account_facts, alone.colleagues) == (read.events, read.account_facts, ())
    assert read.to_tables()["events"].num_rows == 4


def test_an_emptied_field_is_not_the_empty_text(store):
    with store.writing() as connection:
        assert put(connection, [AttributeRow("lead", "L1", "industry", None, 10)]) == ["stored"]
        assert put(connection, [AttributeRow("lead", "L1", "industry", "", 10)]) == ["stored"]
        read = evidence.read_evidence(connection, TENANT, "L1", with_account=False)
    assert read is not None
    assert [fact.value for fact in read.facts] == [None, ""]


def test_the_two_zeros_are_one(store):
    with store.writing() as connection:
        assert put(connection, [EventRow("L1", "e1", "visit", 10, value=-0.0)]) == ["stored"]
        assert put(connection, [EventRow("L1", "e1", "visit", 10, value=0.0)]) == ["unchanged"]
        read = evidence.read_evidence(connection, TENANT, "L1", with_account=False)
    assert read is not None
    assert repr(read.events[0].value) == "0.0"


def test_tenants_do_not_see_each_other(store):
    with store.writing() as connection:
        put(connection, [LeadRow("L1", 5, "acme"), LeadRow("L2", 5, "acme")], tenant="one")
        put(connection, [LeadRow("L1", 9, "acme")], tenant="two")
        put(connection, [EventRow("L2", "e1", "visit", 10)], tenant="one")
        read = evidence.read_evidence(connection, "two", "L1", with_account=True)
        assert read is not None
        assert (read.created_at, read.colleagues) == (9, ())
        assert evidence.head(connection, "two", "L2") is None
        assert evidence.count_leads(connection, "two") == 1


def test_long_and_strange_texts_are_kept(store):
    lead, event, field = "Zoë " + "\U0001f600" * 251, "\u202e" + "e" * 254, "f" * 255
    text = "\U0001f4a5" * 4_000
    with store.writing() as connection:
        assert put(connection, [EventRow(lead, event, "visit", 10, topic=text)]) == ["stored"]
        assert put(connection, [AttributeRow("lead", lead, field, text, 10)]) == ["stored"]
        assert put(connection, [StageRow(lead, "s" * 255, 10, reason=text)]) == ["stored"]
        read = evidence.read_evidence(connection, TENANT, lead, with_account=False)
    assert read is not None
    assert (read.events[0].event_id, read.facts[0].value, read.stages[0].reason) == (event, text, text)


def test_thousands_of_rows_at_once(store):
    rows = [EventRow(f"L{number % 700}", f"e{number}", "visit", number) for number in range(2_500)]
    with store.writing() as connection:
        assert put(connection, rows, now=9_999).count("stored") == 2_500
        assert put(connection, rows, now=9_999).count("unchanged") == 2_500
        assert evidence.count_leads(connection, TENANT) == 700
        head = evidence.head(connection, TENANT, "L699")
    assert head is not None
    assert head.created_at == 699


def test_nothing_delivered_is_nothing_done(store):
    with store.writing() as connection:
        for call in (evidence.put_leads, evidence.put_events, evidence.put_attributes, evidence.put_stages):
            assert call(connection, TENANT, [], NOW) == []
        assert leads.load(connection, TENANT, []) == {}


def test_the_rows_of_a_lead_go_with_it(store):
    with store.writing() as connection:
        put(connection, [EventRow("L1", "e1", "visit", 10)])
        connection.execute(delete(LEADS))
        assert connection.execute(select(EVENTS)).all() == []

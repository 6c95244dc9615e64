"""A history in memory: order, identity and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.errors import TableError
from features.history import LARGEST_SUM, Coded, History, Stream
from tests import builders
from tests.builders import at

LEADS = """
    lead account line  created
    cy   -       loans 2026-03-03
    ann  acme    -     2026-03-02
    bo   acme    cards 2026-03-01
    di   bolt    loans 2026-03-04
"""


def words(stream: Stream, column: str) -> list[str]:
    coded = stream.columns[column]
    return [coded.words[code] for code in coded.codes]


def test_leads_are_sorted_and_their_accounts_named():
    history = builders.history(leads=LEADS)
    assert history.lead_ids.tolist() == ["ann", "bo", "cy", "di"]
    assert history.account_ids == ("acme", "bolt")
    assert history.account.tolist() == [0, 0, -1, 1]
    assert history.created_at.tolist() == [at(f"2026-03-0{day}") for day in (2, 1, 3, 4)]
    assert [history.service_line.words[code] for code in history.service_line.codes] == [
        "",
        "cards",
        "loans",
        "loans",
    ]
    assert len(history) == 4


def test_rows_are_grouped_by_lead_in_order_of_time():
    history = builders.history(
        leads=LEADS,
        events="""
            lead type  at         known
            cy   e     2026-03-05 -
            ann  d     2026-03-06 -
            ann  b     2026-03-05 2026-03-07
            ann  a     2026-03-05 2026-03-06
            ann  c     2026-03-05 2026-03-07
        """,
    )
    assert words(history.events, "type") == list("abcde")  # at one moment: known first, then as they came
    assert history.events.starts.tolist() == [0, 4, 4, 5, 5]
    assert history.events.owner.tolist() == [0, 0, 0, 0, 2]


def test_rows_in_order_keep_the_order_of_ties():
    rows = "lead type at \n ann b 2026-03-05 \n ann a 2026-03-05 \n bo c 2026-03-01"
    assert words(builders.history(leads=LEADS, events=rows).events, "type") == ["b", "a", "c"]


def test_columns_know_what_is_missing():
    history = builders.history(
        leads=LEADS, events="lead type at topic value \n ann x 2026-03-05 price 2.5 \n ann y 2026-03-06 - -"
    )
    assert words(history.events, "topic") == ["price", ""]
    assert history.events.columns["topic"].codes.tolist()[1] == 0
    np.testing.assert_array_equal(history.events.value, [2.5, np.nan])


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        pytest.param((), [True, True, True], id="no wish accepts all, missing ones included"),
        pytest.param(("b",), [False, False, True], id="one word"),
        pytest.param(("never seen",), [False, False, False], id="a word that is not there"),
        pytest.param(("",), [False, False, False], id="missing cannot be wished for"),
    ],
)
def test_what_a_selection_of_words_accepts(wanted, accepted):
    column = Coded(np.zeros(0, dtype=np.int32), ("", "a", "b"))
    assert column.accepts(wanted).tolist() == accepted


def test_facts_go_to_their_lead_or_account_and_those_of_strangers_are_left_out():
    history = builders.history(
        leads=LEADS,
        attributes="""
            entity  id    field value at
            account bolt  size  90    2026-03-05
            lead    cy    role  chief 2026-03-04
            account acme  size  10    2026-03-01
            account idle  size  50    2026-03-01
            lead    zoe   role  none  2026-03-01
        """,
    )
    assert words(history.account_attributes, "value") == ["10", "90"]
    assert history.account_attributes.starts.tolist() == [0, 1, 2]
    assert words(history.lead_attributes, "value") == ["chief"]
    assert history.lead_attributes.owner.tolist() == [-1]


def test_one_id_may_be_a_lead_and_an_account():
    history = builders.history(
        leads="lead account created \n x x 2026-03-01",
        attributes="entity id field value at \n lead x f 1 2026-03-01 \n account x f 2 2026-03-01",
    )
    assert words(history.lead_attributes, "value") == ["1"]
    assert words(history.account_attributes, "value") == ["2"]


def test_an_event_told_twice_happened_once():
    history = builders.history(
        leads=LEADS,
        events="""
            lead event_id type at
            ann  e1       a    2026-03-05
            ann  e2       b    2026-03-06
            ann  e1       a    2026-03-05
            bo   e1       c    2026-03-05
        """,
    )
    assert words(history.events, "type") == ["a", "b", "c"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_tellings_of_one_event_the_one_known_first_counts(order):
    tellings = builders.rows("""
        lead event_id type      at         known
        ann  e1       first     2026-03-05 2026-03-06
        ann  e1       corrected 2026-03-04 2026-03-09
    """)
    assert words(builders.history(leads=LEADS, events=tellings[::order]).events, "type") == ["first"]


def test_events_without_ids_are_taken_to_be_clean():
    tables = builders.tables(leads=LEADS, events="lead type at \n ann a 2026-03-05 \n ann a 2026-03-05")
    tables["events"] = tables["events"].drop_columns(["event_id"])
    assert len(History.from_tables(tables).events) == 2


def test_single_events_without_an_id_are_taken_to_be_clean_too():
    tables = builders.tables(leads=LEADS, events="lead type at" + "\n ann a 2026-03-05" * 4)
    ids = pa.array(["e1", None, "e1", None])
    tables["events"] = tables["events"].drop_columns(["event_id"]).append_column("event_id", ids)
    assert len(History.from_tables(tables).events) == 3


def test_the_events_of_an_account_are_those_of_all_its_leads():
    history = builders.history(
        leads=LEADS,
        events="lead type at \n bo b 2026-03-04 \n ann a 2026-03-03 \n cy none 2026-03-01 \n ann c 2026-03-05",
    )
    together = history.account_events
    assert words(together, "type") == ["a", "b", "c"]
    assert together.owner.tolist() == [0, 1, 0]
    assert together.starts.tolist() == [0, 3, 3]


def test_members_of_accounts_in_order_of_creation():
    starts, created = builders.history(leads=LEADS).account_members
    assert starts.tolist() == [0, 2, 3]
    assert created.tolist() == [at("2026-03-01"), at("2026-03-02"), at("2026-03-04")]


def test_only_the_excused_fields_are_read_as_known_when_they_happened():
    history = builders.history(
        leads=LEADS,
        attributes="""
            entity  id   field value at         known
            lead    ann  role  chief 2026-03-02 2026-09-01
            lead    ann  rank  first 2026-03-02 2026-09-01
            account acme role  buyer 2026-03-02 2026-09-01
        """,
    )
    excused = history.excusing({"role"})
    known = dict(zip(words(excused.lead_attributes, "field"), excused.lead_attributes.known_at, strict=True))
    assert known == {"role": at("2026-03-02"), "rank": at("2026-09-01")}
    assert excused.account_attributes.known_at.tolist() == [at("2026-03-02")]
    assert history.lead_attributes.known_at.tolist() == [at("2026-09-01")] * 2
    assert history.excusing(()).lead_attributes is history.lead_attributes


def test_leads_are_found_in_any_order_and_more_than_once():
    history = builders.history(leads=LEADS)
    assert history.lead_rows(np.array(["di", "ann", "di"], dtype=object)).tolist() == [3, 0, 3]


@pytest.mark.parametrize("leads", [LEADS, ""])
def test_leads_that_are_not_there_are_named(leads):
    with pytest.raises(TableError, match=r"2 lead\(s\) are not in the history") as refusal:
        builders.history(leads=leads).lead_rows(np.array(["zoe", "aaron"], dtype=object))
    assert refusal.value.problems == ("zoe", "aaron")


def test_an_empty_history_is_a_history():
    history = builders.history()
    assert (len(history), len(history.events), len(history.account_events)) == (0, 0, 0)
    assert history.lead_rows(np.zeros(0, dtype=object)).tolist() == []


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        pytest.param(
            {"leads": LEADS + "ann acme - 2026-03-02"}, r"1 lead\(s\) are repeated", id="a lead twice"
        ),
        pytest.param(
            {"events": "lead type at \n zoe a 2026-03-05"}, "events: 1 lead_id without a lead", id="events"
        ),
        pytest.param(
            {"stages": "lead stage at \n zoe a 2026-03-05"}, "stages: 1 lead_id without a lead", id="stages"
        ),
        pytest.param(
            {"events": "lead type at value \n ann a 2026-03-05 -9.1e12"},
            "values of one lead or account reach 9e.12",
            id="a huge value",
        ),
        pytest.param(
            {"events": "lead type at value" + "\n ann a 2026-03-05 1e12" * 10},
            "values of one lead or account reach 9e.12",
            id="a huge sum",
        ),
    ],
)
def test_what_is_no_history_is_refused(written, problem):
    with pytest.raises(TableError, match=problem):
        builders.history(**{"leads": LEADS, **written})


def test_the_largest_value_is_allowed():
    rows = f"lead type at value \n ann a 2026-03-05 {LARGEST_SUM}"
    assert builders.history(leads=LEADS, events=rows).events.value.tolist() == [LARGEST_SUM]


def test_leads_of_an_account_may_not_add_up_to_too_much_either():
    rows = "lead type at value \n ann a 2026-03-05 6e12 \n bo a 2026-03-05 6e12"
    history = builders.history(leads=LEADS, events=rows)
    with pytest.raises(TableError, match="one lead or account"):
        _ = history.account_events


def test_missing_tables_and_columns_are_named_together():
    tables = builders.tables(leads=LEADS)
    del tables["stages"]
    tables["leads"] = tables["leads"].drop_columns(["account_id"])
    with pytest.raises(TableError, match="these tables are no history") as refusal:
        History.from_tables(tables)
    assert refusal.value.problems == ("leads lacks column 'account_id'", "table 'stages' is missing")


def test_a_missing_instant_is_refused():
    tables = builders.tables(leads=LEADS)
    created = pa.array([None] * 4, pa.timestamp("us", tz="UTC"))
    tables["leads"] = tables["leads"].drop_columns(["created_at"]).append_column("created_at", created)
    with pytest.raises(TableError, match="an instant is missing"):
        History.from_tables(tables)


def _as_dictionaries(table: pa.Table) -> pa.Table:
    columns: list[Any] = [
        column.dictionary_encode() if pa.types.is_string(column.type) else column for column in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def test_coded_columns_in_pieces_are_read_like_plain_ones():
    """As Parquet gives them: dictionaries that differ from piece to piece."""
    first = builders.tables(
        leads=LEADS, events="lead type at topic \n ann b 2026-03-05 - \n cy a 2026-03-01 x"
    )
    second = builders.tables(
        events="lead type at topic event_id \n ann a 2026-03-06 y e7 \n bo c 2026-03-01 x e8"
    )
    plain = {name: pa.concat_tables([first[name], second[name]]) for name in first}
    coded = {
        name: pa.concat_tables([_as_dictionaries(first[name]), _as_dictionaries(second[name])])
        for name in first
    }
    one, other = History.from_tables(plain), History.from_tables(coded)
    for column in ("type", "topic"):
        assert words(one.events, column) == words(other.events, column)
    assert one.events.owner.tolist() == other.events.owner.tolist()
    assert one.account.tolist() == other.account.tolist()

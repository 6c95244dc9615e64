"""What a mapping can say, one export of a few lines at a time."""

from __future__ import annotations

import gzip
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.clock import micros
from features.errors import LeadlightError
from features.folder import read_manifest
from pipelines.ingest import describe
from tests.pipelines.exports import LEADS, Export, accounted

TWO_LEADS = """
    id,made
    a,2024-01-01T00:00Z
    b,2024-01-02T00:00Z
    """
EVENTS = """
  - file: {file}
    time_zone: Europe/Berlin
    rows:
      - table: events
        set: {{lead_id: who, type: what, occurred_at: at}}
"""


@pytest.fixture
def company(export: Export) -> Export:
    """Leads a and b, and whatever a test adds."""
    return export.maps(LEADS).holds("leads.csv", TWO_LEADS)


def test_several_files_of_one_glob_join_in_order_of_name(company):
    company.maps(LEADS + EVENTS.format(file='"clicks_*.csv"'))
    company.holds("clicks_2.csv", "who,what,at\na,late,2024-02-02T00:00Z\n")
    company.holds("clicks_1.csv", "who,what,at\nb,x,2024-02-01T00:00Z\na,tie,2024-02-02T00:00Z\n")
    manifest = company.ingest()
    assert company.rows("events", "lead_id", "type") == [("a", "tie"), ("a", "late"), ("b", "x")]
    assert [source["file"] for source in manifest.sources] == ["leads.csv", "clicks_1.csv", "clicks_2.csv"]


def test_ties_keep_source_order(company):
    company.maps(LEADS + EVENTS.format(file="e.csv"))
    company.holds("e.csv", "who,what,at\n" + "".join(f"a,{kind},2024-02-02\n" for kind in "zyxabc"))
    company.ingest()
    assert [kind for (kind,) in company.rows("events", "type")] == list("zyxabc")


def test_types_from_column_pairs_with_words_and_constants(company):
    company.maps(
        LEADS
        + """
  - file: e.csv
    rows:
      - table: events
        set:
          lead_id: who
          type: {columns: [what, step], join: "/", words: {call/done: sales_call}}
          occurred_at: at
          channel: {value: phone}
          value: {column: minutes}
"""
    )
    company.holds(
        "e.csv", "who,what,step,at,minutes\na,call,done,2024-02-02T00:00Z,2.5\na,call,,2024-02-03T00:00Z,\n"
    )
    company.ingest()
    assert company.rows("events", "type", "channel", "value") == [
        ("sales_call", "phone", 2.5),
        ("call/", "phone", None),
    ]


def test_wide_date_columns_become_stages_and_events(export):
    export.maps(
        """
        name: wide
        max_bad_share: 1
        sources:
          - file: contacts.csv
            time_zone: America/New_York
            date_formats: "%Y-%m-%d %H:%M"
            rows:
              - table: leads
                set: {lead_id: id, created_at: Create Date}
              - table: stages
                explode: {Became a Lead Date: lead, Became an MQL Date: {word: mql, grain: day}}
                set: {lead_id: id}
              - table: events
                explode: {First Visit: visit}
                set: {lead_id: id}
        """
    ).holds(
        "contacts.csv",
        """
        id,Create Date,Became a Lead Date,Became an MQL Date,First Visit
        1,2024-01-01 09:00,2024-01-01 09:00,2024-01-05 10:00,
        2,2024-01-02 09:00,,soon,2024-01-01 23:59
        """,
    )
    manifest = export.ingest()
    assert export.rows("stages", "lead_id", "stage", "entered_at", "known_at") == [
        ("1", "lead", "2024-01-01T14:00:00Z", "2024-01-01T14:00:00Z"),
        ("1", "mql", "2024-01-05T05:00:00Z", "2024-01-06T05:00:00Z"),
    ]
    assert export.rows("events", "lead_id", "type", "occurred_at") == [("2", "visit", "2024-01-02T04:59:00Z")]
    assert export.quarantined() == [("contacts.csv", 3, "Became an MQL Date", "bad_time")]
    assert manifest.counts["tables"]["stages"] == {
        "rows": 4,
        "stored": 2,
        "quarantined": 1,
        "skipped": 1,
        "duplicates": 0,
    }


def test_null_words_byte_order_mark_and_blanks(export):
    export.maps(
        """
        name: nulls
        nulls: [Select, unknown]
        account: {none: [gmail.example]}
        sources:
          - file: leads.csv
            rows:
              - table: leads
                set: {lead_id: id, account_id: {column: mail, id: email_domain}, service_line: line, created_at: made}
        """
    ).holds(
        "leads.csv",
        b"\xef\xbb\xbfid,mail,line,made\n"
        b" 1 ,x@Lab.example,Select,2024-01-01T00:00Z\n"
        b"2,y@gmail.example,NULL,2024-01-01T00:00Z\n"
        b"3,000000000000000AAA, unknown ,2024-01-01T00:00Z\n"
        b"4,,Bio,2024-01-01T00:00Z\n",
    )
    export.ingest()
    assert sorted(export.rows("leads", "lead_id", "account_id", "service_line")) == [
        ("1", "lab.example", None), ("2", None, None), ("3", None, None), ("4", None, "Bio"),
    ]  # fmt: skip


def test_short_and_long_salesforce_ids_are_one_lead(export):
    export.maps(
        """
        name: ids
        max_bad_share: 1
        sources:
          - file: leads.csv
            rows: [{table: leads, set: {lead_id: {column: Id, id: salesforce}, created_at: CreatedDate}}]
          - file: e.csv
            rows:
              - table: events
                set: {lead_id: {column: WhoId, id: salesforce}, type: {value: task}, occurred_at: at}
        """
    )
    export.holds("leads.csv", '"Id","CreatedDate"\n"00Q1G00000nDnM5UAK","2024-01-01T00:00Z"\n')
    export.holds(
        "e.csv", "WhoId,at\n00Q1G00000nDnM5,2024-02-01T00:00Z\n00q1g00000ndnm5uak,2024-02-01T00:00Z\n"
    )
    export.ingest()
    assert export.rows("events", "lead_id") == [("00Q1G00000nDnM5UAK",)]
    assert export.quarantined() == [("e.csv", 3, "WhoId", "bad_id")]


def test_gzip_and_parquet_hold_the_same(company):
    company.maps(LEADS + EVENTS.format(file="e.csv.gz") + EVENTS.format(file="e.parquet"))
    company.holds("e.csv.gz", gzip.compress(b"who,what,at\na,x,2024-07-01T10:00:00.5\n"))
    moments = pa.array([1_719_820_800_500_000, None]).cast(pa.timestamp("us", "Europe/Berlin"))
    typed = pa.table({"who": ["a", "b"], "what": pa.array(["x", "y"]).dictionary_encode(), "at": moments})
    pq.write_table(typed, company.source / "e.parquet")
    manifest = company.ingest()
    assert company.rows("events", "lead_id", "type", "occurred_at") == [
        ("a", "x", "2024-07-01T08:00:00.500000Z")
    ]
    assert manifest.counts["duplicates"] == 1
    assert company.quarantined() == [("e.parquet", 2, "at", "missing_time")]


def test_typed_numbers_and_days_of_parquet(company):
    company.maps(
        LEADS
        + """
  - file: e.parquet
    time_zone: UTC
    rows: [{table: events, set: {lead_id: who, event_id: number, type: {value: x}, occurred_at: day, value: amount}}]
"""
    )
    day = pa.array([date(2024, 2, 1)], pa.date32())
    pq.write_table(
        pa.table({"who": ["a"], "number": [7], "day": day, "amount": [1.25]}), company.source / "e.parquet"
    )
    company.ingest()
    assert company.rows("events", "event_id", "value", "occurred_at", "known_at") == [
        ("7", 1.25, "2024-02-01T00:00:00Z", "2024-02-02T00:00:00Z")
    ]


@pytest.mark.parametrize(
    ("known", "moment"),
    [
        pytest.param("same", "2024-02-01T10:00:00Z", id="when it happened, by default"),
        pytest.param("{delay: 36h}", "2024-02-02T22:00:00Z", id="so long after it happened"),
        pytest.param(
            "{column: loaded}", "2024-02-05T00:00:00Z", id="by a column, a whole day when it is over"
        ),
    ],
)
def test_when_a_row_became_known(company, known, moment):
    company.maps(
        LEADS
        + f"""
  - file: e.csv
    time_zone: UTC
    known: {known}
    rows: [{{table: events, set: {{lead_id: who, type: what, occurred_at: at}}}}]
"""
    ).holds("e.csv", "who,what,at,loaded\na,x,2024-02-01T10:00Z,2024-02-04\n")
    company.ingest()
    assert company.rows("events", "known_at") == [(moment,)]


def test_attributes_of_all_three_availabilities(export):
    export.maps(
        """
        name: facts
        exported_at: 2024-06-01T00:00:00Z
        sources:
          - file: leads.csv
            time_zone: Europe/Berlin
            rows:
              - table: leads
                set: {lead_id: id, account_id: company, created_at: {column: made, grain: day}}
              - table: attributes
                entity: lead
                fields:
                  industry: {column: industry, availability: immutable_at_create}
                  rating: rating
              - table: attributes
                entity: account
                fields:
                  size: {column: employees, availability: immutable_at_create}
          - file: history.csv
            rows:
              - table: attributes
                entity: lead
                set: {entity_id: id, field: {column: Field, words: {Job__c: job}}, value: NewValue, occurred_at: at}
        """
    )
    export.holds(
        "leads.csv",
        "id,company,made,industry,rating,employees\n1,c,2024-01-01,Biotech,Hot,\n2,c,2024-01-03,,Cold,50\n",
    )
    export.holds(
        "history.csv", "id,Field,NewValue,at\n1,Job__c,Head,2024-02-01T00:00Z\n1,Job__c,,2024-03-01T00:00Z\n"
    )
    manifest = export.ingest()
    assert export.rows("attributes", "entity_id", "field", "value", "occurred_at", "known_at") == [
        ("c", "size", "50", "2023-12-31T23:00:00Z", "2024-01-01T23:00:00Z"),
        ("1", "industry", "Biotech", "2023-12-31T23:00:00Z", "2024-01-01T23:00:00Z"),
        ("1", "job", "Head", "2024-02-01T00:00:00Z", "2024-02-01T00:00:00Z"),
        ("1", "job", None, "2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("1", "rating", "Hot", "2023-12-31T23:00:00Z", "2024-06-01T00:00:00Z"),
        ("2", "rating", "Cold", "2024-01-02T23:00:00Z", "2024-06-01T00:00:00Z"),
    ]
    assert {
        name: (field.entity, field.availability, field.filled) for name, field in manifest.fields.items()
    } == {
        "size": ("account", "immutable_at_create", 1),
        "industry": ("lead", "immutable_at_create", 1),
        "rating": ("lead", "current_only", 2),
        "job": ("lead", "versioned", 1),
    }


def test_a_field_of_leads_and_accounts_needs_two_names(export):
    export.maps(
        """
        name: both
        sources:
          - file: leads.csv
            rows:
              - table: leads
                set: {lead_id: id, account_id: company, created_at: made}
              - {table: attributes, entity: lead, fields: {size: n}}
              - {table: attributes, entity: account, fields: {size: n}}
        """
    ).holds("leads.csv", "id,company,made,n\n1,c,2024-01-01T00:00Z,5\n")
    with pytest.raises(LeadlightError, match="field 'size' is told of leads and of accounts"):
        export.ingest()


def test_what_cannot_be_stored_keeps_its_place_and_reason(company):
    company.maps(
        LEADS
        + """
  - file: e.csv
    rows: [{table: events, set: {lead_id: who, type: what, occurred_at: at, value: n}}]
"""
    )
    company.maps(
        company.mapping.read_text().replace(
            "max_bad_share: 1", "max_bad_share: 1\nexported_at: 2024-03-01T00:00:00Z"
        )
    )
    company.holds(
        "e.csv",
        """
        who,what,at,n
        a,"two
        lines",2024-02-01T00:00Z,1
        ,x,2024-02-01T00:00Z,1
        a,,2024-02-01T00:00Z,1
        a,x,,1
        a,x,2024-02-01T00:00,1
        a,x,31/13/2024,1
        a,x,2024-02-01T00:00Z,many
        a,x,2024-03-01T00:00:00.000001Z,1
        nobody,x,2024-02-01T00:00Z,1
        a,x
        a,x,2024-03-01T00:00Z,1
        """,
    )
    manifest = company.ingest()
    assert company.quarantined() == [
        ("e.csv", 4, "who", "missing_lead_id"),
        ("e.csv", 5, "what", "missing_type"),
        ("e.csv", 6, "at", "missing_time"),
        ("e.csv", 7, "at", "naive_time"),
        ("e.csv", 8, "at", "bad_time"),
        ("e.csv", 9, "n", "bad_number"),
        ("e.csv", 10, "occurred_at", "after_export"),
        ("e.csv", 11, "lead_id", "unknown_lead"),
        ("e.csv", 12, "", "wrong_cell_count"),
    ]
    assert company.rows("events", "type") == [("two\nlines",), ("x",)]
    assert accounted(manifest)
    assert manifest.counts["reasons"]["unknown_lead"] == 1


def test_too_many_bad_rows_publish_nothing(company):
    company.ingest()
    before = company.bytes()
    company.maps(LEADS.replace("max_bad_share: 1", "max_bad_share: 0.3") + EVENTS.format(file="e.csv"))
    company.holds("e.csv", "who,what,at\na,x,2024-02-01\na,x,2024-02-02\nb,x,never\n")
    with pytest.raises(LeadlightError) as caught:
        company.ingest()
    assert (
        caught.value.what
        == "nothing was published: 33.3% of events would be quarantined, more than max_bad_share 30.0%"
    )
    assert caught.value.problems[0] == "events: 1 x bad_time in at, first at e.csv:4"
    assert caught.value.problems[1].startswith("bad_time: dates that are not ISO need date_formats")
    assert "mend the export or the mapping" in caught.value.problems[2]
    assert company.bytes() == before
    company.holds("e.csv", "who,what,at\na,x,2024-02-01\na,x,2024-02-02\nb,x,2024-01-01\nb,x,never\n")
    assert company.ingest().counts["quarantined"] == 1


def test_a_reason_that_is_rare_in_a_refused_table_gets_no_hint(company):
    company.maps(LEADS.replace("max_bad_share: 1", "max_bad_share: 0.3") + EVENTS.format(file="e.csv"))
    company.holds("e.csv", "who,what,at\n" + "nobody,x,2024-02-01\n" * 19 + "a,x,never\n")
    with pytest.raises(LeadlightError) as caught:
        company.ingest()
    hints = [problem.partition(":")[0] for problem in caught.value.problems[2:-1]]
    assert hints == ["unknown_lead"]


def test_rows_left_out_on_purpose_do_not_thin_out_the_bad_share(company):
    company.maps(
        LEADS.replace("max_bad_share: 1", "max_bad_share: 0.3")
        + """
  - file: e.csv
    rows: [{table: events, where: {column: what, in: [x]}, set: {lead_id: who, type: what, occurred_at: at}}]
"""
    ).holds("e.csv", "who,what,at\na,x,2024-02-01T00:00Z\nb,x,never\n" + "a,y,2024-02-01T00:00Z\n" * 50)
    with pytest.raises(LeadlightError, match=r"50\.0% of events"):
        company.ingest()


def test_an_overlapping_export_doubles_nothing(company):
    company.maps(LEADS + EVENTS.format(file='"e_*.csv"'))
    company.holds("e_1.csv", "who,what,at\na,x,2024-02-01\na,x,2024-02-01\na,y,2024-02-02\n")
    alone = company.ingest()
    events = company.rows("events", "lead_id", "event_id", "type", "occurred_at")
    company.holds("e_2.csv", "who,what,at\na,x,2024-02-01\na,x,2024-02-01\na,y,2024-02-02\nb,z,2024-02-03\n")
    both = company.ingest()
    assert alone.tables["events"].rows == 3, "two equal rows of one file are two events"
    assert company.rows("events", "lead_id", "event_id", "type", "occurred_at")[:3] == events
    assert (both.tables["events"].rows, both.counts["duplicates"]) == (4, 3)


def test_an_id_of_its_own_makes_an_event_the_same(company):
    company.maps(
        LEADS
        + """
  - file: e.csv
    rows:
      - table: events
        set: {lead_id: who, event_id: id, type: what, occurred_at: at}
"""
    ).holds(
        "e.csv",
        "id,who,what,at\n1,a,x,2024-02-01T00:00Z\n1,a,x,2024-02-09T00:00Z\n1,a,y,2024-02-01T00:00Z\n2,a,x,2024-02-01T00:00Z\n",
    )
    company.ingest()
    assert company.rows("events", "event_id", "type", "occurred_at") == [
        ("1", "x", "2024-02-01T00:00:00Z"), ("1", "y", "2024-02-01T00:00:00Z"), ("2", "x", "2024-02-01T00:00:00Z"),
    ]  # fmt: skip


def test_a_later_export_knows_the_account_better(export):
    export.maps(
        """
        name: twice
        sources:
          - file: "leads_*.csv"
            rows: [{table: leads, set: {lead_id: id, account_id: company, created_at: made}}]
        """
    )
    export.holds("leads_1.csv", "id,company,made\n1,,2024-01-01T00:00Z\n")
    export.holds("leads_2.csv", "id,company,made\n1,c,2024-01-01T00:00Z\n")
    manifest = export.ingest()
    assert export.rows("leads", "lead_id", "account_id") == [("1", "c")]
    assert manifest.counts["duplicates"] == 1


def test_the_same_stage_told_twice_is_entered_once(company):
    company.maps(
        LEADS
        + """
  - file: s.csv
    rows: [{table: stages, set: {lead_id: who, stage: what, entered_at: at}}]
"""
    ).holds(
        "s.csv", "who,what,at\na,won,2024-02-01T00:00Z\na,won,2024-02-01T00:00Z\na,won,2024-02-02T00:00Z\n"
    )
    assert company.ingest().tables["stages"].rows == 2


def test_the_latest_moment_stands_for_the_export(company):
    company.maps(LEADS + EVENTS.format(file="e.csv"))
    company.holds("e.csv", "who,what,at\na,x,2024-02-01\na,x,9999-12-31\n")
    company.ingest()
    assert read_manifest(company.out).observed_until == micros(
        datetime.fromisoformat("2024-02-02T00:00+01:00")
    )


def test_another_encoding_and_delimiter(export):
    export.maps(
        """
        name: european
        sources:
          - file: leads.csv
            encoding: cp1252
            delimiter: ";"
            date_formats: "%d.%m.%Y %H:%M"
            time_zone: Europe/Berlin
            rows: [{table: leads, set: {lead_id: id, service_line: Gebäude, created_at: made}}]
        """
    ).holds("leads.csv", "id;Gebäude;made\n1;Südbau;01.02.2024 08:00\n".encode("cp1252"))
    export.ingest()
    assert export.rows("leads", "service_line", "created_at") == [("Südbau", "2024-02-01T07:00:00Z")]


def test_refuses_a_damaged_archive(company):
    company.maps(LEADS + EVENTS.format(file="e.csv.gz"))
    company.holds("e.csv.gz", gzip.compress(b"who,what,at\n" + b"a,x,2024-02-01\n" * 500)[:-20])
    with pytest.raises(LeadlightError, match=r"e\.csv\.gz cannot be read"):
        company.ingest()


def test_refuses_an_export_without_a_lead(export):
    export.maps(LEADS).holds("leads.csv", "id,made\n,2024-01-01T00:00Z\n")
    with pytest.raises(LeadlightError, match="there is not one lead"):
        export.ingest()


def test_says_what_it_stored(company):
    company.maps(LEADS + EVENTS.format(file="e.csv"))
    company.holds("e.csv", "who,what,at\na,x,2024-02-01 10:00\nb,x,never\n")
    assert describe(company.ingest()).splitlines() == [
        "table       rows  stored  quarantined  skipped  duplicates       first        last",
        "attributes     0       0            0        0           0",
        "events         2       1            1        0           0  2024-02-01  2024-02-01",
        "leads          2       2            0        0           0  2024-01-01  2024-01-02",
        "stages         0       0            0        0           0",
        "",
        "quarantined because  rows",
        "bad_time                1",
        "",
        "local times: 1 naive",
        "observed until 2024-02-01T09:00:00Z, 2 files, 1 buckets",
    ]

"""Rows are read from any place on, and a bad one spoils no other."""

from __future__ import annotations

import json

import pytest

from features.clock import DAY, micros
from serving.jobs import csv_rows, lines, ndjson_rows
from serving.jobs.progress import JobError


def csv(tmp_path, content):
    path = tmp_path / "input.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, position=0):
    return list(csv_rows.read(path, position))


def short(rows):
    return [(row.lead_id, row.code) for row in rows]


def test_ids_moments_and_columns_that_are_passed_over(tmp_path):
    text = "name,Lead_ID,as_of\r\nAda,L1,2026-01-02T00:00:00+01:00\r\n,L2,\r\n"
    first, second = read(csv(tmp_path, text))
    assert (first.lead_id, first.as_of, first.code) == ("L1", 1_767_308_400_000_000, "")
    assert (second.lead_id, second.as_of, second.code) == ("L2", None, "")


MIXED = (
    b"\xef\xbb\xbflead_id,as_of\n"
    b'"L,1",\n'
    b"\n"
    b'"two\nlines",\n'
    b"L2,yesterday\n"
    b"L3,2026-01-01T00:00:00\n"
    b"L4\n"
    b"\xff\xfe,\n"
    b',"never closed\n'
    b"L5,2026-01-01T00:00:00Z\n"
    b"=cmd(),\n"
    + b"x" * 256
    + b",\n"
    b"L6,"
)  # fmt: skip


def test_a_bad_row_spoils_no_other(tmp_path):
    assert short(read(csv(tmp_path, MIXED))) == [
        ("L,1", ""),
        ("two\nlines", "lead_id_invalid"),
        ("L2", "as_of_invalid"),
        ("L3", "as_of_invalid"),
        ("", "row_malformed"),
        ("", "row_malformed"),
        ("", "row_malformed"),
        ("L5", ""),
        ("=cmd()", ""),
        ("x" * 255, "lead_id_invalid"),
        ("L6", ""),
    ]


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
    ],
)
def test_a_moment_out_of_reach_is_none(tmp_path, moment):
    assert short(read(csv(tmp_path, f"lead_id,as_of\nL1,{moment}\nL2,\n"))) == [
        ("L1", "as_of_invalid"),
        ("L2", ""),
    ]


def test_reading_goes_on_from_the_end_of_any_row(tmp_path):
    path = csv(tmp_path, MIXED)
    rows = read(path)
    assert rows[-1].end == len(MIXED)
    for at, row in enumerate(rows):
        assert read(path, row.end) == rows[at + 1 :]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"id,as_of\nL1,\n", b"lead_id,lead_id\nL1,L1\n", b"\xff\xff"]
)
def test_without_a_column_lead_id_there_is_nothing_to_read(tmp_path, content):
    with pytest.raises(JobError) as refused:
        read(csv(tmp_path, content))
    assert refused.value.code == "no_lead_id_column"


def test_a_line_that_is_too_long_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MOST_LINE", 100)
    monkeypatch.setattr(lines, "CHUNK", 7)
    path = csv(tmp_path, "lead_id\nL1\n" + "x" * 1_000 + "\nL2\n")
    assert short(read(path)) == [("L1", ""), ("", "row_malformed"), ("L2", "")]


def ndjson(tmp_path, *rows):
    path = tmp_path / "input.ndjson"
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))
    return path


LEAD = {
    "lead_id": "L1",
    "created_at": "2026-01-01T00:00:00Z",
    "account_id": "acme",
    "events": [
        {"type": "visit", "occurred_at": "2026-01-02T00:00:00Z", "value": 2},
        {"type": "visit", "occurred_at": "2026-01-02T00:00:00Z", "known_at": "2026-01-03T00:00:00Z"},
    ],
    "attributes": [{"field": "size", "value": "10", "occurred_at": "2026-01-01T00:00:00Z"}],
    "account_attributes": [{"field": "city", "value": None, "occurred_at": "2026-01-01T00:00:00Z"}],
    "stages": [{"stage": "mql", "entered_at": "2026-01-04T00:00:00Z"}],
    "as_of": "2026-02-01T00:00:00Z",
}


def test_a_lead_with_everything_known_about_it(tmp_path):
    [row] = ndjson_rows.read(ndjson(tmp_path, LEAD), 0)
    lead, day = row.evidence, lambda number: 20_454 * DAY + number * DAY
    assert (row.lead_id, row.code, row.as_of) == ("L1", "", day(31))
    assert (lead.lead_id, lead.account_id, lead.created_at) == ("L1", "acme", day(0))
    assert [(event.type, event.occurred_at, event.known_at) for event in lead.events] == [
        ("visit", day(1), day(1)),
        ("visit", day(1), day(2)),
    ]
    assert len({event.event_id for event in lead.events}) == 2
    assert (lead.facts[0].field, lead.facts[0].value, lead.account_facts[0].value) == ("size", "10", None)
    assert (lead.stages[0].stage, lead.stages[0].entered_at) == ("mql", day(3))


def test_a_lead_of_the_store_is_named_only(tmp_path):
    path = ndjson(tmp_path, {"lead_id": "L1"}, {"lead_id": "L2", "as_of": "2026-01-01T00:00:00Z"})
    first, second = ndjson_rows.read(path, 0)
    assert (first.lead_id, first.evidence, first.as_of) == ("L1", None, None)
    assert second.as_of == 20_454 * DAY


def test_bad_lines_spoil_no_other_and_reading_goes_on(tmp_path):
    path = ndjson(
        tmp_path,
        b"{",
        b'{"lead_id": "L1", "lead_id": "L2"}',
        b'{"lead_id": "L3", "as_of": NaN}',
        b"[" * 100_000,
        b"\xff",
        b"17",
        {"lead_id": "L4", "unknown": 1},
        {"lead_id": "\ud800"},
        {"lead_id": 5},
        b"",
        LEAD,
    )
    rows = list(ndjson_rows.read(path, 0))
    malformed, invalid = "row_malformed", "row_invalid"
    assert [row.code for row in rows] == [malformed] * 5 + [invalid] * 4 + [""]
    assert [row.lead_id for row in rows[5:]] == ["", "L4", "?", "", "L1"]
    for at, row in enumerate(rows):
        assert list(ndjson_rows.read(path, row.end)) == rows[at + 1 :]


def test_clock_of_the_tests():
    from datetime import UTC, datetime

    assert micros(datetime(2026, 1, 1, tzinfo=UTC)) == 20_454 * DAY

"""What holds for every export, however dirty: nothing is lost, nothing is made up, nothing depends on chance."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import LeadlightError
from features.manifest import Manifest
from tests.pipelines.exports import Export, accounted

pytestmark = pytest.mark.slow

MAPPING = """
name: laws
max_bad_share: 1
exported_at: 2024-03-01T00:00:00Z
nulls: [unknown]
account: {none: [x.example]}
sources:
  - file: leads.csv
    time_zone: Europe/Berlin
    rows:
      - table: leads
        set: {lead_id: id, account_id: account, created_at: made}
      - table: attributes
        fields:
          size: {column: size, availability: immutable_at_create}
          mood: mood
      - table: stages
        explode: {mql: mql, sql: sql}
        set: {lead_id: id}
  - file: "events_*.csv"
    time_zone: America/Sao_Paulo
    rows:
      - table: events
        where: {column: what, not_in: [noise]}
        set: {lead_id: who, type: what, occurred_at: at, value: n}
"""
ID = st.sampled_from(["a", "b", "c", "d", "", "unknown", " a ", 'x"y', "n\nl"])
MOMENT = st.sampled_from(
    ["2024-01-05", "2024-01-05 10:00", "2024-01-05T10:00:00.25Z", "2023-10-29 02:30", "2023-03-26 02:30", "2024-02-29",
     "2024-03-01T00:00Z", "2024-03-02", "2023-02-29", "soon", "", "9999-12-31"]
)  # fmt: skip
WORD = st.sampled_from(["p", "q", "", "unknown", "noise", "a,b", "x.example"])
LEAD = st.tuples(ID, WORD, MOMENT, WORD, WORD, MOMENT, MOMENT)
EVENT = st.tuples(ID, WORD, MOMENT, st.sampled_from(["1", "-2.5e3", "", "many", "1e999", "nan"]))
BROKEN = st.sampled_from(["a", "a,b,c,d,e,f,g,h,i", '"open', '"a"b,c'])


def table(header: str, rows: list[tuple[str, ...]], broken: list[str] = []) -> str:  # noqa: B006
    text = io.StringIO(newline="")
    text.write(header + "\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue() + "".join(line + "\n" for line in broken)


FIRST = ("a", "p", "2024-01-01", "5", "q", "", "")
HEADER = "id,account,made,size,mood,mql,sql"
LEADS = st.builds(
    lambda rows, broken: table(HEADER, [FIRST, *rows], broken),
    st.lists(LEAD, max_size=20),
    st.lists(BROKEN, max_size=2),
)
EVENTS = st.lists(EVENT, max_size=60)


def run(folder: Path, leads: str, *events: str) -> tuple[Export, Manifest]:
    export = Export(folder).maps(MAPPING).holds("leads.csv", leads.encode())
    for number, text in enumerate(events):
        export.holds(f"events_{number}.csv", text.encode())
    return export, export.ingest()


@settings(max_examples=25)
@given(leads=LEADS, events=EVENTS, broken=st.lists(BROKEN, max_size=2))
def test_rows_in_are_rows_stored_and_rows_quarantined(leads, events, broken):
    with TemporaryDirectory() as folder:
        export, manifest = run(Path(folder), leads, table("who,what,at,n", events, broken))
        quarantined = export.quarantined()
        assert accounted(manifest)
        assert len(quarantined) == manifest.counts["quarantined"] == sum(manifest.counts["reasons"].values())
        records = {source["file"]: source["rows"] for source in manifest.sources}
        assert manifest.counts["tables"]["events"]["rows"] == records["events_0.csv"]
        assert records["events_0.csv"] >= len(events)
        assert all(line > 1 and reason for _, line, _, reason in quarantined)
        assert all(known >= at for at, known in export.rows("events", "occurred_at", "known_at"))
        stored = {lead for (lead,) in export.rows("leads", "lead_id")}
        assert {lead for (lead,) in export.rows("events", "lead_id")} <= stored
        assert max(at for (at,) in [*export.rows("events", "occurred_at"), ("",)]) <= "2024-03-01T00:00:00Z"


@settings(max_examples=6)
@given(leads=LEADS, events=EVENTS)
def test_the_same_input_gives_the_same_bytes(leads, events):
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        text = table("who,what,at,n", events)
        first, _ = run(Path(one), leads, text)
        second, _ = run(Path(other), leads, text)
        once = first.bytes()
        assert once == second.bytes()
        first.ingest()
        assert first.bytes() == once


@settings(max_examples=12)
@given(leads=LEADS, events=EVENTS, cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_exports_that_overlap_add_nothing(leads, events, cuts):
    """A second export that repeats a stretch of distinct rows of the first changes no event."""
    low, high = sorted(cuts)
    events = list(dict.fromkeys(events))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        whole, _ = run(Path(one), leads, table("who,what,at,n", events))
        parts, manifest = run(
            Path(other), leads, table("who,what,at,n", events[:high]), table("who,what,at,n", events[low:])
        )
        columns = ("lead_id", "event_id", "type", "occurred_at", "known_at", "value")
        assert sorted(map(repr, parts.rows("events", *columns))) == sorted(
            map(repr, whole.rows("events", *columns))
        )
        assert accounted(manifest)


@settings(max_examples=10)
@given(leads=LEADS, events=EVENTS, limit=st.sampled_from([0.0, 0.1, 0.5]))
def test_what_is_published_is_within_the_limit(leads, events, limit):
    with TemporaryDirectory() as folder:
        export = Export(Path(folder)).maps(MAPPING.replace("max_bad_share: 1", f"max_bad_share: {limit}"))
        export.holds("leads.csv", leads.encode()).holds(
            "events_0.csv", table("who,what,at,n", events).encode()
        )
        try:
            manifest = export.ingest()
        except LeadlightError:
            assert not export.out.exists()
            export.maps(MAPPING)
            tables = export.ingest().counts["tables"].values()
            assert any(found["quarantined"] > limit * (found["rows"] - found["skipped"]) for found in tables)
        else:
            for found in manifest.counts["tables"].values():
                assert found["quarantined"] <= limit * (found["rows"] - found["skipped"])


def test_the_order_of_leads_changes_no_row(export):
    leads = [(str(number), "p", "2024-01-01", "", "", "", "") for number in range(50)]
    events = table(
        "who,what,at,n", [(str(number % 50), "x", "2024-01-05 10:00", "1") for number in range(200)]
    )
    run(export.folder / "one", table(HEADER, leads), events)
    run(export.folder / "two", table(HEADER, leads[::-1]), events)
    one, two = Export(export.folder / "one"), Export(export.folder / "two")
    assert one.rows("leads", "lead_id") == two.rows("leads", "lead_id")
    assert one.bytes()["events/bucket-0000.parquet"] == two.bytes()["events/bucket-0000.parquet"]


@pytest.mark.parametrize("digits", [1, 3, 6])
def test_moments_survive_to_the_microsecond(export, digits):
    stamp = f"2024-01-05T10:00:00.{'123456'[:digits]}"
    leads = table(HEADER, [("a", "", f"{stamp}Z", "", "", "", "")])
    run(export.folder, leads, "who,what,at,n\n")
    assert export.rows("leads", "created_at") == [(f"{stamp.ljust(26, '0')}Z",)]

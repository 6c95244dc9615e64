"""A history on disk: buckets, order, bytes, and what happens to a damaged one."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import TableError
from features.folder import read_bucket, read_manifest, read_tables, write_history
from features.tables import INSTANT, SCHEMAS

ABOUT = {
    "observed_until": "2024-06-01T02:00:00+02:00",
    "fields": {
        "industry": {"entity": "lead", "availability": "immutable_at_create"},
        "size": {"entity": "account", "availability": "versioned"},
    },
}


def moments(*days: int) -> pa.Array:
    return pa.array([day * 86_400_000_000 for day in days], pa.int64()).cast(INSTANT)


def company(leads: int) -> dict[str, pa.Table]:
    """``leads`` leads, three to an account except every seventh, which has none; rows out of order."""
    number = np.arange(leads)[::-1]
    ids = [f"lead{n}" for n in number]
    accounts = [None if n % 7 == 0 else f"account{n // 3}" for n in number]
    known = sorted({account for account in accounts if account is not None})
    many = np.repeat(number, 3)
    return {
        "leads": pa.table(
            {
 "lead_id": ids, "account_id": accounts, "service_line": pa.nulls(leads, pa.string()),
                "created_at": moments(*number),
            }
        ),
        "events": pa.table(
            {
                "lead_id": [f"lead{n}" for n in many], "event_id": [f"e{k}" for k in range(len(many))],
                "type": ["visit", "click", "visit"] * leads, "occurred_at": moments(*([3, 1, 1] * leads)),
                "known_at": moments(*([3, 1, 1] * leads)), "value": pa.nulls(len(many), pa.float64()),
                **{name: pa.nulls(len(many), pa.string()) for name in ("topic", "channel", "campaign", "source")},
            }
        ),
        "attributes": pa.table(
            {
                "entity": ["lead"] * leads + ["account"] * len(known), "entity_id": ids + known,
                "field": ["industry"] * leads + ["size"] * len(known), "value": ["x"] * leads + [None] * len(known),
                "occurred_at": moments(*[1] * (leads + len(known))), "known_at": moments(*[1] * (leads + len(known))),
            }
        ),
        "stages": pa.table(
            {
                "lead_id": ids, "stage": ["won"] * leads, "entered_at": moments(*number), "known_at": moments(*number),
                "reason": pa.nulls(leads, pa.string()), "actor": pa.nulls(leads, pa.string()),
            }
        ),
    }  # fmt: skip


@pytest.fixture
def small_buckets(monkeypatch):
    monkeypatch.setattr("features.folder.ROWS_PER_BUCKET", 64)


def test_what_is_written_is_read(tmp_path):
    tables = company(20)
    write_history(tmp_path / "h", tables, ABOUT)
    found = read_tables(tmp_path / "h")
    for name, schema in SCHEMAS.items():
        plain = found[name].cast(schema)
        assert plain.schema == schema
        keys = [(column, "ascending") for column in schema.names]
        assert plain.sort_by(keys).to_pylist() == tables[name].cast(schema).sort_by(keys).to_pylist()


def test_rows_are_sorted_and_ties_keep_their_order(tmp_path):
    write_history(tmp_path / "h", company(2), ABOUT)
    tables = read_tables(tmp_path / "h")
    assert tables["events"]["event_id"].to_pylist() == ["e4", "e5", "e3", "e1", "e2", "e0"]
    assert tables["leads"]["lead_id"].to_pylist() == ["lead1", "lead0"], (
        "a lead without an account comes last"
    )
    assert tables["attributes"]["entity_id"].to_pylist() == ["account0", "lead0", "lead1"]


def test_values_of_a_field_are_in_the_order_they_became_known(tmp_path):
    tables = company(1)
    three = {
        "entity": ["lead"] * 3,
        "entity_id": ["lead0"] * 3,
        "field": ["industry"] * 3,
        "value": ["c", "b", "a"],
    }
    tables["attributes"] = pa.table({**three, "occurred_at": moments(2, 1, 1), "known_at": moments(2, 3, 2)})
    write_history(tmp_path / "h", tables, ABOUT)
    assert read_tables(tmp_path / "h")["attributes"]["value"].to_pylist() == ["a", "b", "c"]


def test_all_that_concerns_an_account_is_in_one_bucket(tmp_path, small_buckets):
    tables = company(100)
    write_history(tmp_path / "h", tables, ABOUT)
    manifest = read_manifest(tmp_path / "h")
    assert manifest.buckets == 8, "300 events at 64 to the bucket, and the next power of two"
    account_of = dict(
        zip(*(tables["leads"][name].to_pylist() for name in ("lead_id", "account_id")), strict=True)
    )
    bucket_of: dict[str, int] = {}
    rows = dict.fromkeys(SCHEMAS, 0)
    for bucket in range(manifest.buckets):
        found = read_bucket(tmp_path / "h", bucket)
        for name, table in found.items():
            rows[name] += table.num_rows
            ids = table["entity_id" if name == "attributes" else "lead_id"].to_pylist()
            for owner in {account_of.get(one) or one for one in ids}:
                assert bucket_of.setdefault(owner, bucket) == bucket
    assert rows == {name: table.num_rows for name, table in tables.items()}
    assert len(set(bucket_of.values())) == 8


def test_the_same_rows_give_the_same_bytes(tmp_path, small_buckets):
    for name in ("one", "two"):
        write_history(tmp_path / name, company(50), ABOUT)
    write_history(tmp_path / "two", company(50), ABOUT)
    one, two = (
        {
            file.relative_to(tmp_path / name): file.read_bytes()
            for file in (tmp_path / name).rglob("*")
            if file.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two


def test_text_that_repeats_is_read_as_dictionaries_of_its_own_bucket(tmp_path, small_buckets):
    write_history(tmp_path / "h", company(100), ABOUT)
    events = read_bucket(tmp_path / "h", 0)["events"]
    assert pa.types.is_dictionary(events.schema.field("lead_id").type)
    assert events["lead_id"].num_chunks <= 1
    assert not pa.types.is_dictionary(events.schema.field("event_id").type)


def test_a_long_text_column_stays_a_dictionary(tmp_path):
    """Parquet falls back to plain pages above 1 MB of different words, unless told otherwise."""
    tables = company(1)
    words = [f"{n:0100d}" for n in range(20_000)] * 2
    count = len(words)
    same = moments(*[1] * count)
    tables["events"] = pa.table(
        {
            "lead_id": ["lead0"] * count, "event_id": [str(n) for n in range(count)], "type": ["visit"] * count,
            "occurred_at": same, "known_at": same, "value": pa.nulls(count, pa.float64()), "topic": words,
            **{name: pa.nulls(count, pa.string()) for name in ("channel", "campaign", "source")},
        }
    )  # fmt: skip
    write_history(tmp_path / "h", tables, ABOUT)
    column = pq.ParquetFile(tmp_path / "h/events/bucket-0000.parquet").metadata.row_group(0).column(6)
    assert column.path_in_schema == "topic"
    assert column.total_uncompressed_size < 0.6 * 104 * count, "every word once, then numbers"
    assert len(read_bucket(tmp_path / "h", 0)["events"]["topic"].chunk(0).dictionary) == count // 2


def test_the_manifest_counts(tmp_path):
    write_history(
        tmp_path / "h", company(20), {**ABOUT, "sources": [{"file": "a.csv"}], "counts": {"quarantined": 3}}
    )
    manifest = read_manifest(tmp_path / "h")
    assert (manifest.tables["leads"].rows, manifest.tables["leads"].last) == (20, "1970-01-20T00:00:00Z")
    assert manifest.event_types == {"click": 20, "visit": 40}
    assert manifest.stages == {"won": 20}
    assert manifest.fields["industry"].filled == 20
    assert (manifest.fields["size"].availability, manifest.fields["size"].filled) == ("versioned", 0)
    assert (manifest.counts, manifest.sources) == ({"quarantined": 3}, ({"file": "a.csv"},))
    assert json.loads((tmp_path / "h/manifest.json").read_text())["observed_until"] == "2024-06-01T00:00:00Z"


def test_a_history_without_rows_has_all_its_files(tmp_path):
    empty = {name: schema.empty_table() for name, schema in SCHEMAS.items()}
    write_history(tmp_path / "h", empty, ABOUT)
    assert {name: table.num_rows for name, table in read_tables(tmp_path / "h").items()} == dict.fromkeys(
        SCHEMAS, 0
    )
    assert read_manifest(tmp_path / "h").tables["events"].first is None


def test_says_which_command_makes_a_missing_history(tmp_path):
    with pytest.raises(TableError, match="make one: leadlight ingest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "observed_until": "soon"}'])
def test_refuses_a_damaged_manifest(tmp_path, text):
    write_history(tmp_path / "h", company(2), ABOUT)
    (tmp_path / "h/manifest.json").write_text(text)
    with pytest.raises(TableError, match=r"manifest\.json"):
        read_manifest(tmp_path / "h")


def test_refuses_a_bucket_with_a_flipped_bit(tmp_path):
    write_history(tmp_path / "h", company(2), ABOUT)
    file = tmp_path / "h/events/bucket-0000.parquet"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(TableError, match="is not the file that was written"):
        read_bucket(tmp_path / "h", 0)


@pytest.mark.parametrize("bucket", [-1, 1])
def test_refuses_a_bucket_that_is_not_there(tmp_path, bucket):
    write_history(tmp_path / "h", company(2), ABOUT)
    with pytest.raises(TableError, match="has buckets 0 to 0"):
        read_bucket(tmp_path / "h", bucket)


def test_never_replaces_what_is_no_history(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(TableError, match="is no history"):
        write_history(tmp_path, company(2), ABOUT)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_refuses_tables_without_the_promised_shape(tmp_path):
    tables = company(2)
    tables["leads"] = tables["leads"].set_column(0, "lead_id", pa.array(["a", None]))
    tables["stages"] = tables["stages"].drop_columns(["actor"])
    del tables["events"]
    with pytest.raises(TableError) as caught:
        write_history(tmp_path / "h", tables, ABOUT)
    assert caught.value.problems == (
        "table 'events' is missing", "leads.lead_id has empty cells", "table 'stages' lacks column 'actor'",
    )  # fmt: skip


def test_refuses_rows_of_unknown_leads_and_fields_nobody_vouches_for(tmp_path, small_buckets):
    tables = company(100)
    with pytest.raises(TableError, match="availability of industry"):
        write_history(tmp_path / "h", tables, {**ABOUT, "fields": {"size": ABOUT["fields"]["size"]}})
    tables["leads"] = tables["leads"].slice(1)
    with pytest.raises(TableError, match="leads that are not in table 'leads'"):
        write_history(tmp_path / "h", tables, ABOUT)
    assert not (tmp_path / "h").exists()

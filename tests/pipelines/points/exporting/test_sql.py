"""The query, run by DuckDB on the Parquet files of a history, says what the kernel says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from features.clock import iso
from features.folder import read_tables
from features.history import History
from features.sheet import Rule, RuleTest, Sheet
from pipelines.points.exporting.sql import group_columns, rule_columns, sql_files, to_sql
from tests.builders import at, tables
from tests.features import strategies
from tests.pipelines.conftest import Vendor
from tests.pipelines.points.exporting.sheets import GRID, WHOLE, WORN, Judged

MOMENTS = (at("2024-06-01"), at("2025-01-15") + 43_200_123_456)
NEAR = 1e-6
"""The matrix holds ages and worn-off sums in 4 bytes: half a unit of their last digit is 6e-8 of them, and a sum of
halved points may be rounded to the neighbour where DuckDB adds the events in another order."""


def asked(source: duckdb.DuckDBPyConnection, query: str, as_of: int) -> dict[str, Any]:
    """Columns of the answer."""
    found = source.execute(query, {"as_of": iso(as_of)}).fetchnumpy()
    return {name: np.ma.getdata(column) for name, column in found.items()}


def in_memory(given: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """A database of these tables."""
    source = duckdb.connect(config={"threads": 1})
    for name in ("leads", "events", "attributes"):
        source.register(name, given[name])
    return source


def without_minus(points: np.ndarray) -> bool:
    """Whether no 0 among them shows as -0.0."""
    return not np.signbit(points[points == 0]).any()


def check(answer: dict[str, Any], sheet: Sheet, judged: Judged, near: float = 0.0) -> None:
    said = judged.evaluated
    assert list(answer["lead_id"]) == list(judged.lead_id)
    for column, name in enumerate(rule_columns(sheet)):
        np.testing.assert_allclose(answer[name], said.by_rule[:, column], rtol=near, atol=near, err_msg=name)
    for column, name in enumerate(group_columns(sheet)):
        np.testing.assert_allclose(answer[name], said.by_group[:, column], rtol=near, atol=near, err_msg=name)
    np.testing.assert_allclose(answer["total"], said.total, rtol=near, atol=near)
    assert all(without_minus(points) for points in answer.values() if points.dtype.kind == "f")
    assert list(answer["is_mql"]) == list(said.is_mql)
    if sheet.grid is not None:
        assert list(answer["cell"]) == list(said.cell)


@pytest.fixture(scope="module")
def on_disk(vendor: Vendor) -> duckdb.DuckDBPyConnection:
    """The simulated company's history, read as the head of the query says."""
    source = duckdb.connect(config={"threads": 1})
    for name in ("leads", "events", "attributes"):
        files = vendor.history / name / "*.parquet"
        source.read_parquet(str(files)).create_view(name)
    source.execute("SET TimeZone = 'America/New_York'")  # which must not matter
    return source


@pytest.fixture(scope="module")
def known(vendor: Vendor) -> History:
    return History.from_tables(read_tables(vendor.history))


@pytest.mark.parametrize("as_of", MOMENTS)
@pytest.mark.parametrize("sheet", [WHOLE, GRID], ids=lambda sheet: sheet.name)
def test_whole_points_are_the_kernels(sheet, as_of, on_disk, known):
    judged = Judged.of(sheet, known, as_of)
    assert 0 < judged.evaluated.is_mql.sum() < len(judged.lead_id)
    assert judged.evaluated.caps_bind.any()
    assert all(judged.evaluated.by_rule[:, at].any() for at, rule in enumerate(sheet.rules) if rule.points)
    check(asked(on_disk, to_sql(sheet), as_of), sheet, judged)


def test_a_thousand_leads(on_disk, known):
    as_of = at("2026-01-01")
    judged = Judged.of(WHOLE, known, as_of)
    assert len(judged.lead_id) >= 1000
    check(asked(on_disk, to_sql(WHOLE), as_of), WHOLE, judged)


@pytest.mark.parametrize("as_of", MOMENTS)
def test_the_companys_own_sheet(as_of, on_disk, known, vendor):
    sheet = vendor.playbook.sheet
    check(asked(on_disk, to_sql(sheet), as_of), sheet, Judged.of(sheet, known, as_of))


@pytest.mark.parametrize("as_of", MOMENTS)
def test_points_that_wear_off_are_the_kernels_to_its_last_digit(as_of, on_disk, known):
    judged = Judged.of(WORN, known, as_of)
    assert judged.evaluated.by_rule.any(axis=0).all()
    check(asked(on_disk, to_sql(WORN), as_of), WORN, judged, NEAR)


ODD = {
    "whole numbers": {"at_least": 12},
    "fractions": {"at_least": 3.5, "below": 12},
    "negative": {"below": 0},
    "as the matrix rounds": {"at_least": 0.7, "below": 0.7000001},
}


DIRTY = Sheet.model_validate(
    {
        "mql_at": 20,
        "rules": [
            {"name": "a", "points": 3, "each": True, "when": {"event": "visit", "days": 7}},
            {"name": "b", "points": 5, "when": {"event": "any", "days": 30, "times": 2}},
            {
                "name": "c",
                "points": 2,
                "each": True,
                "most": 4,
                "when": {"event": "any", "where": {"at_least": 0.1}},
            },
            {"name": "d", "points": 1, "each": True, "when": {"event": "click", "where": {"below": 1}}},
            {"name": "e", "points": -2, "when": {"event": "form", "silent_days": 30}},
            {"name": "f", "points": 4, "when": {"event": "any"}, "decay": {"steps": {1: 0.5, 30: 0.25}}},
            {
                "name": "g",
                "points": 8,
                "each": True,
                "when": {"event": "any"},
                "decay": {"steps": {7: 0.5, 90: 0}},
            },
            {"name": "h", "points": 16, "when": {"attribute": "industry", "contains": ["BIO"]}},
            {
                "name": "i",
                "points": 32,
                "when": {"attribute": "industry", "entity": "account", "one_of": ["12"]},
            },
            {"name": "whole", "points": 64, "when": {"attribute": "size", "at_least": 12}},
            {"name": "between", "points": 64, "when": {"attribute": "size", "at_least": 3.5, "below": 12}},
            {"name": "negative", "points": 64, "when": {"attribute": "size", "below": 0}},
        ],
    }
)


@settings(max_examples=60)
@given(case=strategies.cases())
def test_small_dirty_histories(case):
    """Late, tied, emptied and misread rows, at the very edges of windows; on disk each event is there once."""
    once = {(row["lead_id"], row["event_id"]): row for row in reversed(case.rows["events"])}
    kept = case.having(events=list(once.values()))
    source = in_memory(kept.tables)
    for as_of in sorted(set(case.as_of.tolist()))[:3]:  # planning the query takes longer than running it
        judged = Judged.of(DIRTY, kept.history, as_of)
        check(asked(source, to_sql(DIRTY), as_of), DIRTY, judged)


@pytest.mark.parametrize(
    "told",
    ["1_000", " 12 ", "+5", ".5", "5.", "1e3", "1E-2", "inf", "nan", "", "1__0", "_1", "0x10", "1e400", "3.5e38",
     "-3.4e38", "0.7", "12 people", "1,000", "infinity", "١٢", "1e", "-", "1_0.0_1e0_2", "\t7\n"],
)  # fmt: skip
def test_numbers_are_read_as_the_kernel_reads_them(told):
    row = {"entity": "lead", "entity_id": "ann", "field": "size", "value": told, "occurred_at": "2026-01-02"}
    written = tables(leads="lead created\nann 2026-01-01", attributes=[row])
    limits = [-1e38, 0.5, 0.7, 5, 7, 10, 12, 100, 1000]
    rules = [Rule(name=f"{x}", points=1, when=RuleTest(attribute="size", at_least=x)) for x in limits]
    sheet = Sheet(mql_at=1, rules=tuple(rules))
    judged = Judged.of(sheet, History.from_tables(written), at("2026-02-01"))
    if told != "١٢":  # digits of other scripts, which no export writes, are no number in SQL
        check(asked(in_memory(written), to_sql(sheet), at("2026-02-01")), sheet, judged)


def test_names_and_words_cannot_break_the_query():
    wild = "it's --\n\"); DROP TABLE leads; /* ß"
    rules = [
        {
            "name": wild,
            "points": 1,
            "group": wild,
            "when": {"attribute": "title", "one_of": [wild, "%", "_"]},
        },
        {"name": "-- " + wild, "points": 2, "when": {"attribute": wild, "contains": ["%", "STRASSE"]}},
        {"name": "lead_id", "points": 4, "when": {"event": wild, "where": {"topic": wild}}},
    ]
    sheet = Sheet.model_validate({"name": wild, "mql_at": 1, "groups": {wild: {"most": 5}}, "rules": rules})
    happened = {"entity": "lead", "entity_id": "ann", "occurred_at": "2026-01-02"}
    written = tables(
        leads="lead created\nann 2026-01-01\nbob 2026-01-01",
        events=[{"lead": "ann", "type": wild, "topic": wild, "at": "2026-01-03"}],
        attributes=[
            {**happened, "field": "title", "value": wild},
            {**happened, "field": wild, "value": "Straße"},
        ],
    )
    judged = Judged.of(sheet, History.from_tables(written), at("2026-02-01"))
    assert judged.evaluated.total.tolist() == [7, 0]
    check(asked(in_memory(written), to_sql(sheet), at("2026-02-01")), sheet, judged)


def test_an_excused_attribute_is_read_as_known_when_it_happened():
    rule = Rule(name="big", points=5, when=RuleTest(attribute="size", at_least=10))
    sheet = Sheet(mql_at=5, rules=(rule,))
    written = tables(
        leads="lead created\nann 2026-01-01",
        attributes="entity id field value at known\nlead ann size 50 2026-01-02 2027-01-01",
    )
    source, as_of = in_memory(written), at("2026-02-01")
    assert asked(source, to_sql(sheet), as_of)["total"].tolist() == [0]
    excused = asked(source, to_sql(sheet, excused=["size"]), as_of)
    check(excused, sheet, Judged.of(sheet, History.from_tables(written).excusing(["size"]), as_of))
    assert excused["total"].tolist() == [5]


def test_who_is_not_there_yet_is_not_listed():
    sheet = Sheet(mql_at=5, rules=(Rule(name="big", points=5, when=RuleTest(event="visit")),))
    written = tables(leads="lead created\nann 2026-01-01\nbob 2026-01-02")
    assert list(asked(in_memory(written), to_sql(sheet), at("2026-01-02"))["lead_id"]) == ["ann"]


def test_what_the_sheet_leaves_open_is_told():
    undecided = Sheet(name="mine", rules=(Rule(name="big", points=5, when=RuleTest(event="visit")),))
    files = sql_files(undecided)
    assert [gap.about for gap in files.unsaid] == ["the sheet"]
    assert files.files.keys() == {"points.sql"}
    assert not sql_files(WHOLE).unsaid


def test_the_query_is_written_to_a_folder(tmp_path: Path):
    [path] = sql_files(WHOLE).write(tmp_path / "new")
    assert path.read_text(encoding="utf-8") == to_sql(WHOLE)

"""Formulas, evaluated lead by lead, say what the kernel says; and they keep within the limits of Salesforce."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest

from features.clock import DAY
from features.errors import LeadlightError
from features.folder import read_tables
from features.history import History
from features.kernel import build
from features.sheet import Rule, RuleTest, Sheet
from pipelines.points.exporting.salesforce import Salesforce, to_salesforce
from pipelines.points.exporting.salesforce_fields import ToFill
from pipelines.points.exporting.salesforce_files import salesforce_files
from tests.builders import at, tables
from tests.pipelines.conftest import Vendor
from tests.pipelines.points.exporting.formula import compiled, evaluate
from tests.pipelines.points.exporting.sheets import GRID, WHOLE, WORN, Judged

MOMENTS = (at("2025-01-15") + 43_200_123_456, at("2026-01-01"))
NEAR = 5e-5
"""Formulas keep shares of a millionth and less, which the sheet takes for gone, of some 20 points; and they reckon with
ages as they are, which the matrix holds in 4 bytes."""


@pytest.fixture(scope="module")
def known(vendor: Vendor) -> History:
    return History.from_tables(read_tables(vendor.history))


def records(built: Salesforce, judged: Judged, history: History, as_of: int) -> list[dict[str, object]]:
    """Each lead as Salesforce has it, filled as the list of fields says."""
    features = [one.feature for one in built.to_fill if one.feature is not None]
    matrix = build(features, history, judged.lead_id, np.full(len(judged.lead_id), as_of))
    today = as_of / DAY
    created = history.created_at[history.lead_rows(judged.lead_id)] / DAY

    def column(one: ToFill) -> list[object]:
        if one.feature is None:
            return [line or None for line in judged.line]
        if one.feature.is_category:
            return [word or None for word in matrix.texts(one.feature.name)]
        values = [None if np.isnan(value) else float(value) for value in matrix.column(one.feature.name)]
        return [None if v is None else today - v for v in values] if one.type == "Date/Time" else list(values)

    filled = {one.api_name: column(one) for one in built.to_fill} | {"CreatedDate": list(created)}
    rows = zip(*filled.values(), strict=True)
    return [dict(zip(filled, row, strict=True)) | {"NOW()": today} for row in rows]


def check(sheet: Sheet, history: History, as_of: int, near: float = 0.0) -> Judged:
    built, judged = to_salesforce(sheet), Judged.of(sheet, history, as_of)
    leads = records(built, judged, history, as_of)
    for made in built.made:  # in the order in which they can be made: none needs a later one
        formula = compiled(made.formula.text)
        for lead in leads:
            lead[made.api_name] = formula(lead)
    said = judged.evaluated
    np.testing.assert_allclose([lead[built.total] for lead in leads], said.total, rtol=near, atol=near)
    for place, group in enumerate(sheet.groups):
        points = [lead[built.groups[group]] for lead in leads]
        np.testing.assert_allclose(points, said.by_group[:, place], rtol=near, atol=near)
    assert [lead[built.mql] for lead in leads] == list(said.is_mql)
    if sheet.grid is not None:
        assert [lead[built.cell] for lead in leads] == list(said.cell)
    return judged


@pytest.mark.parametrize("as_of", MOMENTS)
@pytest.mark.parametrize("sheet", [WHOLE, GRID], ids=lambda sheet: sheet.name)
def test_whole_points_are_the_kernels(sheet, as_of, known):
    judged = check(sheet, known, as_of)
    assert 0 < judged.evaluated.is_mql.sum() < len(judged.lead_id)


@pytest.mark.parametrize("as_of", MOMENTS)
def test_the_companys_own_sheet(as_of, known, vendor):
    check(vendor.playbook.sheet, known, as_of)


def test_a_thousand_leads(known):
    assert len(check(WHOLE, known, at("2026-01-01")).lead_id) >= 1000


@pytest.mark.parametrize("as_of", MOMENTS)
def test_points_that_wear_off_are_the_kernels_to_its_last_digit(as_of, known):
    check(WORN, known, as_of, NEAR)


def within_limits(built: Salesforce) -> None:
    for made in built.made:
        assert len(made.formula.text) <= 3_900
        assert len(made.formula.text.encode()) <= 4_000
        assert made.formula.size <= 15_000
    names = [one.api_name for one in (*built.to_fill, *built.made)]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[a-z](_?[a-z0-9])*__c", name) and len(name) <= 43 for name in names)


def words(count: int) -> list[str]:
    return [f"Fachrichtung Nº {number} «Ärzte»" for number in range(count)]


def large(rules: int, count: int) -> Sheet:
    """Rules with many words, half of them in a group with a cap."""
    made = [
        {
            "name": f"rule {number}",
            "points": number % 7 - 2,
            "group": "fit" if number % 2 else None,
            "qualifies": number == 3,
            "when": {"attribute": "title", "one_of": words(count)[number::3]}
            if number % 3
            else {"attribute": "title", "contains": [word.upper() for word in words(count)[number::4]]},
        }
        for number in range(rules)
    ]
    return Sheet.model_validate({"mql_at": 9, "groups": {"fit": {"most": 20}}, "rules": made})


@pytest.mark.parametrize(("rules", "count"), [(4, 30), (8, 150), (3, 600), (40, 40), (90, 99)])
def test_large_sheets_are_split_and_say_the_same(rules, count):
    sheet = large(rules, count)
    titles = [{"lead": f"l{n:03}", "created": "2026-01-01"} for n in range(count)]
    facts = [
        {"entity": "lead", "id": f"l{n:03}", "field": "title", "value": word, "at": "2026-01-02"}
        for n, word in enumerate(words(count))
    ]
    history = History.from_tables(tables(leads=titles, attributes=facts))
    within_limits(to_salesforce(sheet))
    judged = check(sheet, history, at("2026-02-01"))
    assert len(set(judged.evaluated.total)) > 2


def test_parts_are_stored_only_where_formulas_would_get_too_large():
    assert not any(made.stored for made in to_salesforce(large(8, 30)).made)
    files = salesforce_files(large(90, 99))
    assert "stored, set by a flow" in files.files["fields.csv"]
    assert any("stored by a flow" in note for note in files.notes)


def test_what_cannot_be_kept_within_the_limits_is_refused():
    silent = [
        Rule(name=f"{days}", points=1, when=RuleTest(event="any", silent_days=days)) for days in range(1, 400)
    ]
    with pytest.raises(LeadlightError, match="too large for Salesforce") as refused:
        to_salesforce(Sheet(mql_at=1, rules=tuple(silent)))
    assert any(problem.startswith("points_total__c: ") for problem in refused.value.problems)


def test_the_files_name_every_field_and_formula(vendor):
    sheet = vendor.playbook.sheet
    built, files = to_salesforce(sheet), salesforce_files(sheet)
    within_limits(built)
    rows = list(csv.DictReader(io.StringIO(files.files["fields.csv"])))
    assert [row["api_name"] for row in rows] == [one.api_name for one in (*built.to_fill, *built.made)]
    for row in rows[len(built.to_fill) :]:
        assert len(files.files[row["formula"]].rstrip("\n")) == int(row["characters"])
    assert {"README.md", "fields.csv"} < set(files.files)


@pytest.mark.parametrize("sheet", [WHOLE, GRID, large(8, 150), large(90, 99)], ids=lambda sheet: sheet.name)
def test_each_rule_is_found_in_its_formula(sheet):
    exported = salesforce_files(sheet)
    rows = list(csv.DictReader(io.StringIO(exported.files["rules.csv"])))
    assert list(dict.fromkeys(row["rule"] for row in rows)) == [rule.name for rule in sheet.rules]
    for row in rows:
        assert row["part"] in exported.files[row["formula"]] if row["field"] else row["gives"] == "nothing"
    said = {(row["rule"], row["gives"]) for row in rows if row["field"]}
    points = {(rule.name, "points") for rule in sheet.rules if rule.points}
    assert said == points | {(rule.name, "MQL at once") for rule in sheet.rules if rule.qualifies}
    absent = [gap.about for gap in exported.unsaid if gap.why == "it gives 0 points and is left out"]
    assert absent == [row["rule"] for row in rows if row["gives"] == "nothing"]


def test_what_formulas_cannot_say_is_told_by_rule():
    assert [gap.about for gap in salesforce_files(WORN).unsaid] == ["each visit", "each click"]
    odd = [
        Rule(name="long", points=1, when=RuleTest(attribute="title", one_of=("x" * 256,))),
        Rule(name="street", points=1, when=RuleTest(attribute="title", contains=("straße",))),
    ]
    assert [gap.about for gap in salesforce_files(Sheet(rules=tuple(odd))).unsaid] == [
        "the sheet",
        "street",
        "long",
    ]


def test_words_cannot_break_a_formula():
    wild = 'a "b" \\ c\nd, IF('
    rule = Rule(name=wild, points=5, when=RuleTest(attribute=wild, one_of=(wild,)))
    facts = [{"entity": "lead", "id": "ann", "field": wild, "value": wild, "at": "2026-01-02"}]
    history = History.from_tables(tables(leads="lead created\nann 2026-01-01", attributes=facts))
    judged = check(Sheet(mql_at=5, rules=(rule,)), history, at("2026-02-01"))
    assert judged.evaluated.total.tolist() == [5]


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("-(1 - 3) * 2", 4.0),
        ('IF(AND(x > 1, NOT(ISBLANK(t))), "yes", "no")', "yes"),
        ('CASE(t, "A", 1, "a", 2, 3)', 2.0),
        ('CONTAINS(LOWER("Head of R&D"), "r&d")', True),
        ("BLANKVALUE(nothing, 7) + MIN(x, 9) + MAX(0, -1)", 9.0),
        ("nothing >= 0", False),
        ("nothing + 1", None),
        ('"A" & "1" = "A1"', True),
        ("OR(x = 1, x <> 3)", True),
        ("EXP(-LN(2) * (NOW() - moment) / 30)", 0.25),
    ],
)
def test_the_evaluator(formula, value):
    record = {"x": 2.0, "t": "a", "nothing": None, "moment": 40.0, "NOW()": 100.0}
    assert evaluate(formula, record) == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    "formula", ["1 +", "(1", "IF(1, 2", "NOT(1, 2)", "1 2", '"open', "CASE(x, 1, 2)", "#"]
)
def test_the_evaluator_refuses_what_is_no_formula(formula):
    with pytest.raises(SyntaxError):
        evaluate(formula, {"x": 1.0})

"""Tables to type in: every rule is in them, what differs is told, and who is an MQL comes out the same."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import LeadlightError
from features.folder import read_tables
from features.history import History
from features.sheet import Decay, Rule, RuleTest, Sheet
from pipelines.points.exporting.criteria import windows
from pipelines.points.exporting.exported import Exported
from pipelines.points.exporting.names import one_each
from pipelines.points.exporting.targets import Target, export
from tests.builders import at
from tests.pipelines.points.exporting.sheets import GRID, WHOLE, WORN, Judged
from tests.pipelines.points.rules import decays, rules

TYPED: tuple[Target, ...] = ("hubspot", "marketo")
EVERY: tuple[Target, ...] = ("yaml", "csv", "sql", "salesforce", "hubspot", "marketo")


def rows(exported: Exported, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.files[name])))


@pytest.mark.parametrize("target", TYPED)
@pytest.mark.parametrize("sheet", [WHOLE, GRID, WORN], ids=lambda sheet: sheet.name)
def test_every_rule_is_there_and_every_gap_at_its_rule(sheet, target):
    exported = export(sheet, target)
    told = rows(exported, f"{target}.csv")
    named = list(dict.fromkeys(row["rule"] for row in told if row["rule"]))
    assert named == [rule.name for rule in sheet.rules]
    known = {*named, *sheet.groups, "the sheet"}
    assert {gap.about for gap in exported.unsaid} <= known
    for rule in named:
        differs = " ".join(gap.why for gap in exported.unsaid if gap.about == rule)
        assert differs in {row["differs"] for row in told if row["rule"] == rule}


def held(row: dict[str, str], judged: Judged, sheet: Sheet, score: str) -> np.ndarray:
    """Whom a row of ``mql.csv`` holds for."""
    what, said = row["criterion"], judged.evaluated
    if what == "service line":
        inside = np.isin(judged.line.astype(str), row["value"].split("; "))
        return ~inside if row["operator"] == "is none of" else inside
    if what.startswith("rule "):
        [place] = [at for at, rule in enumerate(sheet.rules) if what == f"rule {rule.name!r}"]
        return said.times[:, place] > 0
    group = list(sheet.groups).index(what.removeprefix("points of ")) if what != score else -1
    points = said.total if what == score else said.by_group[:, group]
    reached = points >= float(row["value"])
    return reached if row["operator"] == "is at least" else ~reached


@pytest.mark.parametrize(("target", "score"), [("hubspot", "the score"), ("marketo", "Person Score")])
@pytest.mark.parametrize("sheet", [WHOLE, GRID, WORN], ids=lambda sheet: sheet.name)
def test_the_alternatives_are_who_is_an_mql(sheet, target, score, vendor):
    history = History.from_tables(read_tables(vendor.history))
    judged = Judged.of(sheet, history, at("2025-01-15"))
    alternatives: dict[str, np.ndarray] = {}
    for row in rows(export(sheet, target), "mql.csv"):
        before = alternatives.get(row["alternative"], np.ones(len(judged.lead_id), dtype=bool))
        alternatives[row["alternative"]] = before & held(row, judged, sheet, score)
    assert list(np.any(list(alternatives.values()), axis=0)) == list(judged.evaluated.is_mql)
    assert judged.evaluated.is_mql.any()


@given(decay=decays().filter(lambda decay: decay.steps is not None), age=st.integers(1, 4000))
def test_windows_give_what_steps_leave(decay: Decay, age: int):
    rule = Rule(name="a", points=10, when=RuleTest(event="visit"), decay=decay)
    left = [share for days, share in (decay.steps or {}).items() if age > days]
    given = sum(one.points for one in windows(rule) if one.days is None or age <= one.days)
    assert given == pytest.approx(10 * (left[-1] if left else 1.0), abs=1e-6)


def test_points_of_steps_are_taken_away_again():
    [row] = [row for row in rows(export(WHOLE, "marketo"), "marketo.csv") if row["rule"] == "clicks age"]
    assert row["value"] == "+8"
    assert row["flow"] == "Change Score; Wait 30 days; Change Score -4; Wait 60 days; Change Score -4"


def test_what_hubspot_has_no_words_for():
    gaps = {gap.about: gap.why for gap in export(WORN, "hubspot").unsaid}
    assert gaps.keys() == {"prices", "note", "each visit", "each click", "interest"}
    told = {row["rule"]: row for row in rows(export(WORN, "hubspot"), "hubspot.csv")}
    assert told["note"]["decay"] == "50 % every month"
    assert told["each click"]["decay"] == "100 % every month"
    told = {row["rule"]: row for row in rows(export(WHOLE, "hubspot"), "hubspot.csv")}
    assert told["by mail"]["limit_of_the_rule"] == "-3"
    assert told["Demo"]["limit_of_the_rule"] == "7"


def test_what_marketo_has_no_words_for():
    gaps = [str(gap) for gap in export(WHOLE, "marketo").unsaid]
    assert "visits: its cap of 12 cannot be set." in gaps
    odd = Sheet(rules=(Rule(name="half", points=0.5, when=RuleTest(event="visit")),))
    assert [gap.about for gap in export(odd, "marketo").unsaid] == ["half", "the sheet"]


@given(rule=rules())
def test_any_rule_can_be_handed_over(rule):
    groups = {rule.group: {}} if rule.group else {}
    sheet = Sheet.model_validate({"mql_at": 1, "groups": groups, "rules": [rule]})
    for target in EVERY:
        try:
            exported = export(sheet, target)
        except LeadlightError:
            assert target == "salesforce"
            continue
        assert all(exported.files.values())


def test_names_are_accepted_and_differ():
    names = one_each(["Demo!", "demo", "x" * 80, "x" * 90, "12 visits", "日本", ""], 40)
    assert len(set(names)) == 7
    assert all(len(name) <= 40 and name[0].isalpha() for name in names)

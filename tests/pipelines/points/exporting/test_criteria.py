"""Tables to type in: every rule is in them, what differs is told, and who is an MQL comes out the same."""

from __future__ import annotations

import csv
import io
import re

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
from pipelines.points.exporting.names import one_each, plain_name
from pipelines.points.exporting.targets import Target, export
from tests.builders import at
from tests.pipelines.points.exporting.sheets import GRID, WHOLE, WORN, Judged
from tests.pipelines.points.rules import decays, rules

TYPED: tuple[Target, ...] = ("hubspot", "marketo")
EVERY: tuple[Target, ...] = ("yaml", "csv", "sql", "salesforce", "hubspot", "marketo")


def rows(exported: Exported, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.files[name])))


def left_out(exported: Exported) -> list[str]:
    return [gap.about for gap in exported.unsaid if gap.why == "it gives 0 points and is left out"]


@pytest.mark.parametrize("target", TYPED)
@pytest.mark.parametrize("sheet", [WHOLE, GRID, WORN], ids=lambda sheet: sheet.name)
def test_every_rule_is_there_and_every_gap_at_its_rule(sheet, target):
    exported = export(sheet, target)
    told = rows(exported, f"{target}.csv")
    named = list(dict.fromkeys(row["rule"] for row in told if row["rule"]))
    absent = left_out(exported)
    assert named == [rule.name for rule in sheet.rules if rule.name not in absent]
    assert absent == (["nothing"] if sheet is WHOLE and target == "marketo" else [])
    known = {*named, *absent, *sheet.groups, "the sheet"}
    assert {gap.about for gap in exported.unsaid} <= known
    for rule in named:
        differs = " ".join(gap.why for gap in exported.unsaid if gap.about == rule)
        assert differs in {row["differs"] for row in told if row["rule"] == rule}


def held(row: dict[str, str], judged: Judged, sheet: Sheet, score: str) -> np.ndarray:
    """Whom a row of ``mql.csv`` holds for."""
    what, said = row["criterion"], judged.evaluated
    if what == "service line":
        inside = np.isin(judged.line.astype(str), row["value"].strip('"').split('"; "'))
        return ~inside if row["operator"] == "is none of" else inside
    if what.startswith("rule "):
        [place] = [at for at, rule in enumerate(sheet.rules) if what == f"rule {rule.name!r}"]
        return said.times[:, place] > 0
    if what == "member of list":
        [place] = [at for at, rule in enumerate(sheet.rules) if rule.qualifies]
        assert row["value"] == plain_name(sheet.rules[place].name, 40)
        return said.times[:, place] > 0
    group = list(sheet.groups).index(re.sub("^(points of|Score) ", "", what)) if what != score else -1
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


WILD = {"topic": ["gene, or cell", 'the "best"; ever'], "channel": ["email"]}
WILD_TOLD = 'topic is any of "gene, or cell"; "the ""best""; ever" AND channel is any of "email"'
AT_ONCE = Sheet.model_validate(
    {
        "groups": {"fit": {}},
        "needs": {"fit": 5},
        "mql_at": 10,
        "rules": [
            {"name": "demo", "points": 0, "qualifies": True, "when": {"event": "demo", "days": 30, "where": WILD}},
            {"name": "stepped", "points": 9, "qualifies": True, "decay": {"steps": {7: 0.5, 30: 0}},
             "when": {"event": "demo"}},
            {"name": "unscored steps", "points": 0, "qualifies": True, "decay": {"steps": {7: 0.5, 30: 0}},
             "when": {"event": "demo"}},
            {"name": "each", "points": 2, "qualifies": True, "each": True, "when": {"event": "demo"}},
            {"name": "worn", "points": 2, "qualifies": True, "decay": {"linear_days": 60}, "when": {"event": "demo"}},
            {"name": "fits", "points": 5, "group": "fit",
             "when": {"attribute": "size", "one_of": ["S; M"], "at_least": 3}},
        ],
    }
)  # fmt: skip


def test_marketo_keeps_who_qualifies_on_lists():
    exported = export(AT_ONCE, "marketo")
    members = [row["value"] for row in rows(exported, "mql.csv") if row["criterion"] == "member of list"]
    assert members == ["demo", "stepped__2", "unscored_steps"]
    told = rows(exported, "marketo.csv")
    assert all(any(f"Add to List {name}" == row["flow"].split("; ")[-1] for row in told) for name in members)
    [widest] = [row for row in told if row["campaign"] == "stepped__2: give"]
    assert widest["smart_list"].startswith("demo in the last 30 days AND not")
    gaps = {gap.about: gap.why for gap in exported.unsaid}
    assert "member of list stepped__2: request the MQL campaign" in gaps["stepped"]
    assert all("no list keeps who has it" in gaps[name] for name in ("each", "worn"))


def test_marketo_changes_no_score_by_nothing():
    told = [row for row in rows(export(AT_ONCE, "marketo"), "marketo.csv") if row["rule"] == "demo"]
    assert [row["flow"] for row in told] == ["Add to List demo", "Remove from List demo"]
    assert not any(row["score_fields"] + row["token"] + row["value"] for row in told)


def test_marketo_asks_for_the_score_that_its_campaigns_change():
    exported = export(AT_ONCE, "marketo")
    changed = {row["score_fields"] for row in rows(exported, "marketo.csv") if row["rule"] == "fits"}
    assert changed == {"Person Score; Score fit"}
    assert "Score fit" in {row["criterion"] for row in rows(exported, "mql.csv")}


def test_words_with_commas_and_semicolons_stay_whole():
    told = {row["rule"]: row for row in rows(export(AT_ONCE, "hubspot"), "hubspot.csv")}
    assert told["demo"]["refined_by"] == WILD_TOLD
    told = {row["campaign"]: row for row in rows(export(AT_ONCE, "marketo"), "marketo.csv")}
    who = f"demo ({WILD_TOLD}) in the last 30 days"
    assert told["demo: give"]["smart_list"] == f"{who} AND not member of list demo"
    fits = 'size is any of "S; M" AND size is at least 3'
    assert told["fits: take"]["smart_list"] == f"member of list fits AND not ({fits})"


def test_hubspot_scores_nothing_by_nothing():
    exported = export(AT_ONCE, "hubspot")
    told = [row for row in rows(exported, "hubspot.csv") if row["rule"] in {"demo", "unscored steps"}]
    assert len(told) == 2
    assert not any(row["score"] + row["points"] + row["limit_of_the_rule"] for row in told)
    assert all("no points: only for mql.csv." in row["differs"] for row in told)
    assert any("points of which add up" in note for note in exported.notes)


def test_german_letters_are_spelled_out():
    assert plain_name("Größe des ÄRZTEHAUSES", 40) == "groesse_des_aerztehauses"
    assert plain_name("fu\N{COMBINING DIAERESIS}r", 40) == "fuer"


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

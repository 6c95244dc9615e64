"""What cannot be meant of a sheet as a whole."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import DefinitionError
from features.playbook import parse_playbook
from features.sheet import Sheet
from features.sheet_checks import sheet_problems
from tests.builders import playbook, sql

EDGES = (None, 0.0, 10.0, 50.0, 200.0)
VISIT = {"name": "visit", "points": 5, "when": {"event": "visit"}}


def sheet(*rules: dict[str, Any], **more: Any) -> Sheet:
    """A sheet of a visit and of ``rules``."""
    return Sheet.model_validate({"rules": [VISIT, *rules], **more})


def band(name: str, points: float = 5.0, **when: Any) -> dict[str, Any]:
    """A rule on the size of a company."""
    return {"name": name, "points": points, "when": {"attribute": "size", **when}}


@st.composite
def bands(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Ranges of one attribute."""
    found = []
    for name in draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)):
        low, high = draw(st.sampled_from(EDGES)), draw(st.sampled_from(EDGES))
        if (low, high) != (None, None) and (low is None or high is None or low < high):
            limits = {"at_least": low, "below": high}
            found.append(band(name, **{key: limit for key, limit in limits.items() if limit is not None}))
    return found


def holds(rule: dict[str, Any], value: float) -> bool:
    when = rule["when"]
    return when.get("at_least", -math.inf) <= value < when.get("below", math.inf)


@given(bands())
def test_ranges_are_refused_just_where_a_value_gets_points_twice(drawn):
    """Every range ends at one of EDGES, so one value between each two tells all."""
    pairs = [(a, b) for at, b in enumerate(drawn, start=1) for a in drawn[: at - 1]]
    values = (-1.0, 0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 1000.0)
    twice = sum(any(holds(a, value) and holds(b, value) for value in values) for a, b in pairs)
    assert len(sheet_problems(sheet(*drawn))) == twice


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        pytest.param(
            band("50 or more", 10, at_least=50),
            band("500 or more", 15, at_least=500),
            "'500 or more' and '50 or more' both hold for size from 500 on, so a lead there gets 25 points; "
            "write below: 500 for '50 or more'",
            id="a ladder",
        ),
        pytest.param(
            band("large", 15, at_least=100),
            band("middle", 10, at_least=50, below=500),
            "both hold for size from 100 to below 500, so a lead there gets 25 points; "
            "write below: 100 for 'middle'",
            id="the lower one second",
        ),
        pytest.param(
            band("all but the smallest", 5, at_least=10),
            band("middle", 10, at_least=50, below=200),
            "write below: 50 for 'all but the smallest', and a rule of its own from at_least: 200",
            id="one within the other",
        ),
        pytest.param(
            band("any", 5, at_least=10),
            band("small", 10, at_least=10, below=50),
            "write at_least: 50 for 'any'",
            id="one start",
        ),
        pytest.param(
            band("small", 5, below=10),
            band("tiny", 10, below=3),
            "both hold for size below 3, so a lead there gets 15 points; write at_least: 3 for 'small'",
            id="open below",
        ),
        pytest.param(
            band("x", 5, at_least=3), band("y", 1, at_least=3), "write one rule with the points", id="the same"
        ),
        pytest.param(
            band("x", 5, contains=["VP"], at_least=3),
            band("y", 1, contains=["vp"], at_least=4),
            "write below: 4 for 'x'",
            id="with the same words",
        ),
    ],
)  # fmt: skip
def test_an_overlap_says_for_which_values_and_how_to_write_it(one, other, told):
    [(place, what)] = sheet_problems(sheet(one, other))
    assert place == ("rules", 2, "when")
    assert told in what


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(band("y", at_least=50), id="side by side"),
        pytest.param(band("y", at_least=10, entity="account"), id="of the account"),
        pytest.param(band("y", at_least=10, one_of=["10"]), id="of some words"),
        pytest.param(band("y", one_of=["10"]), id="only words"),
        pytest.param(band("y", 0, at_least=10) | {"qualifies": True}, id="only qualifies"),
        pytest.param({**band("y"), "when": {"attribute": "age", "at_least": 1}}, id="another attribute"),
    ],
)
def test_what_is_no_overlap(other):
    assert sheet_problems(sheet(band("x", at_least=5, below=50), other)) == []


GROUPS = {"groups": {"fit": {"most": 20, "least": -10}}}


@pytest.mark.parametrize(
    ("points", "more", "told"),
    [
        pytest.param(
            25, GROUPS,
            "'y' gives 25 points and group 'fit' is capped at 20; write groups.fit.most: 25 or more", id="group",
        ),
        pytest.param(
            15, {"groups": {"fit": {}}, "total": {"most": 12}},
            "'y' gives 15 points and the total is capped at 12; write total.most: 15 or more", id="total",
        ),
    ],
)  # fmt: skip
def test_a_cap_below_the_points_of_a_rule(points, more, told):
    rule = {**band("y", points, at_least=3), "group": "fit"}
    [(place, what)] = sheet_problems(sheet(rule, **more))
    assert place == ("rules", 1, "points")
    assert what.startswith(told)
    within = {**rule, "points": points * 0.5}
    assert sheet_problems(sheet(within, **more)) == []


def test_a_floor_ends_the_fall_and_cuts_no_rule():
    rule = {**band("y", -50, at_least=3), "group": "fit"}
    assert sheet_problems(sheet(rule, total={"least": 0}, **GROUPS)) == []


FIT = {"group": "fit", "at": {"A": 30, "B": 10}, "rest": "C"}
GRID = {"rows": FIT, "columns": {**FIT, "group": "acts"}, "mql": ["AA"]}


@pytest.mark.parametrize(
    ("more", "place", "told"),
    [
        pytest.param(
            {"mql_at": 60, "total": {"most": 10}}, ("mql_at",), "no total reaches 60: total.most caps it at 10",
            id="total",
        ),
        pytest.param(
            {"mql_at": 40, "mql_at_by_line": {"loans": 60}, "total": {"most": 50}}, ("mql_at_by_line", "loans"),
            "no total reaches 60", id="of a line",
        ),
        pytest.param(
            {"mql_at": 14}, ("mql_at",),
            "no total reaches 14: all rules together give at most 13; write 13 or less, or let rules give more",
            id="too few points",
        ),
        pytest.param(
            {"mql_at": 10, "needs": {"fit": 9}}, ("needs", "fit"),
            "no lead reaches 9 points of group 'fit': its rules together give at most 8", id="a group of little",
        ),
        pytest.param(
            {"mql_at": 10, "needs": {"fit": 30}, "groups": {"fit": {"most": 8}, "acts": {}}}, ("needs", "fit"),
            "no lead reaches 30 points of group 'fit': it is capped at 8", id="a need",
        ),
        pytest.param(
            {"mql_at": 10, "needs": {"acts": 3}, "groups": {"fit": {}, "acts": {}}}, ("needs", "acts"),
            "no lead reaches 3 points of group 'acts': no rule is in this group", id="an empty group",
        ),
        pytest.param(
            {"grid": GRID, "groups": {"fit": {}, "acts": {}}}, ("grid", "columns", "at", "A"),
            "no rule is in this group", id="a side of the grid",
        ),
    ],
)  # fmt: skip
def test_thresholds_out_of_reach(more, place, told):
    rule = {**band("y", 8, at_least=3), "group": "fit"}
    found = dict(sheet_problems(sheet(rule, **{"groups": {"fit": {}}, **more})))
    assert told in found[place]


@st.composite
def reaching(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Rules, and the points that each may give."""
    rules, given = [], []
    for at in range(draw(st.integers(1, 4))):
        points, each = float(draw(st.integers(-3, 5))), draw(st.booleans())
        rule = {"name": f"r{at}", "points": points, "each": each, "when": {"event": f"e{at}"}}
        rules.append(rule | ({"most": abs(points) * 2} if each and points else {}))
        given.append([0.0, points, points * 2] if each else [0.0, points])
    return rules, given


@given(drawn=reaching(), total=st.none() | st.integers(5, 12), at=st.integers(1, 30))
def test_a_threshold_is_refused_just_where_no_choice_of_rules_reaches_it(drawn, total, at):
    rules, given_by = drawn
    most = max(sum(chosen) for chosen in product(*given_by))
    most = most if total is None else min(most, total)
    made = Sheet.model_validate({"mql_at": at, "total": {"most": total}, "rules": rules})
    assert [place for place, _ in sheet_problems(made)] == [("mql_at",)] * (at > most)


def test_points_for_each_event_reach_any_threshold():
    each = {"name": "each", "points": 1, "each": True, "when": {"event": "visit"}}
    assert sheet_problems(sheet(each, mql_at=1000)) == []


def test_where_rules_qualify_a_threshold_out_of_reach_is_left_out():
    at_once = {"name": "demo", "points": 0, "qualifies": True, "when": {"event": "demo"}}
    [(place, what)] = sheet_problems(sheet(at_once, mql_at=50))
    assert place == ("mql_at",)
    assert what.endswith("; leave mql_at out if only rules that qualify shall decide")
    assert sheet_problems(sheet(at_once)) == []


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_points_are_numbers(wrong):
    [(place, what)] = sheet_problems(sheet(band("y", wrong, at_least=3)))
    assert place == ("rules", 1, "points")
    assert what.startswith("a number is needed, not")


@pytest.mark.parametrize(
    ("condition", "when", "refused"),
    [
        pytest.param({"event": "demo"}, {"event": "demo", "days": 7}, True, id="the event itself"),
        pytest.param({"all_of": [{"event": "demo"}]}, {"event": "demo"}, True, id="all of one"),
        pytest.param({"event": "any"}, {"event": "demo"}, True, id="any event"),
        pytest.param({"event": "demo"}, {"event": "visit"}, False, id="another event"),
        pytest.param({"event": "demo"}, {"event": "any"}, False, id="among others"),
        pytest.param({"event": "demo"}, {"event": "demo", "silent_days": 30}, False, id="its absence"),
        pytest.param({"event": "demo"}, {"attribute": "demo", "at_least": 1}, False, id="an attribute"),
        pytest.param({"all_of": [{"event": "demo"}, {"stage": "sql"}]}, {"event": "demo"}, False, id="a part"),
        pytest.param({"event": "demo", "where": {"topic": "x"}}, {"event": "demo"}, False, id="some of them"),
        pytest.param(
            {"event": "demo", "where": {"topic": ["x", "y"], "at_least": 3}},
            {"event": "demo", "where": {"topic": "x", "at_least": 4, "below": 9}}, True, id="narrower",
        ),
        pytest.param(
            {"event": "demo", "where": {"below": 3}}, {"event": "demo", "where": {"below": 4}}, False, id="wider"
        ),
    ],
)  # fmt: skip
def test_what_counts_as_an_sql_gives_no_points(condition, when, refused):
    agreed = playbook(sql=[sql(condition)])
    rule = {"name": "asked", "points": 5, "when": when}
    found = sheet_problems(Sheet.model_validate({"rules": [rule]}), agreed.definition())
    assert [place for place, _ in found] == [("rules", 0, "when", "event")] * refused
    assert all("an event that counts as an SQL cannot give points" in what for _, what in found)


def test_only_the_latest_definition_says_what_is_an_sql():
    rule = {"name": "asked", "points": 5, "when": {"event": "demo"}}
    old, new = sql({"event": "demo"}, version="old", since="2025-01-01"), sql({"stage": "sql"}, version="new")
    assert playbook(sql=[old, new], sheet={"rules": [rule]}).sheet is not None


PLAYBOOK = """name: least
stages: {new: open, won: sql}
sql: [{version: v1, effective_from: 2026-01-01, any_of: [{stage: won}, {event: demo}]}]
horizon_days: 0
sheet:
  groups: {fit: {most: 20}}
  rules:
    - {name: a, points: 25, group: fit, when: {attribute: size, at_least: 50}}
    - name: b
      points: 5
      when:
        attribute: size
        at_least: 500
    - {name: c, points: 5, when: {event: demo}}
"""


def test_a_playbook_names_every_problem_by_line():
    with pytest.raises(DefinitionError) as refusal:
        parse_playbook(PLAYBOOK, source="agreed/playbook.yaml")
    told = [problem.split(": ", 2)[:2] for problem in refusal.value.problems]
    assert told == [
        ["playbook.yaml:4", "horizon_days"],
        ["playbook.yaml:8", "sheet.rules.0.points"],
        ["playbook.yaml:11", "sheet.rules.1.when"],
        ["playbook.yaml:14", "sheet.rules.2.when.event"],
    ]


def test_a_sheet_that_is_refused_within_a_playbook_is_not_made_in_python_either():
    with pytest.raises(ValueError, match="both hold for size from 2 on"):
        playbook(sheet={"rules": [band("x", at_least=1), band("y", at_least=2)]})

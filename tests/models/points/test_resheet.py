"""The refitted sheet: thresholds of every kind move so that as many leads are handed over as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.sheet import Sheet
from features.sheet_file import parse_sheet
from models.points.evaluation import SheetReader
from models.points.refitting.resheet import rewrite
from models.points.rows import RuleRows
from pipelines.points.exporting.plain import to_yaml
from tests.models.points.companies import names

RULES = [
    {
        "name": "visits",
        "points": 5,
        "each": True,
        "most": 20,
        "group": "interest",
        "when": {"event": "visit"},
    },
    {"name": "demo", "points": 20, "group": "interest", "when": {"event": "demo"}},
    {"name": "pharma", "points": 10, "group": "fit", "when": {"attribute": "industry", "one_of": ["pharma"]}},
]
GROUPS = {"interest": {"most": 60}, "fit": {}}


def rows(sheet: dict[str, object], count: int = 2_000) -> RuleRows:
    random = np.random.default_rng(4)
    times = np.column_stack(
        [np.minimum(random.poisson(1.5, count), 4), random.random(count) < 0.3, random.random(count) < 0.4]
    ).astype(np.float64)
    as_of = np.arange(count, dtype=np.int64)
    lead = names("lead", as_of)
    line = np.array(["a", "b"], dtype=object)[random.integers(0, 2, count)]
    whole = Sheet.model_validate({"groups": GROUPS, "rules": RULES, **sheet})
    return RuleRows(whole, times, np.zeros(count), np.ones(count), lead, lead, line, as_of, as_of + 1)


def handed(of: RuleRows, sheet: Sheet) -> np.ndarray:
    return SheetReader(sheet).judge(of.times, of.service_line).is_mql


def share(of: RuleRows, points: list[float], at: float, columns: list[int]) -> float:
    return float(((of.times * points)[:, columns].sum(axis=1) >= at).mean())


TODAY, NEW = [5.0, 20.0, 10.0], [10.0, 5.0, 30.0]


def test_thresholds_hand_over_as_many() -> None:
    of = rows({"mql_at": 30, "mql_at_by_line": {"b": 20}, "needs": {"fit": 10}})
    written = rewrite(of, np.array(NEW), 5.0)
    new = written.sheet
    assert [rule.points for rule in new.rules] == NEW
    assert new.name == "hand-set sheet (refitted)"
    assert share(of, NEW, new.needs["fit"], [2]) == share(of, TODAY, 10, [2])
    assert new.mql_at is not None
    for line, at in (("a", new.mql_at), ("b", new.mql_at_by_line["b"])):
        inside = of.service_line == line
        before, after = (handed(of, one)[inside].mean() for one in (of.sheet, new))
        fit = of.times[:, 2] > 0
        others = [((of.times @ NEW >= limit) & fit)[inside].mean() for limit in (at - 5, at + 5)]
        assert abs(after - before) <= min(abs(other - before) for other in others) + 1e-9
    assert len(written.notes) == 4
    assert (
        written.notes[-1] == "Handed over in all: 16.9% of leads, before 19.1%"
    )  # steps of 5 are coarse here
    assert new.rules[0].most == 40.0


def test_a_threshold_is_moved_by_the_lines_it_is_for() -> None:
    of = rows({"mql_at": 30, "mql_at_by_line": {"b": 20}})
    of.times[of.service_line == "b", 2] = 1.0
    of.times[of.service_line == "a", 2] = 0.0
    points = np.array([5.0, 20.0, 0.0])
    new = rewrite(of, points, 5.0).sheet
    assert new.mql_at == 30.0  # nothing changes for line a
    assert new.mql_at_by_line["b"] == 10.0
    few = replace(of, service_line=np.where(np.arange(len(of)) < 49, "a", "b").astype(object))
    kept = rewrite(few, np.array(NEW), 5.0)
    assert kept.sheet.mql_at == 30.0
    assert kept.notes[0] == "An MQL from 30 points, as before: too few snapshots to set it by"


def test_what_is_handed_over_otherwise_counts_as_handed_over() -> None:
    rules = [RULES[0], {**RULES[1], "qualifies": True}, RULES[2]]
    of = rows({"rules": rules, "mql_at": 25})
    new = rewrite(of, np.array([5.0, 0.0, 25.0]), 5.0).sheet
    before, after = (handed(of, sheet).mean() for sheet in (of.sheet, new))
    assert abs(after - before) < 0.05
    like = np.arange(len(of)) % 2 == 0
    more = rewrite(of, np.array([5.0, 0.0, 25.0]), 5.0, like).sheet
    assert abs(handed(of, more).mean() - 0.5) < 0.1


def test_a_volume_that_no_threshold_keeps_is_told() -> None:
    written = rewrite(rows({"mql_at": 10}), np.array([0.0, 0.0, 20.0]), 5.0)
    assert written.notes[-1] == "Handed over in all: 100.0% of leads, before 75.8%"
    of = rows({"mql_at": 20})
    before = f"{handed(of, of.sheet).mean():.1%}"
    unmoved = rewrite(of, np.array([0.0, 0.0, 20.0]), 20.0)
    assert unmoved.sheet.mql_at == 20.0
    assert unmoved.notes == (
        f"An MQL stays at 20 points, no other threshold is nearer: 40.0% of leads, before {before}",
        f"Handed over in all: 40.0% of leads, before {before}",
    )


def test_tenths_of_points_reach_a_threshold() -> None:
    rules = [{**rule, "points": points} for rule, points in zip(RULES, (0.7, 0.1, 0.1), strict=True)]
    of = rows({"mql_at": 0.8, "rules": rules})
    of.times[:] = 1.0, 1.0, 0.0
    assert of.totals[0] < 0.8  # as a binary number
    written = rewrite(of, np.array([0.7, 0.1, 0.1]), 0.1)
    assert written.sheet.mql_at == 0.8
    assert written.notes == ("An MQL from 0.8 points, as before: 100.0% of leads, before 100.0%",)


def test_a_cap_of_a_rule_that_gave_nothing_stays() -> None:
    of = rows({"mql_at": 30, "rules": [{**RULES[0], "points": 0}, *RULES[1:]]})
    written = rewrite(of, np.array([5.0, 20.0, 10.0]), 5.0)
    assert written.sheet.rules[0].most == 20.0
    assert "visits: capped at 20 points in all, now that it gives 5 for each" in written.notes
    assert rewrite(of, np.array([25.0, 20.0, 10.0]), 5.0).sheet.rules[0].most == 25.0


def test_the_same_points_leave_everything_as_it_is() -> None:
    of = rows({"mql_at": 30, "needs": {"fit": 10}})
    written = rewrite(of, np.array(TODAY), 5.0)
    assert written.sheet == of.sheet.model_copy(update={"name": "hand-set sheet (refitted)"})
    assert all("as before" in note for note in written.notes)
    assert rewrite(
        RuleRows(written.sheet, *(getattr(of, n) for n in of.__slots__[1:])), np.array(TODAY), 5.0
    ).sheet.name == ("hand-set sheet (refitted)")


def test_limits_of_a_grid_move_and_still_fall() -> None:
    grid = {
        "rows": {"group": "fit", "at": {"A": 10}, "rest": "B"},
        "columns": {"group": "interest", "at": {"1": 25, "2": 10, "3": 5}, "rest": "4"},
        "mql": ["A1", "A2"],
    }
    of = rows({"grid": grid})
    written = rewrite(of, np.array(NEW), 5.0)
    assert written.sheet.grid is not None
    limits = list(written.sheet.grid.columns.at.values())
    assert limits == sorted(limits, reverse=True)
    assert share(of, NEW, written.sheet.grid.rows.at["A"], [2]) == share(of, TODAY, 10, [2])
    assert written.sheet.mql_at is None


def test_a_dropped_rule_keeps_a_cap_that_is_allowed() -> None:
    written = rewrite(rows({"mql_at": 30}), np.array([0.0, 20.0, 10.0]), 5.0)
    assert written.sheet.rules[0].points == 0.0
    assert written.sheet.rules[0].most == 20.0


def test_caps_make_room_for_a_rule_and_every_threshold_can_be_reached() -> None:
    of = rows({"mql_at": 30, "groups": {"interest": {"most": 30}, "fit": {}}, "total": {"most": 40}})
    written = rewrite(of, np.array([0.0, 50.0, 10.0]), 5.0)
    assert written.sheet.groups["interest"].most == 50.0
    assert written.sheet.total.most == 50.0
    assert "The cap of group 'interest' rises from 30 to 50 points, which one rule gives" in written.notes
    assert parse_sheet(to_yaml(written.sheet)) == written.sheet
    nothing = rewrite(rows({"mql_at": 30}), np.zeros(3), 5.0)
    assert nothing.sheet.mql_at == 0.0
    assert parse_sheet(to_yaml(nothing.sheet)) == nothing.sheet


@given(
    points=st.lists(st.sampled_from([-20.0, -5.0, 0.0, 5.0, 25.0, 80.0]), min_size=3, max_size=3),
    settings_of=st.sampled_from(
        [
            {"mql_at": 30},
            {"mql_at": 30, "total": {"most": 40, "least": 0}},
            {"mql_at": 10, "mql_at_by_line": {"a": 25}, "needs": {"fit": 10}},
            {"mql_at": 20, "groups": {"interest": {"most": 25}, "fit": {"most": 10, "least": -5}}},
        ]
    ),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_learned_reads_back(points: list[float], settings_of: dict[str, object]) -> None:
    written = rewrite(rows(settings_of, 300), np.array(points), 5.0).sheet
    assert parse_sheet(to_yaml(written)) == written

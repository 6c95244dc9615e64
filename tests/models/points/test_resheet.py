"""The refitted sheet: thresholds of every kind move so that as many leads pass as before."""

from __future__ import annotations

import numpy as np

from features.matrix import Floats
from features.sheet import Sheet
from models.points.refitting.resheet import rewrite
from models.points.rows import RuleRows
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


def share(
    of: RuleRows, points: list[float], at: float | None, columns: list[int], line: str | None = None
) -> Floats:
    chosen = np.ones(len(of), dtype=np.bool_) if line is None else of.service_line == line
    return ((of.times * points)[:, columns].sum(axis=1) >= (np.inf if at is None else at))[chosen].mean()


TODAY, NEW = [5.0, 20.0, 10.0], [10.0, 5.0, 30.0]


def test_thresholds_let_as_many_pass() -> None:
    of = rows({"mql_at": 30, "mql_at_by_line": {"b": 20}, "needs": {"fit": 10}})
    written = rewrite(of, np.array(NEW), 5.0)
    every, new = [0, 1, 2], written.sheet
    assert [rule.points for rule in new.rules] == NEW
    assert new.name == "hand-set sheet (refitted)"
    assert abs(share(of, NEW, new.mql_at, every) - share(of, TODAY, 30, every)) < 0.12
    assert abs(share(of, NEW, new.mql_at_by_line["b"], every, "b") - share(of, TODAY, 20, every, "b")) < 0.12
    assert share(of, NEW, new.needs["fit"], [2]) == share(of, TODAY, 10, [2])
    assert len(written.notes) == 3
    assert new.rules[0].most == 40.0


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

"""A sheet read for one lead: what it gives, who is an MQL, and that what is withheld leaves no trace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from features.matrix import Matrix
from features.online import Row
from features.sheet import Sheet
from models.points.evaluation import evaluate, with_sheet
from serving.answers import sheet_view
from serving.answers.refusals import Unscorable
from serving.answers.sheet import ReadSheet
from serving.arms import Arm

RULES: list[dict[str, Any]] = [
    {"name": "visits", "points": 4, "each": True, "most": 20, "group": "doing", "when": {"event": "visit"}},
    {"name": "checked", "points": 30, "group": "doing", "when": {"event": "credit_check"}},
    {"name": "lab", "points": 10, "group": "being", "when": {"attribute": "title", "contains": ["lab"]}},
    {"name": "student", "points": -50, "when": {"attribute": "title", "contains": ["student"]}},
    {"name": "asked", "points": 0, "qualifies": True, "when": {"event": "quote"}},
]
GROUPS = {"doing": {"most": 24}, "being": {}}
GRID = {
    "rows": {"group": "being", "at": {"A": 10}, "rest": "B"},
    "columns": {"group": "doing", "at": {"1": 20, "2": 8}, "rest": "3"},
    "mql": ["A1", "A2"],
}
BY_TOTAL = {"mql_at": 40, "mql_at_by_line": {"assays": 20}}


def sheet(**says: Any) -> Sheet:
    return Sheet.model_validate({"rules": RULES, "groups": GROUPS} | says)


def row(by_hand: Sheet, word: str | None = None, **counts: float) -> Row:
    features = with_sheet([], by_hand)
    values = [
        (np.nan if word is None else 0.0) if one.is_category else counts.get(one.where.type[0], 0.0)
        for one in features
    ]
    words = tuple(word if one.is_category else None for one in features)
    return Row(np.array(values, dtype=np.float32), words)


def read(by_hand: Sheet, withhold: dict[str, str] | None = None) -> ReadSheet:
    return ReadSheet(by_hand, with_sheet([], by_hand), withhold or {})


def shown(
    arm: Arm, by_hand: ReadSheet | None, of: Row, line: str | None = None, again: ReadSheet | None = None
) -> dict[str, Any]:
    # Of the model only its points are told beside; what it looks at is another matter.
    scorer: Any = SimpleNamespace(log_odds=lambda _: 0.0)
    beside: Any = SimpleNamespace(scorer=scorer, bundle=arm.bundle, fingerprint=arm.fingerprint)
    view: Any = SimpleNamespace(sheet=by_hand, refitted=again)
    return sheet_view.shown(beside, view, of, "ann", line, 0)


def test_it_says_what_the_engine_says_of_a_matrix() -> None:
    by_hand = sheet(**BY_TOTAL)
    of = row(by_hand, "Lab head", visit=7.0, credit_check=1.0)
    expected = evaluate(by_hand, of.matrix(with_sheet([], by_hand)))
    given = read(by_hand).given(of)
    assert [one.points for one in given] == expected.by_rule[0].tolist()
    assert [one.fired for one in given] == [True, True, True, False, False]
    assert sum(one.points for one in given) == pytest.approx(expected.total[0])


def test_points_are_those_after_caps(champion: Arm) -> None:
    by_hand = sheet(**BY_TOTAL)
    told = shown(champion, read(by_hand), row(by_hand, "Lab head", visit=7.0, credit_check=1.0))
    assert told["total"] == pytest.approx(34.0)
    points = {one["name"]: one["points"] for one in told["rules"]}
    # Seven visits are capped at 20, and the group at 24 of 50: each of its points is left at the same share.
    assert points == pytest.approx(
        {"visits": 9.6, "checked": 14.4, "lab": 10.0, "student": 0.0, "asked": 0.0}
    )
    assert [one["on_sheet"] for one in told["rules"]] == [4.0, 30.0, 10.0, -50.0, 0.0]


@pytest.mark.parametrize(
    ("line", "counts", "is_mql"),
    [
        (None, {"visit": 5.0}, False),
        ("assays", {"visit": 5.0}, True),
        ("assays", {"visit": 4.0}, False),
        ("other", {"quote": 1.0}, True),
    ],
)
def test_a_service_line_has_a_threshold_of_its_own(
    champion: Arm, line: str | None, counts: dict[str, float], is_mql: bool
) -> None:
    by_hand = sheet(**BY_TOTAL)
    told = shown(champion, read(by_hand), row(by_hand, **counts), line)
    assert (told["mql_at"], told["is_mql"]) == (20.0 if line == "assays" else 40.0, is_mql)
    assert told["cell"] is None


@pytest.mark.parametrize(
    ("word", "visits", "cell", "is_mql"),
    [("lab", 5.0, "A1", True), ("lab", 2.0, "A2", True), ("lab", 1.0, "A3", False), (None, 5.0, "B1", False)],
)
def test_a_grid_tells_its_cell(
    champion: Arm, word: str | None, visits: float, cell: str, is_mql: bool
) -> None:
    by_hand = sheet(grid=GRID)
    told = shown(champion, read(by_hand), row(by_hand, word, visit=visits))
    assert (told["mql_at"], told["cell"], told["is_mql"]) == (None, cell, is_mql)


def test_a_sheet_that_does_not_decide_does_not_say_who_is_an_mql(champion: Arm) -> None:
    by_hand = Sheet.model_validate({"rules": RULES[:1], "groups": GROUPS})
    assert shown(champion, read(by_hand), row(by_hand, visit=5.0))["is_mql"] is None


@pytest.mark.parametrize("says", [BY_TOTAL, {"grid": GRID}])
def test_nothing_differs_by_what_is_withheld(champion: Arm, says: dict[str, Any]) -> None:
    """Not even the shares that a cap of the group leaves to the other rules."""
    by_hand = sheet(**says)
    hiding = read(by_hand, {"credit_check": "confidential"})
    assert hiding.withheld == (False, True, False, False, False)
    told = [
        shown(champion, hiding, row(by_hand, "lab", visit=5.0, credit_check=checked))
        for checked in (0.0, 1.0)
    ]
    assert told[0] == told[1]
    assert (told[0]["complete"], told[0]["is_mql"], told[0]["cell"]) == (False, None, None)
    hidden = {"points": None, "refitted": None, "fired": None}
    assert told[0]["rules"][1] == {"name": "checked", "on_sheet": 30.0} | hidden
    given = [hiding.given(row(by_hand, "lab", visit=5.0, credit_check=checked)) for checked in (0.0, 1.0)]
    assert given[0] == given[1]
    assert "checked" not in {one.name for one in given[0]}


def test_where_nothing_is_known_nothing_is_given() -> None:
    by_hand = sheet(**BY_TOTAL)
    features = with_sheet([], by_hand)
    unknown = Row(np.full(len(features), np.nan, dtype=np.float32), (None,) * len(features))
    assert {one.points for one in read(by_hand).given(unknown)} == {0.0}


def test_without_a_sheet_there_is_nothing_to_show(champion: Arm) -> None:
    nothing = Row(np.empty(0, dtype=np.float32), ())
    with pytest.raises(Unscorable):
        shown(champion, None, nothing)


def test_a_matrix_of_one_row_reads_the_same_words() -> None:
    by_hand = sheet(**BY_TOTAL)
    features = with_sheet([], by_hand)
    words = ("Head of LABORATORY", "a student")
    values = np.array([[float(at) if one.is_category else 0.0 for one in features] for at in range(2)])
    many = evaluate(by_hand, Matrix(tuple(features), values, {"latest(title)": words}))
    one_by_one = [[one.points for one in read(by_hand).given(row(by_hand, word))] for word in words]
    assert many.by_rule.tolist() == one_by_one
    assert many.total.tolist() == [10.0, -50.0]


def test_learned_points_are_told_beside_and_what_is_withheld_of_neither(champion: Arm) -> None:
    by_hand = sheet(mql_at=40)
    learned = [one | {"points": {"visits": 2, "lab": 30}.get(one["name"], one["points"])} for one in RULES]
    again = sheet(mql_at=35, rules=learned)
    of = row(by_hand, "Lab head", visit=3.0, credit_check=1.0)
    told = shown(champion, read(by_hand), of, again=read(again))
    assert told["refitted"] == {"total": 54.0, "mql_at": 35.0, "is_mql": True}
    assert [one["refitted"] for one in told["rules"]] == pytest.approx([4.0, 20.0, 30.0, 0.0, 0.0])
    withhold = {"credit_check": "told in confidence"}
    told = shown(champion, read(by_hand, withhold), of, again=read(again, withhold))
    assert told["rules"][1]["refitted"] is None
    assert told["refitted"] == {"total": 36.0, "mql_at": 35.0, "is_mql": None}
    assert shown(champion, read(by_hand), of)["refitted"] is None

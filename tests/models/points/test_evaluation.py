"""What a sheet says over the kernel's features equals what its definitions say of the raw rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.clock import DAY
from features.definitions import Feature
from features.errors import LeadlightError
from features.evidence import Event, Evidence, Fact
from features.history import History
from features.kernel import build
from features.matrix import Matrix
from features.online import OnlineFeatures, Row
from features.sheet import Sheet
from models.points.evaluation import (
    Evaluated,
    SheetReader,
    capped,
    evaluate,
    fires,
    points_of,
    reaches,
    times,
    total_points,
    with_sheet,
)
from models.points.one_row import RowReader
from models.points.readings import reading
from models.points.rows import RuleRows
from tests import sheet_oracle
from tests.features import strategies as some
from tests.features.strategies import Case
from tests.models import samples
from tests.models.points.sheets import LINES, sheets

QUICK = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
LONG = settings(QUICK, max_examples=2_000)
NOW = 20_000 * DAY
CLOSE = 1e-3
"""Points; a limit nearer than this may fall either way where points wear off, as ages are single precision."""


def lines_of(rows: int) -> np.ndarray:
    return np.array([LINES[at % len(LINES)] for at in range(rows)], dtype=object)


def evaluated(sheet: Sheet, case: Case) -> Evaluated:
    matrix = build(with_sheet([], sheet), case.history, case.lead_id, case.as_of)
    return evaluate(sheet, matrix, lines_of(len(matrix)))


def assert_agrees_with_the_definitions(case: Case, sheet: Sheet) -> None:
    told = evaluated(sheet, case)
    wears_off = any(rule.decay for rule in sheet.rules)
    asked = zip(case.lead_id, case.as_of.tolist(), lines_of(len(case.lead_id)), strict=True)
    for at, (lead_id, as_of, line) in enumerate(asked):
        expected = sheet_oracle.answer(sheet, case.rows, lead_id, as_of, line)
        assert told.times[at].tolist() == pytest.approx(expected.times, rel=1e-5, abs=1e-6)
        assert told.by_rule[at].tolist() == pytest.approx(expected.by_rule, rel=1e-4, abs=1e-4)
        of_group = dict(zip(told.groups, told.by_group[at].tolist(), strict=True))
        assert {name: of_group[name] for name in expected.groups} == pytest.approx(
            expected.groups, rel=1e-5, abs=1e-4
        )
        assert told.total[at] == pytest.approx(expected.total, rel=1e-5, abs=1e-4)
        if not wears_off or expected.margin > CLOSE:
            assert told.cell[at] == expected.cell
            assert told.is_mql[at] == expected.is_mql


@QUICK
@given(case=some.cases(), sheet=sheets())
def test_it_agrees_with_the_definitions(case: Case, sheet: Sheet) -> None:
    assert_agrees_with_the_definitions(case, sheet)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@LONG
@given(case=some.cases(), sheet=sheets())
def test_it_agrees_with_the_definitions_on_two_thousand_sheets(case: Case, sheet: Sheet) -> None:
    assert_agrees_with_the_definitions(case, sheet)


@QUICK
@given(case=some.cases(), sheet=sheets())
def test_laws_of_every_sheet(case: Case, sheet: Sheet) -> None:
    told, points = evaluated(sheet, case), points_of(sheet)
    np.testing.assert_allclose(told.by_rule.sum(axis=1), told.total, rtol=1e-9, atol=1e-9)
    assert (told.times >= 0.0).all()
    # A cap takes points away, it never turns them: each rule keeps its sign, and gives no more than before.
    assert (told.by_rule * points >= 0.0).all()
    assert (np.abs(told.by_rule) <= told.times * np.abs(points) + 1e-12).all()
    at_most = np.array([np.inf if rule.most is None else rule.most for rule in sheet.rules])
    assert (np.abs(told.by_rule) <= at_most).all()
    for at, name in enumerate(told.groups):
        limits = sheet.groups.get(name)
        if limits is not None:
            assert (told.by_group[:, at] <= (np.inf if limits.most is None else limits.most)).all()
            assert (told.by_group[:, at] >= (-np.inf if limits.least is None else limits.least)).all()
    free = ~told.caps_bind
    np.testing.assert_allclose(told.total[free], (told.times @ points)[free], rtol=1e-9, atol=1e-9)


@QUICK
@given(case=some.cases(), sheet=sheets())
def test_one_row_is_read_as_many_are(case: Case, sheet: Sheet) -> None:
    features = with_sheet([], sheet)
    matrix = build(features, case.history, case.lead_id, case.as_of)
    many, reader = SheetReader(sheet), RowReader(sheet, features)
    counted = times(sheet, matrix)
    judged = many.judge(counted, lines_of(len(matrix)))
    for at, row in enumerate(rows_of(matrix)):
        own = reader.times(row)
        np.testing.assert_array_equal(own[0], counted[at])
        alone = reader.reader.judge(own, lines_of(len(matrix))[at : at + 1])
        np.testing.assert_array_equal(alone.by_rule[0], judged.by_rule[at])
        assert (alone.total[0], alone.cell[0], alone.is_mql[0]) == (
            judged.total[at],
            judged.cell[at],
            judged.is_mql[at],
        )


def rows_of(matrix: Matrix) -> list[Row]:
    texts = [matrix.texts(one.name) if one.is_category else None for one in matrix.features]
    rows = []
    for at in range(len(matrix)):
        words = tuple(None if column is None else column[at] for column in texts)
        values = np.where([word is not None for word in words], 0.0, matrix.values[at]).astype(np.float32)
        rows.append(Row(values, words))
    return rows


# Examples that say what the words mean.


def sheet_of(*rules: dict[str, Any], **says: Any) -> Sheet:
    named = [{"name": f"rule {at}", "points": 10, **rule} for at, rule in enumerate(rules)]
    return Sheet.model_validate({"rules": named} | says)


def read(sheet: Sheet, ages: list[float] = [], line: str = "", **facts: str) -> Evaluated:  # noqa: B006
    """A lead of 1,000 days with visits of these ages in days, asked about now."""
    evidence = Evidence(
        lead_id="ann",
        created_at=NOW - 1000 * DAY,
        events=[visit(at, NOW - round(age * DAY)) for at, age in enumerate(ages)],
        facts=[Fact(name, value, NOW - DAY, NOW - DAY) for name, value in facts.items()],
    )
    return asked(sheet, evidence, line)


def visit(number: int, at: int, known_at: int | None = None) -> Event:
    return Event(f"e{number}", "visit", at, at if known_at is None else known_at)


def asked(sheet: Sheet, evidence: Evidence, line: str = "") -> Evaluated:
    """By the matrix of a history; a row of the online features has to say the same."""
    features = with_sheet([], sheet)
    history = History.from_tables(evidence.to_tables(), time_zone="UTC")
    matrix = build(features, history, np.array(["ann"], dtype=object), np.array([NOW], dtype=np.int64))
    online = OnlineFeatures(features, time_zone="UTC")
    row = online.row(online.bind(evidence), NOW)
    told = evaluate(sheet, matrix, np.array([line], dtype=object))
    np.testing.assert_array_equal(RowReader(sheet, features).points(row).by_rule, told.by_rule)
    return told


VISIT = {"event": "visit"}
A_MICROSECOND = 1 / DAY


@pytest.mark.parametrize(("age", "points"), [(A_MICROSECOND, 10), (30, 5), (60, 0), (90, 0)])
@pytest.mark.parametrize("each", [False, True])
def test_ten_points_that_lose_half_a_month_are_five_after_one_and_gone_after_two(age, points, each) -> None:
    told = read(sheet_of({"when": VISIT, "each": each, "decay": {"linear_days": 60}}), [age])
    assert told.total[0] == pytest.approx(points, abs=1e-5)
    assert (told.times[0, 0] > 0) == (points > 0)


@pytest.mark.parametrize(("age", "points"), [(30, 5), (60, 2.5), (300, 10 / 1024)])
def test_a_half_life_halves_again_and_again(age, points) -> None:
    for each in (False, True):
        told = read(sheet_of({"when": VISIT, "each": each, "decay": {"half_life_days": 30}}), [age])
        assert told.total[0] == pytest.approx(points, rel=1e-6)


def test_what_is_halved_twenty_times_is_gone() -> None:
    for each in (False, True):
        rule = {"when": VISIT, "each": each, "decay": {"half_life_days": 1}, "qualifies": True}
        [before, after] = [read(sheet_of(rule), [age]) for age in (19, 20)]
        assert before.is_mql[0]
        assert not after.is_mql[0]
        assert after.total[0] == 0.0


@pytest.mark.parametrize(
    ("age", "points"), [(30, 10), (30 + A_MICROSECOND, 5), (90, 5), (90 + A_MICROSECOND, 0), (900, 0)]
)
@pytest.mark.parametrize("each", [False, True])
def test_steps_begin_behind_their_day(age, points, each) -> None:
    told = read(sheet_of({"when": VISIT, "each": each, "decay": {"steps": {30: 0.5, 90: 0}}}), [age])
    assert told.total[0] == points


def test_points_once_wear_off_with_the_latest_event_and_points_for_each_with_every_one() -> None:
    ages = [15, 30, 59, 70]
    for decay, once, each in (
        ({"linear_days": 60}, 7.5, 7.5 + 5 + 10 / 60),
        ({"half_life_days": 15}, 5, 5 + 2.5 + 10 * 2 ** (-59 / 15) + 10 * 2 ** (-70 / 15)),
        ({"steps": {20: 0.5, 60: 0.1}}, 10, 10 + 5 + 5 + 1),
    ):
        assert read(sheet_of({"when": VISIT, "decay": decay}), ages).total[0] == pytest.approx(once)
        told = read(sheet_of({"when": VISIT, "decay": decay, "each": True}), ages)
        assert told.total[0] == pytest.approx(each)


@pytest.mark.parametrize(
    ("age", "holds"), [(A_MICROSECOND, True), (7, True), (7 + A_MICROSECOND, False), (0, False), (-1, False)]
)
def test_a_window_holds_what_is_exactly_as_old_as_it_is_long(age, holds) -> None:
    for each in (False, True):
        told = read(sheet_of({"when": {**VISIT, "days": 7}, "each": each}), [age])
        assert told.total[0] == 10 * holds


def test_what_became_known_only_now_does_not_count_yet() -> None:
    sheet = sheet_of({"when": {**VISIT, "days": 7}, "each": True})
    events = [visit(1, NOW - 2 * DAY, NOW), visit(2, NOW - 2 * DAY, NOW - 1)]
    assert asked(sheet, Evidence("ann", NOW - 9 * DAY, events=events)).total[0] == 10


def test_points_once_are_given_once() -> None:
    assert read(sheet_of({"when": VISIT}), [1, 2, 3]).total[0] == 10


@pytest.mark.parametrize(("events", "points"), [(0, 0), (2, 0), (3, 10), (4, 10)])
def test_it_may_take_several_events(events, points) -> None:
    ages = [float(at + 1) for at in range(events)]
    assert read(sheet_of({"when": {**VISIT, "times": 3}}), ages).total[0] == points


@pytest.mark.parametrize(("events", "points"), [(1, 10), (2, 20), (3, 25), (9, 25)])
@pytest.mark.parametrize("sign", [1, -1])
def test_points_for_each_are_capped(events, points, sign) -> None:
    ages = [float(at + 1) for at in range(events)]
    told = read(sheet_of({"points": 10 * sign, "when": VISIT, "each": True, "most": 25}), ages)
    assert told.by_rule[0, 0] == told.total[0] == sign * points
    assert told.caps_bind[0] == (events > 2)


def test_a_cap_is_reached_exactly() -> None:
    """Sixty-five points are not 65 / 49 times 49 in binary; a threshold at the cap has to be reached."""
    for points, most in ((49, 65), (0.1, 0.3), (7, 30), (3, 100)):
        sheet = sheet_of({"points": points, "when": VISIT, "each": True, "most": most}, mql_at=most)
        told = read(sheet, [float(at + 1) for at in range(60)])
        assert told.total[0] == most
        assert told.is_mql[0]


def test_ten_tenths_reach_one() -> None:
    rules = [{"points": 0.1, "when": {**VISIT, "days": days}} for days in range(1, 11)]
    assert read(sheet_of(*rules, mql_at=1), [0.5]).is_mql[0]
    assert not reaches(np.array([1 - 1e-6]), 1.0).any()


@pytest.mark.parametrize(
    ("age", "silent_for", "points"),
    [(29, 30, 0), (30, 30, 0), (30 + A_MICROSECOND, 30, 10), (31, 30, 10), (-1, 30, 10), (None, 1000, 10)],
)
def test_silence_is_no_event_for_so_long(age, silent_for, points) -> None:
    ages = [] if age is None else [age]
    assert read(sheet_of({"when": {**VISIT, "silent_days": silent_for}}), ages).total[0] == points


def test_a_young_lead_is_not_silent_yet() -> None:
    sheet = sheet_of({"points": -10, "when": {**VISIT, "silent_days": 30}})
    for age, points in ((29, 0), (30, -10), (31, -10)):
        assert asked(sheet, Evidence("ann", NOW - age * DAY)).total[0] == points


@pytest.mark.parametrize(
    ("when", "said", "holds"),
    [
        ({"contains": ["HEAD", "chief"]}, "Head of Lab", True),
        ({"contains": ["straße"]}, "HAUPTSTRASSE", True),
        ({"contains": ["head"]}, "student", False),
        ({"one_of": ["head"]}, "Head", False),
        ({"one_of": ["12"], "at_least": 12}, "12", True),
        ({"one_of": ["12", "11"], "at_least": 12}, "11", False),
        ({"at_least": 0.7}, "0.7", True),
        ({"below": 0.7}, "0.7", False),
        ({"below": 500}, "many", False),
        ({"below": 500}, "-3", True),
    ],
)
def test_attributes_by_words_and_numbers(when, said, holds) -> None:
    assert read(sheet_of({"when": {"attribute": "title", **when}}), title=said).total[0] == 10 * holds
    assert read(sheet_of({"when": {"attribute": "title", **when}})).total[0] == 0


def test_where_an_event_is_looked_at_more_closely() -> None:
    sheet = sheet_of({"when": {**VISIT, "where": {"topic": "pricing", "at_least": 2}}, "each": True})
    shape = [("pricing", 2.0), ("pricing", 1.9), ("pricing", None), ("jobs", 5.0)]
    events = [
        Event(f"e{at}", "visit", NOW - DAY, NOW - DAY, topic=topic, value=value)
        for at, (topic, value) in enumerate(shape)
    ]
    assert asked(sheet, Evidence("ann", NOW - 9 * DAY, events=events)).total[0] == 10


ONE_AND_TWO = [
    {"points": 30, "when": VISIT, "group": "doing"},
    {"points": 10, "when": VISIT, "group": "doing"},
]


def test_a_cap_of_a_group_leaves_each_point_the_same_share() -> None:
    told = read(sheet_of(*ONE_AND_TWO, {"points": 4, "when": VISIT}, groups={"doing": {"most": 20}}), [1])
    np.testing.assert_allclose(told.by_rule, [[15, 5, 4]])
    assert dict(zip(told.groups, told.by_group[0], strict=True)) == {"doing": 20, "": 4}
    assert (told.total[0], told.caps_bind[0]) == (24, True)


def test_a_group_of_negative_points_is_capped_from_below() -> None:
    rules = [
        {"points": -40, "when": VISIT, "group": "doing"},
        {"points": 10, "when": VISIT, "group": "doing"},
    ]
    told = read(sheet_of(*rules, groups={"doing": {"least": -12, "most": 5}}), [1])
    np.testing.assert_allclose(told.by_rule, [[-16, 4]])
    assert told.total[0] == -12


def test_a_group_that_may_not_add_anything_adds_nothing() -> None:
    told = read(sheet_of(*ONE_AND_TWO, groups={"doing": {"most": 0}}), [1])
    assert told.by_rule.tolist() == [[0, 0]]
    assert (told.total[0], told.caps_bind[0]) == (0, True)


def test_points_that_cancel_out_are_no_cap() -> None:
    rules = [{"points": 10, "when": VISIT, "group": "a"}, {"points": -10, "when": VISIT, "group": "a"}]
    told = read(sheet_of(*rules, groups={"a": {"most": 5}}, total={"most": 3}), [1])
    assert told.by_rule.tolist() == [[10, -10]]
    assert not told.caps_bind[0]


def test_caps_of_rule_group_and_total_follow_each_other() -> None:
    rules = [
        {"points": 10, "when": VISIT, "each": True, "most": 20, "group": "doing"},
        {"points": 20, "when": VISIT, "group": "doing"},
        {"points": 30, "when": VISIT},
    ]
    told = read(sheet_of(*rules, groups={"doing": {"most": 30}}, total={"most": 40}), [1, 2, 3])
    assert dict(zip(told.groups, told.by_group[0], strict=True)) == {"doing": 30, "": 30}
    np.testing.assert_allclose(told.by_rule, [[10, 10, 20]])
    assert told.total[0] == 40


TWO_GROUPS = {
    "groups": {"fit": {}, "doing": {}},
    "grid": {
        "rows": {"group": "fit", "at": {"A": 10}, "rest": "B"},
        "columns": {"group": "doing", "at": {"1": 20, "2": 10}, "rest": "3"},
        "mql": ["A1", "A2", "B1"],
    },
}
OF_TWO_GROUPS = [
    {"group": "fit", "when": {"attribute": "title", "one_of": ["head"]}},
    {"group": "doing", "when": VISIT, "each": True, "most": 30},
]


@pytest.mark.parametrize(
    ("visits", "title", "cell", "is_mql"),
    [
        (0, "head", "A3", False),
        (1, "head", "A2", True),
        (2, "head", "A1", True),
        (1, "student", "B2", False),
        (5, "student", "B1", True),
    ],
)
def test_a_grid_of_two_groups_decides(visits, title, cell, is_mql) -> None:
    told = read(sheet_of(*OF_TWO_GROUPS, **TWO_GROUPS), [1.0] * visits, title=title)
    assert (told.cell[0], told.is_mql[0]) == (cell, is_mql)


def test_a_need_of_a_group_comes_on_top_of_the_total() -> None:
    sheet = sheet_of(*OF_TWO_GROUPS, groups=TWO_GROUPS["groups"], mql_at=20, needs={"fit": 10})
    assert not read(sheet, [1, 2, 3]).is_mql[0]
    assert not read(sheet, [], title="head").is_mql[0]
    assert read(sheet, [1], title="head").is_mql[0]


def test_a_rule_may_qualify_at_once() -> None:
    at_once = {"points": -5, "when": {"attribute": "title", "one_of": ["head"]}, "qualifies": True}
    for sheet in (
        sheet_of(at_once),
        sheet_of(at_once, mql_at=100),
        sheet_of(at_once, *OF_TWO_GROUPS, **TWO_GROUPS),
    ):
        assert read(sheet, title="head").is_mql[0]
        assert not read(sheet, title="student").is_mql[0]


def test_a_service_line_may_have_its_own_threshold() -> None:
    sheet = sheet_of({"when": VISIT}, mql_at=20, mql_at_by_line={"assays": 10})
    assert [bool(read(sheet, [1], line).is_mql[0]) for line in ("", "assays", "other")] == [
        False,
        True,
        False,
    ]


def test_a_sheet_that_decides_nothing_hands_nobody_over() -> None:
    assert not read(sheet_of({"points": 1000, "when": VISIT}), [1]).is_mql[0]


def test_what_is_missing_counts_for_nothing() -> None:
    sheet = sheet_of(
        *({"when": VISIT, **how} for how in ({}, {"each": True})),
        *({"when": VISIT, "decay": decay} for decay in ({"linear_days": 9}, {"half_life_days": 9})),
        {"when": VISIT, "each": True, "decay": {"steps": {9: 0.5}}},
        {"when": {**VISIT, "silent_days": 9}},
        {"when": {"attribute": "title", "contains": ["a"], "below": 9}},
    )
    features = with_sheet([], sheet)
    words = {one.name: () for one in features if one.is_category}
    told = evaluate(sheet, Matrix(tuple(features), np.full((2, len(features)), np.nan), words))
    assert told.by_rule.tolist() == [[0.0] * 7] * 2


def test_no_rows_no_answers() -> None:
    for says in ({"mql_at": 1}, TWO_GROUPS):
        sheet = sheet_of(*OF_TWO_GROUPS, **{"groups": TWO_GROUPS["groups"], **says})
        features = with_sheet([], sheet)
        words = {one.name: () for one in features if one.is_category}
        told = evaluate(sheet, Matrix(tuple(features), np.empty((0, len(features))), words))
        assert told.by_rule.shape == (0, 2)
        assert (len(told.total), len(told.is_mql), len(told.cell)) == (0, 0, 0)


def test_every_rule_reads_what_it_says_it_needs() -> None:
    kinds = [
        {"when": {**VISIT, "days": 7, "times": 2}},
        {"when": VISIT, "each": True, "decay": {"linear_days": 30}},
        {"when": VISIT, "each": True, "decay": {"half_life_days": 30}},
        {"when": VISIT, "decay": {"half_life_days": 30}},
        {"when": VISIT, "decay": {"steps": {30: 0.5, 90: 0}}},
        {"when": {**VISIT, "silent_days": 60}},
        {"when": {"attribute": "title", "contains": ["a"], "at_least": 1}},
    ]
    assert [[one.name for one in reading(rule).features] for rule in sheet_of(*kinds).rules] == [
        ["count(visit, 7d)"],
        ["fading(visit, 30d)"],
        ["halving(visit, half-life 30d)"],
        ["recency(visit, all)"],
        ["count(visit, 30d)", "count(visit, 90d)"],
        ["count(visit, 60d)", "lead_age()"],
        ["latest(title)", "latest_number(title)"],
    ]


def test_a_matrix_without_the_columns_of_a_rule_is_refused() -> None:
    sheet = sheet_of({"when": VISIT}, {"when": {**VISIT, "days": 7}})
    matrix = Matrix((Feature("count", sheet.rules[0].when.selection),), np.zeros((1, 1)), {})
    with pytest.raises(LeadlightError, match=r"count\(visit, 7d\)"):
        evaluate(sheet, matrix)


@settings(max_examples=50)
@given(counted=st.lists(st.floats(0, 1e6), min_size=1, max_size=6))
def test_times_are_capped_where_points_would_be(counted: list[float]) -> None:
    rules = [{"points": 8, "each": True, "most": 20, "when": VISIT} for _ in counted]
    sheet = sheet_of(*rules)
    given_points = SheetReader(sheet).capped(np.array([counted])).by_rule
    np.testing.assert_allclose(capped(sheet, np.array([counted])) * 8, given_points, rtol=1e-12)


def test_rows_to_learn_from_hold_times_by_the_caps_of_rules_alone() -> None:
    train = samples.dataset(300)
    sheet = sheet_of(
        {"points": 4, "each": True, "most": 10, "when": {"event": "visit", "days": 30}, "group": "doing"},
        {"points": 20, "when": {"event": "demo", "days": 30}, "group": "doing"},
        groups={"doing": {"most": 12}},
        total={"most": 5},
    )
    rows = RuleRows.of(sheet, train)
    visits, demos = (train.matrix.column(one.name) for one in (samples.VISITS, samples.DEMOS))
    np.testing.assert_array_equal(rows.times, np.column_stack([np.minimum(visits, 2.5), demos > 0]))
    for name in ("label", "weight", "lead_id", "account", "service_line", "as_of", "label_known_at"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(train, name))
    some_rows = rows.take(train.label > 0)
    assert len(some_rows) == int(train.label.sum())
    np.testing.assert_array_equal(some_rows.times, rows.times[train.label > 0])
    assert fires(sheet, train.matrix)[:, 0].tolist() == (visits > 0).tolist()
    assert total_points(sheet, train.matrix).max() == 5.0

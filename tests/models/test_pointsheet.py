"""The hand-set sheet: rules become features, points become log-odds."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import LeadlightError
from features.language import count, latest, latest_number
from features.matrix import Matrix
from features.sheet import Sheet
from models.points.evaluation import evaluate, fires, rule_features, total_points, with_sheet
from models.pointsheet import SheetLearner, SheetModel
from tests.models import samples


def sheet_of(*rules: dict[str, object], **says: object) -> Sheet:
    named = [{"name": f"rule {at}", "points": 10, **rule} for at, rule in enumerate(rules)]
    return Sheet.model_validate({"rules": named} | says)


def test_a_rule_looks_at_ordinary_features() -> None:
    sheet = sheet_of(
        {"when": {"event": "visit", "days": 7, "where": {"topic": "pricing"}}},
        {"when": {"event": "any", "times": 3}},
        {"when": {"attribute": "industry", "entity": "account", "one_of": ["pharma"]}},
        {"when": {"attribute": "employees", "at_least": 100}},
        {"when": {"attribute": "grade", "one_of": ["1", "2"], "below": 2}},
    )
    expected = [
        count("visit", days=7, topic="pricing"),
        count("any", days=None),
        latest("industry", entity="account"),
        latest_number("employees"),
        latest("grade") + latest_number("grade"),
    ]
    assert [rule_features(rule) for rule in sheet.rules] == expected


def test_features_of_the_same_name_are_not_added_twice() -> None:
    intent = count("demo", days=30, signal="intent")
    joined = with_sheet(intent, samples.GOOD_SHEET)
    assert joined[0] is intent[0]
    assert [feature.name for feature in joined] == [
        "count(demo, 30d)",
        "latest(industry)",
        "latest_number(employees)",
    ]


def test_when_rules_fire() -> None:
    sheet = sheet_of(
        {"when": {"event": "visit", "days": 30, "times": 2}},
        {"when": {"attribute": "industry", "one_of": ["pharma", "chemistry"]}},
        {"when": {"attribute": "employees", "at_least": 10, "below": 100}},
    )
    features = with_sheet([], sheet)
    nan = np.nan
    values = np.array([[1, 0, 9], [2, 1, 10], [3, 2, 99], [0, nan, nan], [5, nan, 100]], dtype=np.float64)
    matrix = Matrix(tuple(features), values, {"latest(industry)": ("chemistry", "diagnostics", "pharma")})
    expected = [[0, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0]]
    np.testing.assert_array_equal(fires(sheet, matrix), np.array(expected, dtype=bool))
    np.testing.assert_array_equal(total_points(sheet, matrix), 10 * np.array(expected).sum(axis=1))


def test_the_word_none_is_not_the_absence_of_a_word() -> None:
    sheet = sheet_of({"when": {"attribute": "industry", "one_of": ["None"]}})
    matrix = Matrix((samples.INDUSTRY,), np.array([[0.0], [np.nan]]), {samples.INDUSTRY.name: ("None",)})
    np.testing.assert_array_equal(fires(sheet, matrix), [[True], [False]])


def test_points_are_signed() -> None:
    sheet = sheet_of({"points": -5, "when": {"event": "visit", "days": 30}})
    matrix = Matrix((samples.VISITS,), np.array([[1.0], [0.0]]), {})
    np.testing.assert_array_equal(total_points(sheet, matrix), [-5.0, 0.0])


def test_calibration_is_a_straight_line_in_the_total() -> None:
    train = samples.dataset(2000)
    model = SheetLearner(samples.GOOD_SHEET).fit(train, seed=0)
    total = total_points(samples.GOOD_SHEET, train.matrix)
    np.testing.assert_allclose(model.log_odds(train.matrix), model.intercept + model.slope * total)
    # A demo is worth 20 points and 1.4 log-odds, pharma 10 and .9: the unit lies between.
    assert 0.04 < model.slope < 0.1
    assert model.contributions(train.matrix).by_feature.mean(axis=0) == pytest.approx(0.0, abs=1e-9)


def test_contributions_are_distances_from_mean_points_after_caps() -> None:
    train = samples.dataset(2000)
    sheet = sheet_of(
        {"points": 4, "each": True, "most": 8, "group": "doing", "when": {"event": "visit", "days": 30}},
        {"points": 20, "group": "doing", "when": {"event": "demo", "days": 30}},
        {"points": 10, "when": {"attribute": "industry", "one_of": ["pharma"]}},
        groups={"doing": {"most": 24}},
    )
    model = SheetLearner(sheet).fit(train, seed=0)
    evaluated = evaluate(sheet, train.matrix)
    assert evaluated.caps_bind.any()
    assert model.means == pytest.approx(evaluated.by_rule.mean(axis=0))
    told = model.contributions(train.matrix)
    assert told.base == pytest.approx(model.intercept + model.slope * evaluated.total.mean())
    np.testing.assert_allclose(told.total, model.log_odds(train.matrix), atol=1e-12)
    of_visits = told.by_feature[:, train.matrix.names.index(samples.VISITS.name)]
    np.testing.assert_allclose(
        of_visits, model.slope * (evaluated.by_rule[:, 0] - model.means[0]), atol=1e-12
    )
    again = SheetModel.from_files(model.to_files())
    assert again == model
    np.testing.assert_array_equal(again.log_odds(train.matrix), model.log_odds(train.matrix))


def test_a_sheet_that_points_the_wrong_way_is_ignored() -> None:
    train = samples.dataset(2000)
    rules = [
        {"name": rule.name, "points": -rule.points, "when": rule.when} for rule in samples.GOOD_SHEET.rules
    ]
    model = SheetLearner(Sheet.model_validate({"rules": rules})).fit(train, seed=0)
    assert model.slope == 0.0
    rate = train.label.mean()
    np.testing.assert_allclose(model.log_odds(train.matrix), np.log(rate / (1 - rate)), atol=1e-6)


def test_a_matrix_without_the_rules_columns_is_refused() -> None:
    with pytest.raises(LeadlightError, match=r"count\(demo, 30d\)"):
        fires(samples.GOOD_SHEET, samples.dataset().matrix.select((samples.VISITS,)))

"""Wrong windows are found, right ones are left alone."""

from __future__ import annotations

import pytest

from features.errors import LeadlightError
from features.sheet import Decay, Rule, RuleTest, Sheet
from models.points.discovery.timing import LIMITED, retime, timing_features, timings
from models.points.evaluation import rule_features, with_sheet
from tests.models.points.firm import SHEET, WORTH, Firm, with_windows

FIRM = Firm(6000, 3)
"""About 1,400 of them convert."""


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("told", "true"), [(30, 7), (7, 30), (90, 14)])
def test_a_wrong_window_is_found(told: int, true: int, seed: int) -> None:
    rows = FIRM.outcomes(FIRM.log_odds(with_windows({"saw prices": true})), seed)
    found = retime(with_windows({"saw prices": told}), rows)
    assert found[0].rule == "saw prices"  # the largest gain; one in twenty may be chance
    better = found[0].better.when.days
    assert better is not None
    assert 0.45 <= better / true <= 2.2
    assert found[0].now == f"in the last {told} days"
    assert found[0].gain > 0.0


def test_points_that_wear_off_are_found() -> None:
    fading = [
        rule.model_copy(update={"when": RuleTest(event="prices"), "decay": Decay(half_life_days=14)})
        if rule.name == "saw prices"
        else rule
        for rule in SHEET.rules
    ]
    true = Sheet.model_validate({"rules": [rule.model_dump() for rule in fading]})
    rows = FIRM.outcomes(FIRM.log_odds(true, WORTH | {"saw prices": 2.5}), 1)
    [found] = retime(with_windows({"saw prices": 180}), rows)
    assert found.better.decay is not None
    assert found.better.decay.half_life_days in (7, 14, 30)
    assert found.better.when.days is None


@pytest.mark.slow
def test_right_windows_are_left_alone() -> None:
    small = Firm(2500, 4)
    truth = small.log_odds()
    wrong = [len(retime(SHEET, small.outcomes(truth, seed))) > 0 for seed in range(60)]
    assert sum(wrong) <= 6  # 5 % of runs are expected to have one


def test_what_only_shows_that_a_lead_is_active_retimes_no_rule() -> None:
    active = 0.9 * FIRM.holds(event="any", days=3)
    assert retime(SHEET, FIRM.outcomes(FIRM.log_odds() + active, 1)) == ()


def test_too_few_conversions_retime_nothing() -> None:
    few = Firm(200, 5)
    assert retime(with_windows({"saw prices": 180}), few.outcomes(few.log_odds() - 2.0, 1)) == ()


def test_missing_columns_are_named() -> None:
    rows = FIRM.outcomes(FIRM.log_odds(), 1)
    known = [f for f in rows.matrix.features if f.name != "count(prices, 7d)"]
    lacking = type(rows)(rows.matrix.select(known), *(getattr(rows, n) for n in rows.__slots__[1:]))
    with pytest.raises(LeadlightError, match="timing_features") as refused:
        retime(SHEET, lacking)
    assert "count(prices, 7d)" in str(refused.value)


def test_columns_are_those_that_other_timings_read_and_the_sheet_does_not() -> None:
    names = [feature.name for feature in timing_features(SHEET)]
    assert len(set(names)) == len(names)
    assert not set(names) & {feature.name for feature in with_sheet([], SHEET)}
    assert {f"count(prices, {days}d)" for days in LIMITED if days != 30} <= set(names)
    for rule in SHEET.rules:
        for other in timings(rule):
            assert {feature.name for feature in rule_features(other)} <= {
                *names,
                *(feature.name for feature in rule_features(rule)),
            }


@pytest.mark.parametrize(
    "plain",
    [
        {"event": "visit", "days": 7},
        {"event": "visit", "days": 14, "times": 3},
        {"event": "visit", "silent_days": 30},
        {"event": "any"},
    ],
)
def test_other_timings_differ_from_the_rule_and_keep_all_else(plain: dict[str, object]) -> None:
    rule = Rule.model_validate({"name": "a", "points": 5, "when": plain})
    others = timings(rule)
    assert rule not in others
    assert len({other.model_dump_json() for other in others}) == len(others) >= 6
    for other in others:
        assert Rule.model_validate(other.model_dump()) == other
        assert (other.when.event, other.when.times) == (rule.when.event, rule.when.times)


def test_rules_of_attributes_have_no_timing() -> None:
    assert timings(SHEET.rules[0]) == []

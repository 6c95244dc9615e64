"""A model as a sheet: few whole rules, close to the model, and its price stated as other code measures it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import spearmanr

from features.definitions import Feature
from features.errors import TooLittleDataError
from features.language import count, latest, latest_number
from features.matrix import Floats, Matrix
from features.sheet import RuleTest
from features.sheet_checks import sheet_problems
from models.boosting import BoostingLearner, Settings
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.metrics import roc_auc
from models.points.discovery.candidates import Candidate
from models.points.discovery.dependence import following, things
from models.points.discovery.distil import Distilled, Teacher, Terms, _bars, _in_bands, distil, points_on
from models.points.discovery.fidelity import fidelity
from models.points.discovery.thresholds import count_cuts, jumps, quantile_cuts, round_number
from tests.models.points.firm import Firm

FIRM = Firm(6000, 9)
TERMS = Terms(unit=20.0, step=5.0, mql_rate=0.2, phrases={})
SETTINGS = Settings(most_rounds=150, least_rounds=50)


@cache
def _taught() -> tuple[Teacher, Contributions, Teacher]:
    """A booster that learned from 4,000 leads, and 2,000 later ones."""
    rows = FIRM.outcomes(FIRM.log_odds(), 1)
    early, late = rows.take(np.arange(4000)), rows.take(np.arange(4000, 6000))
    model = BoostingLearner(settings=SETTINGS).fit(early, seed=1)
    contributions = model.contributions(early.matrix)
    return (
        Teacher(early, contributions.total),
        contributions,
        Teacher(late, model.log_odds(late.matrix)),
    )


@cache
def _distilled() -> Distilled:
    return distil(*_taught(), TERMS, seed=1)


def test_a_distilled_sheet_is_as_good_as_its_model_where_the_truth_is_a_sheet() -> None:
    told = _distilled().fidelity
    assert told.spearman.value > 0.9
    assert told.auc_against_model.value > 0.95
    truth = FIRM.log_odds()[4000:]
    best = roc_auc(_taught()[2].rows.label, expit(truth))
    assert told.auc_outcomes.value > best - 0.02
    assert told.price.value < 0.02
    for one in (told.spearman, told.auc_against_model, told.auc_outcomes, told.auc_outcomes_of_model):
        assert one.low < one.value < one.high


def test_its_rules_are_those_of_the_truth() -> None:
    told = {rule.when.event or rule.when.attribute: rule.points for rule in reversed(_distilled().rules)}
    assert told["demo"] >= 15.0
    assert told["prices"] >= 15.0
    assert told["careers"] <= -10.0
    assert told["level"] >= 10.0 or any(
        rule.when.one_of == ("director",) and rule.points >= 10.0 for rule in _distilled().rules
    )


def test_a_distilled_sheet_can_be_meant_and_points_are_whole_steps() -> None:
    sheet = _distilled().sheet
    assert len(sheet.rules) <= 20
    assert sheet_problems(sheet) == []
    assert all(rule.points and rule.points % 5.0 == 0.0 for rule in sheet.rules)
    assert sheet.mql_at is not None
    assert sheet.mql_at % 5.0 == 0.0


def test_it_hands_over_about_the_share_asked_for() -> None:
    sheet = _distilled().sheet
    share = float((points_on(sheet, _taught()[0].rows.matrix) >= (sheet.mql_at or 0.0)).mean())
    assert share == pytest.approx(0.2, abs=0.05)


def test_fewer_rules_cost_fidelity() -> None:
    short = distil(*_taught(), Terms(20.0, 5.0, 0.2, {}, at_most=3), seed=1)
    assert len(short.rules) <= 3
    assert short.fidelity.spearman.value < _distilled().fidelity.spearman.value


def test_no_rule_rewards_what_is_to_be_avoided() -> None:
    assert any(rule.when.event == "demo" for rule in _distilled().rules)
    without = distil(*_taught(), replace(TERMS, avoid=frozenset({"demo"})), seed=1)
    assert not any(rule.when.event == "demo" for rule in without.rules)


def test_the_same_model_gives_the_same_sheet() -> None:
    assert distil(*_taught(), TERMS, seed=1) == _distilled()


def test_a_model_that_says_nothing_is_refused() -> None:
    rows = _taught()[0].rows
    nothing = of_features(-1.0, np.zeros((len(rows), len(rows.matrix.features))))
    with pytest.raises(TooLittleDataError, match="hardly tells leads apart"):
        distil(Teacher(rows, nothing.total), nothing, _taught()[2], TERMS, seed=1)


def test_a_teacher_speaks_of_every_row() -> None:
    with pytest.raises(ValueError, match="but 3 log-odds"):
        Teacher(_taught()[0].rows, np.zeros(3))


def test_nested_limits_become_bands_that_say_the_same() -> None:
    """Points of bands are sums of the points of the limits below them."""
    size = latest_number("employees")[0]
    matrix = Matrix((size,), np.array([[10.0], [60.0], [300.0], [2000.0], [np.nan]]), {})
    tests = [
        RuleTest(attribute="employees", **limit)
        for limit in ({"at_least": 50}, {"at_least": 1000}, {"at_least": 200})
    ]
    made = _in_bands([Candidate("", np.zeros(5), test) for test in tests], matrix, {})
    assert [one.title for one in made] == [
        "employees from 50 to below 200", "employees of at least 1,000", "employees from 200 to below 1,000",
    ]  # fmt: skip
    assert np.sum([one.holds for one in made], axis=0).tolist() == [0, 1, 1, 1, 0]


def test_words_and_opposite_limits_keep_out_of_each_other() -> None:
    def one(**test: object) -> Candidate:
        return Candidate("", np.zeros(1), RuleTest.model_validate(test))

    large, larger, small = (
        one(attribute="size", **limit) for limit in ({"at_least": 9}, {"at_least": 20}, {"below": 12})
    )
    assert not _bars(large, larger)
    assert _bars(large, small)
    assert not _bars(larger, small)
    assert _bars(one(attribute="level", one_of=("a", "b")), one(attribute="level", one_of=("b",)))
    assert not _bars(one(attribute="level", one_of=("a",)), one(attribute="level", one_of=("b",)))


def test_columns_that_look_at_one_thing_are_taken_together() -> None:
    known, contributions, _ = _taught()
    found = things(known.rows, contributions)
    of_prices = [thing for thing in found if any("prices" in f.name for f in thing.features)]
    assert len(of_prices) == 1
    assert len(of_prices[0].features) == 9
    summed = sum(thing.told for thing in found)
    unsaid = [at for at, f in enumerate(known.rows.matrix.features) if f.scope == "account"]
    wanted = contributions.by_feature.sum(axis=1) - contributions.by_feature[:, unsaid].sum(axis=1)
    assert summed == pytest.approx(wanted)


def test_candidates_follow_the_model_and_a_silent_column_makes_none() -> None:
    known, contributions, _ = _taught()
    muted = contributions.by_feature.copy()
    quiet = [at for at, f in enumerate(known.rows.matrix.features) if "demo" in f.name]
    muted[:, quiet] = 0.0
    titles = [one.title for one in following(known.rows, of_features(0.0, muted), {})]
    assert not any("demo" in title for title in titles)
    assert len(set(titles)) == len(titles)


def test_fidelity_is_what_scipy_and_the_metrics_say() -> None:
    judge = _taught()[2].rows
    random = np.random.default_rng(0)
    points: Floats = 5.0 * random.integers(0, 9, len(judge)).astype(np.float64)
    log_odds: Floats = random.normal(size=len(judge)) + 0.1 * points
    told = fidelity(points, log_odds, judge, mql_rate=0.25, seed=1, draws=50)
    handed = (log_odds >= np.sort(log_odds)[::-1][len(judge) // 4 - 1]).astype(np.float64)
    assert told.spearman.value == pytest.approx(spearmanr(points, log_odds).statistic)
    assert told.auc_against_model.value == pytest.approx(roc_auc(handed, points / 100.0))
    assert told.auc_outcomes.value == pytest.approx(roc_auc(judge.label, points / 100.0))
    assert told.auc_outcomes_of_model.value == pytest.approx(roc_auc(judge.label, expit(log_odds)))
    assert told.price.value == pytest.approx(told.auc_outcomes_of_model.value - told.auc_outcomes.value)


def test_points_that_are_the_model_are_wholly_faithful() -> None:
    judge = _taught()[2]
    told = fidelity(judge.log_odds * 3.0 + 7.0, judge.log_odds, judge.rows, mql_rate=0.2, seed=1, draws=20)
    assert (told.spearman.low, told.spearman.value) == pytest.approx((1.0, 1.0))
    assert told.auc_against_model.low == pytest.approx(1.0)
    assert (told.price.low, told.price.high) == pytest.approx((0.0, 0.0))


def test_one_outcome_alone_has_no_roc_auc() -> None:
    judge = _taught()[2]
    lost = judge.rows.take(judge.rows.label == 0.0)
    rising = np.cumsum(lost.weight)
    told = fidelity(rising, rising, lost, mql_rate=0.2, seed=1, draws=5)
    assert np.isnan(told.auc_outcomes.value)
    assert told.to_dict()["spearman"]["value"] == pytest.approx(1.0)


def _steps(values: Floats) -> Floats:
    return np.where(values >= 200, 1.0, 0.0) + np.where(values >= 30, 0.5, 0.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_jumps_are_where_they_were_planted(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.exp(random.normal(4.0, 1.5, 4000))
    told = _steps(values) + random.normal(0.0, 0.1, 4000)
    found = jumps(values, told, np.ones(4000), at_most=2)
    assert [round_number(cut) for cut in found] == [30.0, 200.0]


def test_a_flat_or_unknown_column_has_no_jump() -> None:
    assert jumps(np.arange(100.0), np.ones(100), np.ones(100)) == []
    assert jumps(np.full(100, np.nan), np.arange(100.0), np.ones(100)) == []
    assert jumps(np.ones(100), np.arange(100.0), np.ones(100)) == []


def test_cuts_lie_inside_the_values() -> None:
    values = np.array([np.nan, 10.0, 12.0, 80.0, 190.0, 4000.0])
    cuts = quantile_cuts(values)
    assert cuts == sorted(cuts)
    assert all(10.0 < cut <= 4000.0 for cut in cuts)
    assert quantile_cuts(np.full(3, np.nan)) == []
    assert count_cuts(np.array([0.0, 1.0, 1.0])) == []
    assert count_cuts(np.array([0.0, 2.0, 4.0, 6.0, 8.0])) == [3, 5, 6, 7]


def test_words_that_add_the_same_are_one_rule() -> None:
    words = latest("level")[0]
    column: Feature = count("visit", days=30)[0]
    rows = FIRM.outcomes(FIRM.log_odds(), 1)
    codes = np.arange(6000) % 4
    matrix = Matrix(
        (words, column), np.column_stack([codes, np.zeros(6000)]), {words.name: ("a", "b", "c", "d")}
    )
    data = Dataset(matrix, *(getattr(rows, name) for name in rows.__slots__[1:]))
    told = np.array([0.5, -0.5, 0.5, -0.5])[codes]
    made = following(data, of_features(0.0, np.column_stack([told, np.zeros(6000)])), {})
    assert {one.test.one_of for one in made if one.test} >= {("a", "c"), ("b", "d")}

"""Bootstrap by account: against a loop that repeats rows, and against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from models import intervals
from models.intervals import Estimate, Outcomes, differences, evaluate, judge
from models.metrics import METRICS, roc_auc


def sample(rng, accounts=150, effect=0.0):
    """Three rows per account; ``effect`` makes the rows of an account alike."""
    member = np.repeat(np.arange(accounts), 3)
    log_odds = rng.normal(-0.5, 1.0, len(member)) + effect * rng.normal(size=accounts)[member]
    label = (rng.random(len(member)) < expit(log_odds)).astype(float)
    names = np.array([f"account-{i}" for i in member], dtype=object)
    return Outcomes(label, np.full(len(member), 1 / 3), names), expit(log_odds)


@pytest.fixture(scope="module")
def case():
    return sample(np.random.default_rng(1))


@pytest.mark.slow
def test_a_loop_that_repeats_the_rows_of_drawn_accounts_gives_the_same_interval(case):
    outcomes, probability = case
    names = np.unique(outcomes.account.astype(str))
    rng = np.random.default_rng(99)
    drawn = []
    for _ in range(1500):
        rows = np.concatenate(
            [np.flatnonzero(outcomes.account == name) for name in rng.choice(names, len(names))]
        )
        drawn.append(roc_auc(outcomes.label[rows], probability[rows]))
    slow = np.quantile(drawn, (0.025, 0.975))
    fast = evaluate(outcomes, probability, draws=1500, seed=3)["roc_auc"]
    np.testing.assert_allclose((fast.low, fast.high), slow, atol=0.006)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say_and_intervals_by_row_do_not():
    """Rows of an account share their outcome, so three rows carry what one does."""
    rng = np.random.default_rng(8)
    held, held_by_row, runs = 0, 0, 200
    truth = 0.5
    for _ in range(runs):
        label = np.repeat((rng.random(120) < truth).astype(float), 3)
        member = np.repeat(np.arange(120), 3)
        flat = np.full(360, 0.5)
        by_account = Outcomes(label, np.ones(360), np.array([f"a{i}" for i in member], dtype=object))
        by_row = Outcomes(label, np.ones(360), np.array([f"r{i}" for i in range(360)], dtype=object))
        got, naive = (
            evaluate(o, flat, draws=300, seed=5)["calibration_intercept"] for o in (by_account, by_row)
        )
        held += got.low <= 0.0 <= got.high
        held_by_row += naive.low <= 0.0 <= naive.high
    assert 0.91 <= held / runs <= 0.985
    assert held_by_row / runs < 0.85


def test_the_interval_of_a_calibrated_models_ece_reaches_down_to_zero():
    """The plain percentiles would lie above it: noise is added to noise."""
    reached = 0
    for seed in range(20):
        outcomes, probability = sample(np.random.default_rng(seed), accounts=400)
        reached += evaluate(outcomes, probability, draws=200, seed=1)["ece"].low < 0.015
    assert reached >= 18


def test_every_value_lies_in_its_interval(case):
    outcomes, probability = case
    for name, estimate in evaluate(outcomes, probability).items():
        assert estimate.low <= estimate.value <= estimate.high, name


def test_the_order_of_rows_changes_nothing(case):
    outcomes, probability = case
    order = np.random.default_rng(0).permutation(len(probability))
    before = evaluate(outcomes, probability, draws=50, seed=4)
    after = evaluate(outcomes.take(order), probability[order], draws=50, seed=4)
    for name in METRICS:
        for end in ("value", "low", "high"):
            assert getattr(before[name], end) == pytest.approx(
                getattr(after[name], end), rel=1e-6, abs=1e-7
            ), name


def test_blocks_of_draws_do_not_change_the_draws(case, monkeypatch):
    outcomes, probability = case
    whole = evaluate(outcomes, probability, draws=60, seed=4)
    monkeypatch.setattr(intervals, "CELLS", 7 * len(probability))
    for name, estimate in evaluate(outcomes, probability, draws=60, seed=4).items():
        assert estimate.low == pytest.approx(whole[name].low, rel=1e-6, abs=1e-7), name


def test_the_seed_decides(case):
    outcomes, probability = case
    assert evaluate(outcomes, probability, draws=20, seed=1) == evaluate(
        outcomes, probability, draws=20, seed=1
    )
    assert evaluate(outcomes, probability, draws=20, seed=1) != evaluate(
        outcomes, probability, draws=20, seed=2
    )


def test_a_paired_difference_is_surer_than_two_intervals(case):
    outcomes, probability = case
    close = expit(np.log(probability / (1 - probability)) * 0.95)
    judged = judge(outcomes, {"winner": probability, "close": close}, "winner", draws=300)
    apart = judged.differences["close"]["log_loss"]
    one = judged.metrics["close"]["log_loss"]
    assert set(judged.differences) == {"close"}
    assert apart.value == pytest.approx(one.value - judged.metrics["winner"]["log_loss"].value)
    assert apart.high - apart.low < (one.high - one.low) / 5


def test_a_model_does_not_differ_from_its_twin(case):
    outcomes, probability = case
    twin = differences(outcomes, {"a": probability, "b": probability.copy()}, "a", draws=30)["b"]
    assert all(estimate == Estimate(0.0, 0.0, 0.0) for estimate in twin.values())


def test_what_is_not_defined_has_no_interval():
    outcomes = Outcomes(np.zeros(5), np.ones(5), np.array(list("abcde"), dtype=object))
    found = evaluate(outcomes, np.linspace(0.1, 0.5, 5), draws=10)
    assert np.isnan(found["roc_auc"].low)
    assert np.isfinite(found["brier"].low)


def test_an_interval_cannot_run_backwards():
    with pytest.raises(ValueError, match="low to high"):
        Estimate(0.5, 0.6, 0.4)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_a_weight_that_is_not_positive_is_refused(weight):
    with pytest.raises(ValueError, match="positive"):
        Outcomes(np.zeros(1), np.array([weight]), np.array(["a"], dtype=object))

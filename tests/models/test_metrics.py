"""Metrics against scikit-learn, statsmodels-like fits by scipy, and the laws they must obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from models import metrics
from models.metrics import METRICS, measure


@st.composite
def judged(draw):
    """Label (both classes), probability (often tied), whole weights."""
    n = draw(st.integers(4, 60))
    label = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
    label[:2] = 0.0, 1.0
    steps = draw(st.lists(st.integers(1, 19), min_size=n, max_size=n))
    weight = np.array(draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)), dtype=np.float64)
    return label, np.array(steps) / 20.0, weight


def everything(label, probability, weight):
    return measure(label, probability, weight[None, :])[0]


def agree(a, b, *, rtol=1e-6):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7, equal_nan=True)


@pytest.fixture(scope="module")
def plain():
    rng = np.random.default_rng(11)
    log_odds = rng.normal(-2.0, 1.3, 900)
    label = (rng.random(900) < expit(0.3 + 0.7 * log_odds)).astype(float)
    return label, expit(log_odds), rng.integers(1, 4, 900) / 3.0


@settings(max_examples=150, deadline=None)
@given(judged())
def test_scikit_learn_agrees(given_rows):
    label, probability, weight = given_rows
    agree(
        metrics.roc_auc(label, probability, weight), roc_auc_score(label, probability, sample_weight=weight)
    )
    agree(
        metrics.pr_auc(label, probability, weight),
        average_precision_score(label, probability, sample_weight=weight),
    )
    agree(
        metrics.log_loss(label, probability, weight),
        sklearn_log_loss(label, probability, sample_weight=weight),
    )
    agree(
        metrics.brier(label, probability, weight), brier_score_loss(label, probability, sample_weight=weight)
    )


def test_certainty_that_was_wrong_costs_much_but_not_everything():
    assert 30.0 < metrics.log_loss(np.array([1.0]), np.array([0.0])) < 40.0


def test_slope_and_intercept_are_the_maximum_of_the_likelihood(plain):
    label, probability, weight = plain

    def surprise(beta):
        z = beta[0] + beta[1] * logit(probability)
        return (weight * (np.logaddexp(0.0, z) - label * z)).sum()

    best = minimize(surprise, [0.0, 1.0], tol=1e-12).x
    agree(metrics.calibration_slope(label, probability, weight), best[1], rtol=1e-4)
    shift = minimize(lambda a: surprise([a[0], 1.0]), [0.0], tol=1e-12).x
    agree(metrics.calibration_intercept(label, probability, weight), shift[0], rtol=1e-4)


def test_the_slope_does_not_exist_where_a_threshold_separates_the_classes():
    label, probability = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.3, 0.4])
    assert np.isnan(metrics.calibration_slope(label, probability))
    assert np.isfinite(metrics.calibration_intercept(label, probability))


def test_the_slope_does_not_exist_for_one_probability():
    assert np.isnan(metrics.calibration_slope(np.array([0.0, 1.0]), np.array([0.3, 0.3])))


def test_far_off_probabilities_still_find_their_intercept():
    label = np.repeat([1.0, 0.0], [30, 70])
    assert metrics.calibration_intercept(label, np.full(100, 1e-12)) == pytest.approx(
        logit(0.3) - logit(1e-12)
    )


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_with_one_class_only_what_is_defined_is_given(label):
    row = dict(
        zip(METRICS, everything(np.full(4, label), np.array([0.1, 0.2, 0.3, 0.4]), np.ones(4)), strict=True)
    )
    for name in ("roc_auc", "calibration_slope", "calibration_intercept"):
        assert np.isnan(row[name]), name
    for name in ("log_loss", "brier", "ece"):
        assert np.isfinite(row[name]), name


def test_lift_counts_the_best_rows():
    label = np.zeros(100)
    label[[99, 98, 97, 50]] = 1.0
    probability = np.arange(100) / 100.0
    assert metrics.lift_at_5(label, probability) == pytest.approx(3 / 5 / 0.04)
    assert metrics.lift_at_10(label, probability) == pytest.approx(3 / 10 / 0.04)
    assert metrics.lift_at_20(label, probability) == pytest.approx(3 / 20 / 0.04)


def test_lift_of_ties_is_what_random_tie_breaking_gives_on_average():
    rng = np.random.default_rng(5)
    label = (rng.random(40) < 0.3).astype(float)
    probability = rng.integers(1, 5, 40) / 10.0
    broken = [metrics.lift_at_20(label, probability + 1e-6 * rng.random(40)) for _ in range(1500)]
    assert metrics.lift_at_20(label, probability) == pytest.approx(np.mean(broken), rel=0.02)
    assert np.std(broken) > 0.05, "the ties must matter for this to say anything"


def test_one_probability_for_all_has_no_lift():
    label = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    flat = np.full(5, 0.4)
    for name in ("lift_at_5", "lift_at_10", "lift_at_20"):
        assert getattr(metrics, name)(label, flat) == pytest.approx(1.0)
    assert metrics.roc_auc(label, flat) == 0.5


def test_ece_is_the_mean_gap_of_ten_equal_bins():
    rng = np.random.default_rng(2)
    probability = np.sort(rng.random(200))
    label = (rng.random(200) < probability**2).astype(float)
    gaps = [abs(label[i : i + 20].mean() - probability[i : i + 20].mean()) for i in range(0, 200, 20)]
    assert metrics.ece(label, probability) == pytest.approx(np.mean(gaps))


def test_noise_alone_makes_ece_large_and_leaves_the_debiased_one_small():
    rng = np.random.default_rng(4)
    plain_ece, debiased = [], []
    for _ in range(200):
        probability = rng.beta(2.0, 6.0, 300)
        label = (rng.random(300) < probability).astype(float)
        plain_ece.append(metrics.ece(label, probability))
        debiased.append(metrics.ece_debiased(label, probability))
    assert np.mean(plain_ece) > 0.04
    assert np.mean(debiased) < 0.4 * np.mean(plain_ece)


def test_debiased_ece_finds_a_true_gap():
    rng = np.random.default_rng(4)
    probability = rng.uniform(0.2, 0.6, 20_000)
    label = (rng.random(20_000) < probability + 0.1).astype(float)
    assert metrics.ece_debiased(label, probability) == pytest.approx(0.1, abs=0.01)


@settings(max_examples=100, deadline=None)
@given(judged(), st.floats(0.2, 5.0), st.floats(-3.0, 3.0))
def test_ranking_does_not_hear_a_monotone_map(given_rows, slope, shift):
    label, probability, weight = given_rows
    moved = expit(shift + slope * logit(probability))
    ranking = [
        METRICS.index(name) for name in METRICS if "auc" in name or "lift" in name or "precision" in name
    ]
    agree(everything(label, probability, weight)[ranking], everything(label, moved, weight)[ranking])


@settings(max_examples=100, deadline=None)
@given(judged(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(given_rows, random):
    label, probability, weight = given_rows
    order = list(range(len(label)))
    random.shuffle(order)
    agree(everything(label, probability, weight), everything(label[order], probability[order], weight[order]))


@settings(max_examples=100, deadline=None)
@given(judged())
def test_a_weight_is_a_repetition(given_rows):
    label, probability, weight = given_rows
    times = weight.astype(int)
    repeated = (np.repeat(label, times), np.repeat(probability, times), np.ones(times.sum()))
    kept = [i for i, name in enumerate(METRICS) if name != "ece_debiased"]
    agree(everything(label, probability, weight)[kept], everything(*repeated)[kept])


@settings(max_examples=50, deadline=None)
@given(judged(), st.floats(0.01, 100.0))
def test_the_unit_of_weight_does_not_matter(given_rows, unit):
    label, probability, weight = given_rows
    agree(everything(label, probability, weight), everything(label, probability, weight * unit))


def test_a_row_without_weight_is_not_there(plain):
    label, probability, weight = plain
    weight = weight.copy()
    weight[100:] = 0.0
    agree(everything(label, probability, weight), everything(label[:100], probability[:100], weight[:100]))


@pytest.mark.parametrize(
    ("label", "probability", "words"),
    [
        pytest.param([0.0, 1.0], [0.1, np.nan], "between 0 and 1", id="NaN"),
        pytest.param([0.0, 1.0], [-2.0, 1.0], "between 0 and 1", id="log-odds"),
        pytest.param([0.0, 1.0], [0.5], "do not match", id="lengths"),
        pytest.param([], [], "no rows", id="nothing"),
    ],
)
def test_what_cannot_be_judged_is_refused(label, probability, words):
    with pytest.raises(ValueError, match=words):
        metrics.roc_auc(np.array(label), np.array(probability))

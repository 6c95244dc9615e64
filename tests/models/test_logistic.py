"""The logistic model, its terms and its solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from features.matrix import Matrix
from models import logistic
from models.encoder import fit_encode
from models.linear import design, terms_of
from models.logistic import Logistic, LogisticLearner
from models.ridge import Problem, fit_ridge, log_loss_terms, with_intercept
from tests.models import samples


def test_it_learns_what_is_there() -> None:
    model = LogisticLearner().fit(samples.dataset(2000), seed=0)
    fresh = samples.dataset(1000, seed=1).matrix
    assert np.corrcoef(model.log_odds(fresh), samples.truth(fresh))[0, 1] > 0.9


def test_terms_are_centered_so_the_intercept_is_the_typical_lead() -> None:
    _, encoded = fit_encode(samples.dataset())
    filled = design(terms_of(encoded), encoded)
    np.testing.assert_allclose(filled.mean(axis=0), 0.0, atol=1e-9)


def test_beyond_the_training_range_nothing_grows() -> None:
    train = samples.dataset()
    model = LogisticLearner().fit(train, seed=0)
    values = np.repeat(train.matrix.values[:1], 2, axis=0)
    at = samples.FEATURES.index(samples.VISITS)
    values[:, at] = [train.matrix.column(samples.VISITS.name).max(), 1e9]
    low, high = model.log_odds(Matrix(samples.FEATURES, values, train.matrix.words))
    assert low == high


def test_the_ridge_is_at_its_minimum() -> None:
    random = np.random.default_rng(0)
    x, penalty = with_intercept(random.normal(size=(200, 4)), np.array([0.5, 1.0, 2.0, 4.0]))
    label = (random.random(200) < expit(x @ [-1.0, 1.0, 0.0, 2.0, -1.0])).astype(np.float64)
    toward = np.array([0.0, 0.5, 0.0, 0.0, -0.5])
    problem = Problem(x, label, random.random(200), random.normal(size=200), penalty, toward)
    expected = minimize(problem.objective, toward, method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(fit_ridge(problem), expected, atol=1e-4)


def test_a_separable_problem_does_not_run_away() -> None:
    x, penalty = with_intercept(np.linspace(-1, 1, 20)[:, None], np.ones(1))
    label = (x[:, 1] > 0).astype(np.float64)
    b = fit_ridge(Problem(x, label, np.ones(20), np.zeros(20), penalty, np.zeros(2)))
    assert np.isfinite(b).all()
    assert 0 < b[1] < 10


def test_no_feature_that_varies_gives_the_base_rate() -> None:
    train = samples.dataset()
    model = LogisticLearner(features=()).fit(train, seed=0)
    assert isinstance(model, Logistic)
    assert expit(model.log_odds(train.matrix)) == pytest.approx(
        np.full(len(train), train.label.mean()), abs=1e-6
    )


def test_log_loss_terms_are_stable() -> None:
    np.testing.assert_allclose(log_loss_terms(np.array([-1e6, 1e6]), np.array([0.0, 1.0])), 0.0)


def test_blocks_and_a_sample_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    train = samples.dataset()
    whole = LogisticLearner().fit(train, seed=0)
    answer, parts = whole.log_odds(train.matrix), whole.contributions(train.matrix).by_feature
    monkeypatch.setattr(logistic, "BLOCK", 70)
    np.testing.assert_allclose(whole.log_odds(train.matrix), answer, rtol=0, atol=1e-12)
    np.testing.assert_allclose(whole.contributions(train.matrix).by_feature, parts, rtol=0, atol=1e-12)
    monkeypatch.setattr(logistic, "MOST_ROWS", 500)
    fewer = LogisticLearner().fit(train, seed=0)
    assert np.corrcoef(fewer.log_odds(train.matrix), answer)[0, 1] > 0.95

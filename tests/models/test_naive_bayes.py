"""The Odoo-style baseline, against its formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.language import count
from features.matrix import Matrix
from models.naive_bayes import LIMIT, NaiveBayesLearner
from tests.models import samples


def test_it_is_the_published_formula() -> None:
    train = samples.dataset()
    model = NaiveBayesLearner((samples.INDUSTRY,)).fit(train, seed=0)
    industry = train.matrix.texts(samples.INDUSTRY.name)
    won = np.array([((industry == word) & (train.label == 1)).sum() + 0.1 for word in samples.INDUSTRIES])
    lost = np.array([((industry == word) & (train.label == 0)).sum() + 0.1 for word in samples.INDUSTRIES])
    prior = np.log((train.label.sum() + 0.1) / ((1 - train.label).sum() + 0.1))
    expected = prior + np.log(won / won.sum()) - np.log(lost / lost.sum())
    asked = Matrix((samples.INDUSTRY,), np.array([[0.0], [1.0], [2.0]]), train.matrix.words)
    np.testing.assert_allclose(model.log_odds(asked), expected)


def test_unknown_and_missing_words_are_skipped() -> None:
    train = samples.dataset()
    model = NaiveBayesLearner((samples.INDUSTRY,)).fit(train, seed=0)
    words = {samples.INDUSTRY.name: ("never seen",)}
    asked = Matrix((samples.INDUSTRY,), np.array([[0.0], [np.nan]]), words)
    np.testing.assert_array_equal(model.log_odds(asked), model.prior)


def test_it_is_clamped_and_still_adds_up() -> None:
    train = samples.dataset()
    copies = tuple(count(f"visit {at}", days=30)[0] for at in range(60))
    # Nearly twins: each also has a row of its own.
    values = np.repeat(train.matrix.column(samples.DEMOS.name)[:, None], 60, axis=1) + np.eye(600, 60)
    many = Matrix(copies, values, {})
    model = NaiveBayesLearner().fit(replace(train, matrix=many), seed=0)
    log_odds = model.log_odds(many)
    assert log_odds.max() == pytest.approx(LIMIT)
    assert np.abs(model.contributions(many).total - log_odds).max() < 1e-9


def test_twins_are_believed_once() -> None:
    train = samples.dataset()
    week, month = count("demo", days=(7, 30))
    values = np.repeat(train.matrix.column(samples.DEMOS.name)[:, None], 2, axis=1)
    twins = NaiveBayesLearner().fit(replace(train, matrix=Matrix((week, month), values, {})), seed=0)
    assert twins.features == (week,)

"""Quick margins are LightGBM's, to the last bit."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from models.boosting import BoostingLearner, Settings
from models.tree_margins import QuickBoosting, compile_margins, quickened
from models.trees import TreesError, parse_trees
from tests.models.bundles import dataset


def trained(x, y, **settings):
    chosen = {"objective": "binary", "num_leaves": 31, "verbose": -1, "num_threads": 1, "seed": 3, **settings}
    return lightgbm.train(chosen, lightgbm.Dataset(x, y, params={"verbose": -1}), 40)


def rows(seed, count, columns=12):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, columns)).astype(np.float32)
    x[:, 3] = np.round(x[:, 3])
    x[random.random(x.shape) < 0.2] = np.nan
    x[:5, 0] = [0.0, -0.0, 1e-36, -1e-36, np.inf][:count]
    return x


@pytest.mark.parametrize(
    "settings", [{}, {"extra_trees": True}, {"use_missing": False}, {"num_leaves": 2}, {"num_leaves": 32}]
)
@pytest.mark.parametrize("count", [1, 127, 128, 700])
def test_equal_to_the_last_bit(settings, count):
    x = rows(1, 1500)
    y = (np.nan_to_num(x[:, 0]) + np.isnan(x[:, 1]) + np.nan_to_num(x[:, 3]) > 0.4).astype(float)
    booster = trained(x, y, **settings)
    margins = compile_margins(parse_trees(booster.model_to_string(num_iteration=-1)))
    asked = rows(2, count)
    assert (margins.of(asked) == booster.predict(asked, raw_score=True, num_threads=1)).all()


def test_values_at_a_threshold_and_just_beside_it():
    x = rows(4, 1500)
    booster = trained(x, (np.nan_to_num(x[:, 0]) > 0).astype(float))
    trees = parse_trees(booster.model_to_string(num_iteration=-1))
    asked = rows(5, len(trees.threshold))
    with np.errstate(over="ignore"):
        near = trees.threshold.astype(np.float32)
    for step in (near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))):
        asked[np.arange(len(near)), trees.column] = step
        told = compile_margins(trees).of(asked)
        assert (told == booster.predict(asked, raw_score=True, num_threads=1)).all()


@pytest.mark.parametrize("settings", [{"num_leaves": 33}, {"zero_as_missing": True}])
def test_trees_that_cannot_be_asked_like_this_are_refused(settings):
    x = np.random.default_rng(6).normal(size=(4000, 12)).astype(np.float32)
    booster = trained(x, (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(float), min_data_in_leaf=1, **settings)
    with pytest.raises(TreesError):
        compile_margins(parse_trees(booster.model_to_string(num_iteration=-1)))


def test_a_quickened_model_says_the_same():
    train = dataset(600)
    model = BoostingLearner(settings=Settings(most_rounds=30, least_rounds=20)).fit(train, seed=1)
    quick = quickened(model)
    assert isinstance(quick, QuickBoosting)
    assert (quick.log_odds(train.matrix) == model.log_odds(train.matrix)).all()
    assert quick.to_files() == model.to_files()
    assert quick.features == model.features

"""LightGBM: its SHAP values, its start from the sheet, its threads."""

from __future__ import annotations

import numpy as np
import pytest

from models.boosting import BoostingLearner, Settings, certainty, fewest_rounds
from models.pointsheet import SheetLearner
from models.ridge import log_loss_terms
from tests.models import samples

QUICK = Settings(most_rounds=60, least_rounds=20)


@pytest.mark.filterwarnings(
    "ignore:LightGBM binary classifier:UserWarning"
)  # shap announces a change of its own
def test_contributions_equal_shap() -> None:
    shap = pytest.importorskip("shap")
    train = samples.dataset()
    model = BoostingLearner(settings=QUICK).fit(train, seed=1)
    encoded = model.encoder.encode(train.matrix)
    explainer = shap.TreeExplainer(model._booster)
    expected = model.encoder.to_features(explainer.shap_values(encoded), train.matrix)
    parts = model.contributions(train.matrix)
    np.testing.assert_allclose(parts.by_feature, expected, rtol=0, atol=1e-12)
    assert parts.base == pytest.approx(explainer.expected_value, abs=1e-12)


def test_an_unused_feature_contributes_nothing() -> None:
    train = samples.dataset()
    model = BoostingLearner((samples.VISITS, samples.DEMOS), QUICK).fit(train, seed=1)
    parts = model.contributions(train.matrix).by_feature
    used = [samples.FEATURES.index(feature) for feature in (samples.VISITS, samples.DEMOS)]
    assert not np.delete(parts, used, axis=1).any()
    assert parts[:, used].any()


def test_it_starts_from_a_good_sheet_and_adds_it_back() -> None:
    train = samples.dataset(300)
    model = BoostingLearner(settings=QUICK, sheet=samples.GOOD_SHEET).fit(train, seed=1)
    assert model.sheet is not None
    margin = np.asarray(model._booster.predict(model.encoder.encode(train.matrix), raw_score=True))
    np.testing.assert_allclose(model.log_odds(train.matrix), margin + model.sheet.log_odds(train.matrix))
    parts = model.contributions(train.matrix)
    assert parts.sheet.mean() == pytest.approx(0.0, abs=1e-9)
    assert parts.sheet.std() > 0.1
    # Forgetting the sheet would be plainly worse than the base rate.
    rate = np.log(train.label.mean() / (1 - train.label.mean()))
    assert log_loss_terms(margin, train.label).mean() > log_loss_terms(np.full(300, rate), train.label).mean()


def test_it_does_not_start_from_a_sheet_that_says_nothing() -> None:
    train = samples.dataset(300, signal=False)
    model = BoostingLearner(settings=QUICK, sheet=samples.BAD_SHEET).fit(train, seed=1)
    assert model.sheet is None


def test_certainty_tells_good_sheets_from_bad() -> None:
    train = samples.dataset(400)
    assert certainty(SheetLearner(samples.GOOD_SHEET), train, 0) > 0.99
    nothing = [
        certainty(SheetLearner(samples.BAD_SHEET), samples.dataset(400, seed, signal=False), 0)
        for seed in range(5)
    ]
    assert np.mean(nothing) < 0.6


@pytest.mark.parametrize(("positives", "leaves"), [(100, 5), (2_000, 15), (50_000, 31)])
def test_small_trees_for_few_conversions(positives: int, leaves: int) -> None:
    assert Settings().leaves_for(positives) == leaves
    assert Settings(leaves=9).leaves_for(positives) == 9


def test_the_order_of_threads_cannot_matter() -> None:
    parameters = Settings(threads=2).to_lightgbm(samples.dataset(300), 4)
    assert parameters["deterministic"]
    assert parameters["force_row_wise"]
    assert parameters["num_threads"] == 2
    assert parameters["seed"] == 4


def test_fewest_rounds_within_the_noise() -> None:
    clear = np.array([[0.6, 0.50, 0.40, 0.41], [0.6, 0.51, 0.40, 0.41]])
    flat = np.array([[0.6, 0.42, 0.40, 0.41], [0.6, 0.39, 0.40, 0.41]])
    assert fewest_rounds(clear) == 3
    assert fewest_rounds(flat) == 2
    assert fewest_rounds(clear[:1]) == 3

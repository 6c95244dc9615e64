"""Blending: weights that never turn negative, an intercept that follows the newest labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from features.clock import DAY
from features.definitions import Feature
from features.matrix import Floats, Matrix
from models.blend import Blend, Margins, blend_weights, fit_blend
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from tests.models import samples


@dataclass(frozen=True, slots=True)
class Known:
    """A model that tells ``slope * column + intercept``."""

    feature: Feature
    slope: float = 1.0
    intercept: float = 0.0
    name: str = "known"

    @property
    def features(self) -> tuple[Feature, ...]:
        return (self.feature,)

    def log_odds(self, matrix: Matrix) -> Floats:
        return self.slope * matrix.column(self.feature.name) + self.intercept

    def contributions(self, matrix: Matrix) -> Contributions:
        parts = np.zeros(matrix.values.shape)
        parts[:, matrix.names.index(self.feature.name)] = self.slope * matrix.column(self.feature.name)
        return of_features(self.intercept, parts)

    def to_files(self) -> dict[str, str]:
        return {}


def drawn(rows: int, seed: int, late_shift: float = 0.0) -> tuple[Dataset, Floats]:
    """Rows with a known true log-odds in the column of visits; the last tenth is shifted."""
    random = np.random.default_rng(seed)
    log_odds = random.normal(-1.0, 1.0, rows)
    shift = np.where(np.arange(rows) > 0.9 * rows, late_shift, 0.0)
    as_of = (np.arange(rows) * 300 * DAY) // rows
    names = np.array([f"lead {at}" for at in range(rows)], dtype=object)
    label = (random.random(rows) < expit(log_odds + shift)).astype(np.float64)
    matrix = Matrix((samples.VISITS,), log_odds[:, None], {})
    data = Dataset(matrix, label, np.ones(rows), names, names, names, as_of, as_of + DAY)
    return data, log_odds


def margins(train: Dataset, told: Floats) -> Margins:
    half = np.arange(len(train) // 2, len(train))
    return Margins(train, half, (np.arange(len(half)) * 4) // len(half), told[half])


def test_without_rows_parts_count_alike() -> None:
    train, truth = drawn(100, 0)
    none = margins(train, np.column_stack([truth, truth, truth])).before(0)
    np.testing.assert_allclose(blend_weights(none), 1.0 / 3.0)


def test_of_earlier_folds_only_labels_known_by_then_count() -> None:
    train, truth = drawn(200, 0)
    late = replace(train, label_known_at=train.as_of + 50 * DAY)
    told = margins(late, truth[:, None])
    for fold in range(4):
        known = told.before(fold)
        begins = late.as_of[told.rows[told.fold == fold]].min()
        assert (late.label_known_at[known.rows] <= begins).all()
        assert (known.fold < fold).all()
    assert 0 < len(told.before(3).rows) < (told.fold < 3).sum()


def test_a_right_model_keeps_its_slope_and_a_bold_one_is_tamed() -> None:
    train, truth = drawn(20_000, 1)
    [right] = blend_weights(margins(train, truth[:, None]))
    [bold] = blend_weights(margins(train, 2.0 * truth[:, None]))
    assert right == pytest.approx(1.0, abs=0.06)
    assert bold == pytest.approx(0.5, abs=0.05)


def test_few_rows_hardly_move_the_slope() -> None:
    train, truth = drawn(80, 2)
    [bold] = blend_weights(margins(train, 2.0 * truth[:, None]))
    assert 0.6 < bold < 1.1


def test_noise_gets_little_weight_beside_truth() -> None:
    train, truth = drawn(20_000, 3)
    noise = np.random.default_rng(0).normal(size=len(train))
    true, noisy = blend_weights(margins(train, np.column_stack([truth, noise])))
    assert true > 0.9
    assert noisy < 0.1


@given(seed=st.integers(0, 1000), parts=st.integers(1, 4))
@settings(max_examples=25)
def test_weights_are_never_negative(seed: int, parts: int) -> None:
    train, truth = drawn(200, seed)
    signs = np.random.default_rng(seed).normal(size=parts) * 2
    weights = blend_weights(margins(train, truth[:, None] * signs))
    assert weights.shape == (parts,)
    assert (weights >= 0.0).all()


def test_a_drift_of_the_base_rate_does_not_bend_the_slope() -> None:
    train, truth = drawn(20_000, 4)
    half = margins(train, truth[:, None])
    apart = Margins(train, half.rows, half.fold, half.log_odds + 0.7 * half.fold[:, None])
    np.testing.assert_allclose(blend_weights(apart), blend_weights(half), atol=1e-6)


def test_the_blend_is_right_on_the_whole() -> None:
    train, truth = drawn(4_000, 5)
    part = Known(samples.VISITS, intercept=0.9)
    blend = fit_blend([part], margins(train, truth[:, None] + 0.9), "calibrated")
    assert expit(blend.log_odds(train.matrix)).mean() == pytest.approx(train.label.mean(), abs=0.01)


def test_the_intercept_follows_the_newest_labels_part_of_the_way() -> None:
    train, truth = drawn(8_000, 6, late_shift=1.0)
    still, _ = drawn(8_000, 6)
    moved = [
        fit_blend([Known(samples.VISITS)], margins(data, truth[:, None]), "calibrated").intercept
        for data in (train, still)
    ]
    assert 0.1 < moved[0] - moved[1] < 1.0


@pytest.mark.parametrize(
    ("weights", "intercept"),
    [((-0.1,), 0.0), ((np.nan,), 0.0), ((1.0,), np.inf), ((0.5, 0.5), 0.0), ((), 0.0)],
)
def test_a_blend_that_makes_no_sense_cannot_be_made(weights: tuple[float, ...], intercept: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        Blend((Known(samples.VISITS),), weights, intercept)

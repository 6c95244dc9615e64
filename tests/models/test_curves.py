"""The numbers behind the pictures agree with the metrics that summarize them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import precision_recall_curve

from models import metrics
from models.curves import gain, precision_recall, reliability, scores
from models.wilson import Z_95, wilson


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(6)
    log_odds = rng.normal(-1.5, 1.2, 500).round(1)
    label = (rng.random(500) < expit(log_odds)).astype(float)
    return label, expit(log_odds), rng.integers(1, 5, 500) / 4.0


def test_gain_runs_from_nothing_to_everything_and_gives_the_lifts(rows):
    curve = gain(*rows)
    assert (curve.share[0], curve.captured[0]) == (0.0, 0.0)
    assert (curve.share[-1], curve.captured[-1], curve.lift[-1]) == (1.0, 1.0, 1.0)
    assert curve.lift[5] == pytest.approx(metrics.lift_at_5(*rows))
    assert curve.lift[20] == pytest.approx(metrics.lift_at_20(*rows))
    assert (np.diff(curve.captured) >= 0.0).all()


def test_precision_and_recall_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    label, probability = (rng.random(80) < 0.3).astype(float), rng.random(80)
    curve = precision_recall(label, probability, np.ones(80))
    precision, recall, _ = precision_recall_curve(label, probability)
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1])


def test_bins_hold_every_row_once_and_about_the_same_weight(rows):
    bins = reliability(*rows)
    assert sum(found.rows for found in bins) == 500
    assert sum(found.weight for found in bins) == pytest.approx(1.0)
    assert all(0.05 < found.weight < 0.15 for found in bins)
    label, probability, weight = rows
    assert sum(b.weight * b.converted for b in bins) == pytest.approx(weight @ label / weight.sum())
    assert sum(b.weight * b.promised for b in bins) == pytest.approx(weight @ probability / weight.sum())


def test_rows_of_one_probability_share_a_bin():
    bins = reliability(np.array([1.0, 0.0] * 50), np.repeat([0.2, 0.7], 50), np.ones(100))
    assert [found.rows for found in bins] == [50, 50]
    assert [found.promised for found in bins] == pytest.approx([0.2, 0.7])


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 37])
def test_few_rows_make_few_bins_of_equal_size(n):
    bins = reliability(np.zeros(n), np.linspace(0.1, 0.9, n), np.ones(n))
    assert sum(found.rows for found in bins) == n
    assert max(b.rows for b in bins) - min(b.rows for b in bins) <= 1


def test_snapshots_that_share_a_weight_make_a_wider_bar():
    label, probability = np.array([1.0, 0.0, 0.0, 0.0] * 10), np.full(40, 0.3)
    even, uneven = (
        reliability(label, probability, w)[0] for w in (np.ones(40), np.tile([1.0, 1.0, 1.0, 9.0], 10))
    )
    assert uneven.high - uneven.low != even.high - even.low
    assert (even.low, even.high) == pytest.approx(wilson(10, 40, z=Z_95))


def test_the_histogram_holds_all_weight(rows):
    label, probability, weight = rows
    found = scores(*rows)
    assert sum(found.converted) == pytest.approx(weight @ label)
    assert sum(found.others) == pytest.approx(weight @ (1 - label))
    assert found.edges[0] == 0.0
    assert found.edges[-1] >= probability.max()
    assert len(found.edges) == len(found.others) + 1

"""Points are a straight line through the log-odds, and say what they are anchored to."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from models.scale import Scale, default_scale, sheet_scale


@given(st.floats(0.001, 0.9), st.floats(5, 60), st.floats(-8, 8))
def test_the_stated_number_of_points_doubles_the_odds(base_rate, points_to_double, log_odds):
    scale = default_scale(base_rate, points_to_double=points_to_double)
    more = scale.points(log_odds + np.log(2)) - scale.points(log_odds)
    assert more == pytest.approx(points_to_double)
    assert scale.points_to_double == pytest.approx(points_to_double)
    assert scale.log_odds(scale.points(log_odds)) == pytest.approx(log_odds, abs=1e-9)


@pytest.mark.parametrize("base_rate", [0.01, 0.1, 0.5])
def test_the_average_lead_has_fifty_points(base_rate):
    assert default_scale(base_rate).points(logit(base_rate)) == pytest.approx(50.0)


def test_contributions_in_points_add_up_whatever_the_offset():
    rng = np.random.default_rng(3)
    parts = rng.normal(size=(200, 150))
    for offset in (-400.0, 0.0, 37.5):
        scale = Scale(21.6, offset, "a test")
        whole = scale.points(-2.0 + parts.sum(axis=1))
        assert np.abs(scale.points(-2.0) + scale.shares(parts).sum(axis=1) - whole).max() < 1e-9


def test_the_number_of_leads_handed_over_stays_what_it_was():
    rng = np.random.default_rng(5)
    log_odds = rng.normal(-2, 1, 1000)
    totals = 5.0 * rng.integers(0, 25, 1000)
    scale = sheet_scale(log_odds, totals, 100.0)
    assert np.count_nonzero(scale.points(log_odds) >= 100.0) == np.count_nonzero(totals >= 100.0)
    assert "as on the hand-set sheet" in scale.anchor


@pytest.mark.parametrize("mql_at", [-1.0, 11.0])
def test_a_threshold_that_all_or_none_reach_anchors_nothing(mql_at):
    with pytest.raises(ValueError, match="fixes no scale"):
        sheet_scale(np.arange(5.0), np.full(5, 10.0), mql_at)


def test_a_scale_survives_json():
    scale = default_scale(1 / 3)
    assert Scale.from_json(json.loads(json.dumps(scale.to_json()))) == scale


@pytest.mark.parametrize(
    ("factor", "offset"), [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, float("inf"))]
)
def test_a_scale_that_turns_the_order_around_cannot_be(factor, offset):
    with pytest.raises(ValueError, match="positive factor"):
        Scale(factor, offset, "a test")

"""Bands, and ranges that hold what they promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from features.clock import DAY
from features.errors import TooLittleDataError
from features.playbook import Bands
from models.bands import (
    LEADS_IN_GROUP,
    SQLS_IN_GROUP,
    BandTable,
    Limits,
    Outcomes,
    agreed_limits,
    capacity_limits,
    quantile_limits,
    tabulate,
)
from models.wilson import wilson

LIMITS = Limits(0.4, 0.2, 0.1, "a test")


def outcomes(probability, label, weight=None):
    weight = np.ones(len(label)) if weight is None else weight
    return Outcomes(
        np.asarray(probability, float), np.asarray(label, float), weight, DAY * np.arange(len(label))
    )


def company(rng, leads, *, intercept=0.0, slope=1.0, base=0.1):
    """Scores, and outcomes drawn from what is true of such scores."""
    score = rng.normal(logit(base), 1.0, leads)
    truth = expit(intercept + slope * score)
    return expit(score), truth, (rng.random(leads) < truth).astype(float)


@pytest.mark.parametrize(
    ("probability", "band"),
    [
        pytest.param(0.4, "A", id="the limit itself belongs to the better band"),
        pytest.param(np.nextafter(0.4, 0), "B", id="just below does not"),
        pytest.param(0.1, "C", id="lowest of C"),
        pytest.param(0.0, "D", id="no chance"),
        pytest.param(1.0, "A", id="certain"),
    ],
)
def test_which_band(probability, band):
    assert LIMITS.band(np.array([probability])).tolist() == [band]


def test_the_playbook_has_its_way():
    limits = agreed_limits(Bands(a=0.5, b=0.3, c=0.2))
    assert (limits.a, limits.b, limits.c, limits.source) == (0.5, 0.3, 0.2, "the playbook")


def test_without_word_from_the_playbook_bands_are_shares_of_leads():
    probability, _, _ = company(np.random.default_rng(1), 10_000)
    bands = quantile_limits(probability).band(probability)
    shares = [np.mean(bands == band) for band in "ABCD"]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.005)


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 60), st.floats(61, 400), st.integers(0, 2**20))
def test_capacity_fills_bands_a_and_b(capacity, per_week, seed):
    probability, _, _ = company(np.random.default_rng(seed), 2000)
    bands = capacity_limits(probability, capacity_per_week=capacity, leads_per_week=per_week).band(
        probability
    )
    worked = np.mean((bands == "A") | (bands == "B"))
    assert worked == pytest.approx(min(capacity / per_week, 0.9), abs=0.02)


def test_leads_tied_at_a_limit_stay_together_above_it():
    probability = np.repeat([0.123456789, 0.0123456789], [500, 500])
    limits = quantile_limits(probability)
    assert set(limits.band(probability[:500])) == {"A"}


def test_no_predictions_no_bands():
    with pytest.raises(TooLittleDataError):
        quantile_limits(np.array([]))


def test_limits_out_of_order_are_refused():
    with pytest.raises(ValueError, match="must fall"):
        Limits(0.1, 0.2, 0.3, "a test")


@settings(max_examples=100, deadline=None)
@given(st.floats(0.001, 0.999), st.floats(1, 5000))
def test_wilson_is_where_the_score_test_turns(share, trials):
    """The ends solve |share - p| = z sqrt(p (1 - p) / n); found here by bisection, not by formula."""
    z = norm.ppf(0.95)

    def surprise(p):
        return (share - p) ** 2 - z * z * p * (1 - p) / trials

    low, high = wilson(share * trials, trials)
    assert low == pytest.approx(brentq(surprise, 0, share), abs=1e-7)
    assert high == pytest.approx(brentq(surprise, share, 1), abs=1e-7)


def test_nobody_and_everybody_have_ranges_that_start_at_the_edge():
    assert wilson(0, 50)[0] == 0.0
    assert 0 < wilson(0, 50)[1] < 0.06
    assert wilson(50, 50)[1] == 1.0


@settings(max_examples=30, deadline=None)
@given(st.integers(30, 3000), st.floats(0.02, 0.4), st.integers(0, 2**20), st.booleans())
def test_every_group_is_large_enough_and_counts_right(leads, base, seed, coarse):
    rng = np.random.default_rng(seed)
    probability, _, label = company(rng, leads, base=base)
    probability = np.round(probability, 1) if coarse else probability
    weight = rng.choice([0.25, 0.5, 1.0], leads)
    table = tabulate(outcomes(probability, label, weight), LIMITS)
    for group in table.groups:
        inside = (probability >= group.from_probability) & (probability <= group.to_probability)
        assert group.leads == pytest.approx(weight[inside].sum(), abs=1e-5)
        assert group.sqls == pytest.approx((weight * label)[inside].sum(), abs=1e-5)
        assert group.expected == pytest.approx((weight * probability)[inside].sum(), abs=1e-5)
        enough = group.leads >= LEADS_IN_GROUP and group.sqls >= SQLS_IN_GROUP
        assert enough or inside.all()


def test_a_score_lies_among_the_leads_of_its_group():
    probability, _, label = company(np.random.default_rng(2), 4000)
    table = tabulate(outcomes(probability, label), LIMITS)
    for p in probability[::37]:
        group = table.groups[int(np.searchsorted(table.upper, p, side="right"))]
        assert group.from_probability <= p <= group.to_probability


@pytest.mark.parametrize(
    ("leads", "intercept", "slope"),
    [
        pytest.param(1500, 0.0, 1.0, id="calibrated, few leads"),
        pytest.param(6000, 0.0, 1.0, id="calibrated, many leads"),
        pytest.param(6000, 0.2, 0.85, id="overconfident"),
    ],
)
def test_the_range_holds_the_true_share_of_leads_scored_like_this(leads, intercept, slope):
    rng = np.random.default_rng(20261121)
    held, held_at_the_top = [], []
    for _ in range(60):
        probability, _, label = company(rng, leads, intercept=intercept, slope=slope)
        table = tabulate(outcomes(probability, label), LIMITS)
        new, truth, _ = company(rng, 100, intercept=intercept, slope=slope)
        ranges = [table.range_of(p) for p in new]
        hits = np.array([r.low <= t <= r.high for r, t in zip(ranges, truth, strict=True)])
        held += hits.tolist()
        held_at_the_top += hits[new > np.quantile(probability, 0.9)].tolist()
    assert 0.87 <= np.mean(held) <= 0.97
    assert np.mean(held_at_the_top) >= 0.83


def test_the_probability_counts_as_much_as_twenty_leads():
    """214 leads, 26 SQLs where the scores let expect 42.8: with 20 leads at .2 on top, 30 of 234."""
    probability, label = np.full(214, 0.2), np.repeat([1.0, 0.0], [26, 188])
    found = tabulate(outcomes(probability, label), LIMITS).range_of(0.2)
    assert (found.low, found.high) == pytest.approx(wilson(30, 234))
    assert found.share == pytest.approx(30 / 234)
    assert (found.leads, found.sqls) == (214, 26)


def test_a_score_seen_before_belongs_to_the_leads_that_had_it():
    probability, label = np.repeat([0.1, 0.6], [300, 400]), np.tile([1.0, 0.0], 350)
    table = tabulate(outcomes(probability, label), LIMITS)
    assert [table.range_of(p).leads for p in (0.1, 0.6, 0.3, 0.9)] == [300, 400, 300, 400]


def test_more_leads_make_the_range_narrower_until_groups_need_not_grow():
    widths = []
    for leads in (100, 400, 1600):
        probability, _, label = company(np.random.default_rng(4), leads)
        found = tabulate(outcomes(probability, label), LIMITS).range_of(0.1)
        widths.append(found.high - found.low)
        assert found.low < found.share < found.high
    assert widths[0] > widths[1]


def test_the_sentence_tells_what_stands_behind_it():
    probability, label = np.full(214, 26 / 214), np.repeat([1.0, 0.0], [26, 188])
    found = tabulate(outcomes(probability, label), LIMITS).range_of(26 / 214)
    expected = (
        "leads scored like this: 12 % become SQL (90 % range 9 to 16 %, "
        "by the nearest 214 leads; of those 26 did)"
    )
    assert found.sentence == expected


@pytest.mark.parametrize("p", [0.0, 1e-300, 1.0])
def test_certainty_gives_a_range_all_the_same(p):
    probability, _, label = company(np.random.default_rng(6), 500)
    found = tabulate(outcomes(probability, label), LIMITS).range_of(p)
    assert 0 <= found.low <= found.share <= found.high <= 1


def test_order_of_rows_does_not_matter():
    probability, _, label = company(np.random.default_rng(7), 900)
    order = np.random.default_rng(8).permutation(900)
    as_of = DAY * np.arange(900)
    first = tabulate(Outcomes(probability, label, np.ones(900), as_of), LIMITS)
    assert tabulate(Outcomes(probability[order], label[order], np.ones(900), as_of[order]), LIMITS) == first


def test_a_table_survives_json_to_the_last_bit():
    probability, _, label = company(np.random.default_rng(9), 700)
    table = tabulate(outcomes(probability, label), LIMITS)
    again = BandTable.from_json(json.loads(json.dumps(table.to_json())))
    assert again == table
    assert again.range_of(0.123) == table.range_of(0.123)
    assert (table.since, table.until) == ("1970-01-01T00:00:00Z", "1971-12-01T00:00:00Z")

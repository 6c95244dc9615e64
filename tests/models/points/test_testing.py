"""Halves of time, score tests and errors by account, against independent oracles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import false_discovery_control

from models.points.discovery.testing import Partial, Sample, halves, own_levels
from models.points.many import benjamini_hochberg
from models.points.rows import RuleRows
from models.ridge import log_loss_terms
from tests.models.points.firm import SHEET, Firm

FIRM = Firm(1500, 1)
ROWS = RuleRows.of(SHEET, FIRM.outcomes(FIRM.log_odds(), 1))
SAMPLE = Sample.of(ROWS, own_levels(ROWS))


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
def test_false_discovery_rates_are_those_of_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(np.array(p)) == pytest.approx(false_discovery_control(p))


def test_halves_share_no_account_and_split_conversions_evenly() -> None:
    cut = halves(ROWS)
    first, second = ROWS.take(cut.first), ROWS.take(cut.second)
    assert not set(first.account) & set(second.account)
    assert len(first) + len(second) == len(ROWS)
    assert abs(first.positives - second.positives) <= 4
    assert np.median(first.as_of) < np.median(second.as_of)


def test_a_fitted_background_is_the_minimum_that_scipy_finds() -> None:
    known, precision = SAMPLE.known, SAMPLE.precision

    def objective(b: np.ndarray) -> float:
        losses = log_loss_terms(known @ b, SAMPLE.label)
        return float(SAMPLE.weight @ losses + 0.5 * precision @ b**2)

    found = minimize(objective, np.zeros(known.shape[1]), method="BFGS", options={"gtol": 1e-6})
    assert SAMPLE.fit().coefficients == pytest.approx(found.x, abs=2e-4)


def test_the_step_of_a_column_is_close_to_a_fit_with_it() -> None:
    column = FIRM.holds(event="quote", days=30)[:, None]
    [step], [gain] = SAMPLE.fit().gains(column)
    before, after = SAMPLE.fit(), SAMPLE.with_columns(column).fit()
    fall = before.losses(SAMPLE).sum() - after.losses(SAMPLE.with_columns(column)).sum()
    assert step == pytest.approx(after.coefficients[-1], abs=0.03)
    assert gain == pytest.approx(fall, abs=0.15)


def test_what_the_background_says_already_adds_nothing() -> None:
    step, gain = SAMPLE.fit().gains(
        np.column_stack([ROWS.times[:, 2], 1.0 - ROWS.times[:, 0], np.ones(len(ROWS))])
    )
    assert step.tolist() == [0.0, 0.0, 0.0]
    assert gain.tolist() == [0.0, 0.0, 0.0]


def test_errors_are_the_sandwich_written_out() -> None:
    fitted = SAMPLE.fit()
    chance = expit(SAMPLE.known @ fitted.coefficients)
    bread = np.linalg.inv(
        (SAMPLE.known.T * (SAMPLE.weight * chance * (1 - chance))) @ SAMPLE.known + np.diag(SAMPLE.precision)
    )
    filling = np.zeros_like(bread)
    accounts = sorted(set(SAMPLE.account))
    for account in accounts:
        rows = SAMPLE.account == account
        score = SAMPLE.known[rows].T @ (SAMPLE.weight * (SAMPLE.label - chance))[rows]
        filling += np.outer(score, score)
    sandwich = bread @ filling @ bread * len(accounts) / (len(accounts) - 1)
    wanted = np.sqrt(np.maximum(np.diag(sandwich), np.diag(bread)))
    errors = [partial.error for partial in fitted.partials(SAMPLE.known.shape[1])]
    assert errors == pytest.approx(wanted.tolist(), rel=1e-6)


def test_copies_of_leads_in_their_own_accounts_do_not_make_surer() -> None:
    again = np.tile(np.arange(len(ROWS)), 4)
    copied = replace(
        SAMPLE,
        known=SAMPLE.known[again],
        label=SAMPLE.label[again],
        weight=SAMPLE.weight[again],
        account=SAMPLE.account[again],
    )
    for once, often in zip(SAMPLE.fit().partials(3), copied.fit().partials(3), strict=True):
        assert often.error > 0.9 * once.error


def test_a_drift_of_the_base_rate_is_no_loss() -> None:
    fitted = SAMPLE.fit()
    drifted = replace(fitted, coefficients=fitted.coefficients + np.eye(SAMPLE.known.shape[1])[0] * 2.0)
    assert drifted.losses(SAMPLE) == pytest.approx(fitted.losses(SAMPLE), abs=1e-6)


def test_a_partial_effect_without_an_error_is_not_significant() -> None:
    nothing = Partial(0.0, 0.0)
    assert (nothing.z, nothing.p) == (0.0, 1.0)
    assert Partial(1.0, 0.5).p == pytest.approx(0.0455, abs=1e-4)
    assert (Partial(1.0, 0.5).low, Partial(1.0, 0.5).high) == pytest.approx((0.02, 1.98), abs=1e-3)

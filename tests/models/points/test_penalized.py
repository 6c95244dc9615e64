"""The solver, against scipy's, against dense algebra, and by the conditions that a least value obeys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize
from scipy.special import expit

from models.points.refitting.penalized import Cells, Penalized, fit_penalized


def problem(seed: int, rows: int = 400, columns: int = 7) -> Penalized:
    random = np.random.default_rng(seed)
    x = random.random((rows, columns)) < random.uniform(0.01, 0.5, columns)
    x = x * random.choice([0.5, 1.0, 3.0], (rows, columns))
    x[:, 0] = 1.0
    b = random.normal(0.0, 1.0, columns)
    label = random.random(rows) < expit(x @ b - 1.0)
    weight = random.exponential(size=rows)
    sign = random.choice([-1, 0, 1], columns)
    sign[0] = 0
    penalty = np.where(np.arange(columns) == 0, 0.0, random.choice([0.3, 3.0], columns))
    return Penalized(
        Cells.of(x),
        weight * label,
        weight * ~label,
        penalty,
        random.normal(0.0, 0.5, columns),
        np.where(sign > 0, 0.0, -np.inf),
        np.where(sign < 0, 0.0, np.inf),
    )


@pytest.mark.parametrize("seed", range(12))
def test_finds_what_scipy_finds(seed: int) -> None:
    asked = problem(seed)
    found = fit_penalized(asked)
    other = minimize(
        asked.evaluate,
        np.zeros(len(found)),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(asked.low, asked.high, strict=True)),
        options={"maxiter": 5000, "maxfun": 50_000, "ftol": 1e-16, "gtol": 1e-10},
    )
    assert asked.evaluate(found)[0] <= other.fun + 1e-8
    np.testing.assert_allclose(found, other.x, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_no_allowed_move_is_downhill(seed: int) -> None:
    asked = problem(seed, rows=120, columns=5)
    found = fit_penalized(asked)
    assert ((found >= asked.low) & (found <= asked.high)).all()
    gradient = asked.evaluate(found)[1]
    close = 1e-4 * asked.total
    assert (gradient[found > asked.low] <= close).all()
    assert (gradient[found < asked.high] >= -close).all()


def test_gradient_and_curvature_are_derivatives() -> None:
    asked = problem(3)
    at = np.linspace(-0.5, 0.5, 7)
    assert check_grad(lambda b: asked.evaluate(b)[0], lambda b: asked.evaluate(b)[1], at) < 1e-3
    step = 1e-6
    moved = [
        (asked.evaluate(at + step * e)[1] - asked.evaluate(at - step * e)[1]) / (2 * step) for e in np.eye(7)
    ]
    np.testing.assert_allclose(asked.curvature(at), moved, rtol=1e-5, atol=1e-5)


def test_cells_are_the_table() -> None:
    table = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, -1.0, 0.5]])
    cells = Cells.of(table)
    assert len(cells) == 3
    b = np.array([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(cells.times(b), table @ b)


def test_a_row_twice_is_a_row_of_twice_the_weight() -> None:
    asked = problem(5)
    twice = asked.weighted(2.0 * asked.converted, 2.0 * asked.other)
    starts, width = asked.x.starts, asked.x.width
    joined = Cells(
        np.concatenate([starts, starts[1:] + starts[-1]]),
        np.tile(asked.x.column, 2),
        np.tile(asked.x.value, 2),
        width,
    )
    doubled = replace(asked, x=joined, converted=np.tile(asked.converted, 2), other=np.tile(asked.other, 2))
    np.testing.assert_allclose(fit_penalized(twice), fit_penalized(doubled), atol=1e-9)


def test_a_rule_that_always_converts_stays_finite_and_far_starts_come_home() -> None:
    x = np.column_stack([np.ones(100), np.repeat([1.0, 0.0], 50)])
    label = np.repeat([1.0, 0.0], 50)
    none = np.full(2, np.inf)
    asked = Penalized(Cells.of(x), label, 1.0 - label, np.array([0.0, 0.3]), np.zeros(2), -none, none)
    near = fit_penalized(asked)
    assert np.isfinite(near).all()
    np.testing.assert_allclose(fit_penalized(asked, np.array([-9.0, 25.0])), near, atol=1e-4)


def test_fixed_coefficients_stay() -> None:
    asked = problem(7)
    fixed = np.where(np.arange(7) == 2, 0.4, np.nan)
    held = replace(
        asked,
        low=np.where(np.isnan(fixed), asked.low, fixed),
        high=np.where(np.isnan(fixed), asked.high, fixed),
    )
    found = fit_penalized(held)
    assert found[2] == 0.4
    assert np.abs(found - fit_penalized(asked)).max() > 0.0

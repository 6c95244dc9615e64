"""How sure fitted points are: whole accounts are drawn again and again, and each draw is fitted anew.

Leads of one account resemble each other, and a lead has several snapshots; intervals that take rows for independent
are too narrow. Source: Davison and Hinkley (1997), *Bootstrap Methods and their Application*, ch. 3.8.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from features.matrix import Floats
from models.points.refitting.design import Design
from models.points.refitting.penalized import Penalized, fit_penalized
from models.points.rows import RuleRows

WORKERS: Final = 2
"""Draws in work at a time; the solver releases the interpreter."""


def redraw(
    rows: RuleRows, design: Design, problem: Penalized, fitted: Floats, *, draws: int, seed: int
) -> Floats:
    """Coefficients of samples of accounts, drawn with replacement, shape (draws, k).

    Args:
        rows: what is drawn.
        design: their table.
        problem: with the weights of all rows.
        fitted: its answer, from which each draw starts.
        draws: how many.
        seed: the same seed draws the same accounts.
    """
    accounts, member = np.unique(rows.account.astype(str), return_inverse=True)

    def fit(draw: int) -> Floats:
        picked = np.random.default_rng([seed, draw]).integers(len(accounts), size=len(accounts))
        often = np.bincount(picked, minlength=len(accounts))[member]
        return fit_penalized(problem.weighted(*design.weights(rows.label, rows.weight * often)), fitted)

    with ThreadPoolExecutor(WORKERS) as pool:
        return np.array(list(pool.map(fit, range(draws)))).reshape(draws, -1)

"""Made-up companies whose right points are known: 14 rules, fit and interest correlated, accounts alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from features.clock import DAY
from features.matrix import Floats, Texts
from features.sheet import Sheet
from models.points.refitting.design import Design
from models.points.refitting.penalized import fit_penalized
from models.points.rows import RuleRows

UNIT = 20.0
TRUTH = np.array([0.75, 0.5, 0.5, 0.75, -0.5, -0.75, 1.25, 1.25, 0.25, 0.5, 0.0, 0.25, 0.5, -0.75])
RIGHT = tuple((UNIT * TRUTH).tolist())
WRONG = (15.0, 10, 10, 25, -10, -15, 25, 10, 5, 10, 15, 5, 0, -15)
"""Four rules are off, by 10 or 15 points."""
OFF = np.abs(np.array(WRONG) - RIGHT) >= 10.0
BASES = np.array([-3.6, -4.3, -3.95])
"""Log-odds of the service lines."""

_OFTEN = np.array([0.25, 0.3, 0.35, 0.15, 0.2, 0.08, 0.1, 0.2, 0.2, 0.25, 0.45, 0.15, 0.2, 0.06])
_OF_FIT = np.array([0.8, 0.6, 0.5, 0.4, -0.5, -0.3, 0, 0, 0, 0.2, 0, 0, 0.3, 0])
_OF_INTEREST = np.array([0, 0, 0, 0.3, 0, 0, 0.8, 0.9, 0.6, 0.6, 0.9, 0.5, 0.4, -0.3])
_STAYS = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=np.bool_)
"""Rules that hold at every snapshot of a lead or at none."""


def sheet(points: Sequence[float] = WRONG) -> Sheet:
    """One rule per point."""
    rules = [
        {"name": f"rule {at}", "points": worth, "when": {"event": "visit"}} for at, worth in enumerate(points)
    ]
    return Sheet.model_validate({"mql_at": 35, "rules": rules})


def names(what: str, number: np.ndarray) -> Texts:
    """Texts of numbers."""
    return np.array([f"{what} {at:06}" for at in number.tolist()], dtype=object)


@dataclass(frozen=True)
class Company:
    """Snapshots in order of time, and the true probability of each."""

    rows: RuleRows
    probability: Floats


def company(
    seed: int,
    leads: int,
    *,
    points: Sequence[float] = WRONG,
    snapshots: int = 1,
    account_sd: float = 0.0,
    per_account: int = 4,
) -> Company:
    """Draw one. ``snapshots`` of every lead, which weigh 1 together; ``account_sd`` in log-odds."""
    random = np.random.default_rng([seed, 99])
    fit = random.normal(size=leads)
    interest = random.normal(size=leads) + 0.3 * fit
    own = np.where(
        _STAYS,
        np.repeat(random.normal(size=(leads, 14)), snapshots, axis=0),
        random.normal(size=(leads * snapshots, 14)),
    )
    lead = np.repeat(np.arange(leads), snapshots)
    hidden = np.outer(fit[lead], _OF_FIT) + np.outer(interest[lead], _OF_INTEREST) + own
    spread = np.sqrt(_OF_FIT**2 + 1.09 * _OF_INTEREST**2 + 0.6 * _OF_FIT * _OF_INTEREST + 1.0)
    times = (hidden > norm.ppf(1.0 - _OFTEN) * spread).astype(np.float64)
    accounts = max(leads // per_account, 1)
    account, line = random.integers(0, accounts, leads), random.integers(0, 3, leads)
    shift = BASES[line] + random.normal(0.0, account_sd, accounts)[account]
    log_odds = times @ TRUTH + shift[lead]
    probability = 1.0 / (1.0 + np.exp(-log_odds))
    label = (random.random(len(lead)) < probability).astype(np.float64)
    as_of = (random.integers(0, 700, leads)[lead] + 10 * np.tile(np.arange(snapshots), leads)) * DAY
    order = np.argsort(as_of, kind="stable")
    rows = RuleRows(
        sheet(points),
        times,
        label,
        np.full(len(lead), 1.0 / snapshots),
        names("lead", lead),
        names("account", account[lead]),
        np.array(["x", "y", "z"], dtype=object)[line[lead]],
        as_of,
        as_of + 60 * DAY,
    )
    return Company(rows.take(order), probability[order])


def best_log_odds(of: Company) -> Floats:
    """Log-odds of the rules that fit the true probabilities best: what a large sample would show, shape (rules,).

    With an account effect these are nearer to 0 than ``TRUTH``, which holds within an account.
    """
    design = Design.of(of.rows.times, of.rows.service_line)
    nothing = np.full(design.rules, 1e-6)
    problem = design.problem(of.probability, of.rows.weight, nothing, np.zeros(design.rules))
    return fit_penalized(problem)[: design.rules]

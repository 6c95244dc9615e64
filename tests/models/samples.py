"""Small made-up data sets whose truth is known."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from features.clock import DAY
from features.definitions import Feature
from features.language import count, created_hour, latest, latest_number, recency
from features.matrix import Floats, Matrix
from features.sheet import Sheet
from models.dataset import Dataset

VISITS, DEMOS, RECENCY, SIZE, HOUR, INDUSTRY, PAGE = [
    *count("visit", days=30),
    *count("demo", days=30, signal="intent"),
    *recency(),
    *latest_number("employees"),
    *created_hour(),
    *latest("industry"),
    *latest("landing_page"),
]
FEATURES: tuple[Feature, ...] = (VISITS, DEMOS, RECENCY, SIZE, HOUR, INDUSTRY, PAGE)
INDUSTRIES = ("chemistry", "diagnostics", "pharma")
PAGES = tuple(f"page {number:02}" for number in range(30))

GOOD_SHEET = Sheet.model_validate(
    {
        "rules": [
            {"name": "demo", "points": 20, "when": {"event": "demo", "days": 30}},
            {"name": "pharma", "points": 10, "when": {"attribute": "industry", "one_of": ["pharma"]}},
            {"name": "large", "points": 5, "when": {"attribute": "employees", "at_least": 500}},
        ]
    }
)
BAD_SHEET = Sheet.model_validate(
    {
        "rules": [
            {"name": "odd hour", "points": 20, "when": {"attribute": "industry", "one_of": ["chemistry"]}}
        ]
    }
)


def matrix(random: Generator, rows: int) -> Matrix:
    """Plausible values, some missing; ``latest_number(employees)`` is the sheet's column too."""
    visits = random.poisson(2.0, rows).astype(np.float64)
    recency_days = np.where(visits > 0, random.exponential(10.0, rows), np.nan)
    size = np.where(random.random(rows) < 0.7, np.exp(random.normal(5, 2, rows)).round(), np.nan)
    industry = np.where(random.random(rows) < 0.8, random.integers(0, 3, rows), np.nan)
    page = np.where(random.random(rows) < 0.9, random.integers(0, 30, rows), np.nan)
    columns = [
        visits,
        random.poisson(0.3, rows),
        recency_days,
        size,
        random.integers(0, 24, rows),
        industry,
        page,
    ]
    words = {INDUSTRY.name: INDUSTRIES, PAGE.name: PAGES}
    return Matrix(FEATURES, np.column_stack(columns).astype(np.float64), words)


def truth(given: Matrix) -> Floats:
    """True log-odds."""
    pharma = given.column(INDUSTRY.name) == 2.0
    good_page = np.nan_to_num(given.column(PAGE.name), nan=99.0) < 8.0
    return np.asarray(
        -2.2
        + 1.4 * (given.column(DEMOS.name) > 0)
        + 0.25 * given.column(VISITS.name)
        + 0.9 * pharma
        + 0.8 * good_page
    )


def dataset(
    rows: int = 600, seed: int = 0, *, signal: bool = True, snapshots: int = 1, days: int = 200
) -> Dataset:
    """``rows`` snapshots over ``days`` days, three leads to an account; without ``signal`` labels are a coin.

    With more ``snapshots`` a lead keeps its values and its label: what a careless split would learn by heart.
    """
    random = np.random.default_rng(seed)
    leads = rows // snapshots
    given = matrix(random, leads)
    chance = 1.0 / (1.0 + np.exp(-truth(given))) if signal else np.full(leads, 0.3)
    label = (random.random(leads) < chance).astype(np.float64)
    lead = np.repeat(np.arange(leads), snapshots)
    begun = np.sort(random.integers(0, days * DAY, leads))
    as_of = begun[lead] + np.tile(np.arange(snapshots), leads) * 7 * DAY + 17_000 * DAY
    order = np.argsort(as_of, kind="stable")
    lead, as_of = lead[order], as_of[order]
    return Dataset(
        matrix=given.take(lead),
        label=label[lead],
        weight=np.full(len(lead), 1.0 / snapshots),
        lead_id=np.array([f"lead {number}" for number in lead], dtype=object),
        account=np.array([f"account {number // 3}" for number in lead], dtype=object),
        service_line=np.array([""] * len(lead), dtype=object),
        as_of=as_of.astype(np.int64),
        label_known_at=(as_of + 20 * DAY).astype(np.int64),
    )

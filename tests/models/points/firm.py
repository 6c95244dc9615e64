"""A made-up firm whose sheet and truth are known: events with their ages, counted as the kernel counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from features.clock import DAY
from features.definitions import Feature
from features.language import account, count, latest, latest_number, recency
from features.matrix import Floats, Matrix
from features.sheet import Rule, RuleTest, Sheet
from models.dataset import Dataset
from models.points.discovery.candidates import fires

RATES: Final = {"prices": 0.6, "demo": 0.3, "quote": 0.4, "mail": 2.0, "careers": 0.3}
"""Mean number of events of a lead within ``REACH`` days."""
REACH: Final = 120.0
LEVELS: Final = ("director", "engineer", "student")
WINDOWS: Final = (3, 7, 14, 30, 60, 90, 180, None)

SHEET: Final = Sheet.model_validate(
    {
        "mql_at": 25,
        "rules": [
            {"name": "director", "points": 15, "when": {"attribute": "level", "one_of": ["director"]}},
            {"name": "large", "points": 10, "when": {"attribute": "employees", "at_least": 200}},
            {"name": "saw prices", "points": 20, "when": {"event": "prices", "days": 30}},
            {"name": "asked for a demo", "points": 25, "when": {"event": "demo", "days": 60}},
            {"name": "opened a mail", "points": 5, "when": {"event": "mail", "days": 30}},
            {"name": "looked at careers", "points": -10, "when": {"event": "careers", "days": 90}},
        ],
    }
)
WORTH: Final = {
    "director": 0.8,
    "large": 0.5,
    "saw prices": 1.2,
    "asked for a demo": 1.3,
    "opened a mail": 0.0,
    "looked at careers": -0.8,
}
"""True log-odds of the rules."""
BASE: Final = {"assays": -2.6, "panels": -2.0}
"""True log-odds of a lead without any, by service line."""


@dataclass(frozen=True)
class Firm:
    """Leads, three of which share an account, without their outcomes."""

    leads: int
    seed: int

    @cached_property
    def ages(self) -> dict[str, Floats]:
        """Ages of up to 12 events of each type in days, infinite where there are fewer; shape (leads, 12)."""
        random = np.random.default_rng([self.seed, 0])
        return {
            name: np.where(
                np.arange(12) < random.poisson(rate, self.leads)[:, None],
                random.uniform(0.01, REACH, (self.leads, 12)),
                np.inf,
            )
            for name, rate in RATES.items()
        }

    @cached_property
    def matrix(self) -> Matrix:
        """Counts, times since the last event and halvings, an account's visits, and three attributes."""
        random = np.random.default_rng([self.seed, 1])
        columns: dict[Feature, Floats] = {}
        for name, ages in self.ages.items():
            for days in WINDOWS:
                [feature] = count(name, days=days)
                columns[feature] = (ages <= (REACH if days is None else days)).sum(axis=1).astype(np.float64)
            [feature] = recency(name)
            columns[feature] = np.where(np.isinf(ages.min(axis=1)), np.nan, ages.min(axis=1))
        youngest = np.minimum.reduce([ages.min(axis=1) for ages in self.ages.values()])
        columns[recency()[0]] = np.where(np.isinf(youngest), np.nan, youngest)
        columns[account(count("any", days=30))[0]] = random.poisson(0.4, self.leads).astype(np.float64)
        columns[latest("level")[0]] = np.where(
            random.random(self.leads) < 0.9, random.integers(0, 3, self.leads), np.nan
        )
        size = np.exp(random.normal(5.0, 1.5, self.leads)).round()
        columns[latest_number("employees")[0]] = np.where(random.random(self.leads) < 0.8, size, np.nan)
        return Matrix(tuple(columns), np.column_stack([*columns.values()]), {latest("level")[0].name: LEVELS})

    @cached_property
    def lines(self) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        """Service line of each lead."""
        random = np.random.default_rng([self.seed, 2])
        return np.array(sorted(BASE), dtype=object)[random.integers(0, 2, self.leads)]

    def log_odds(self, sheet: Sheet = SHEET, worth: Mapping[str, float] = WORTH) -> Floats:
        """Of the rules alone."""
        parts = [worth[rule.name] * fires(rule.when, self.matrix, rule.decay) for rule in sheet.rules]
        return np.asarray(np.array([BASE[line] for line in self.lines]) + np.sum(parts, axis=0))

    def holds(self, **test: object) -> Floats:
        """Where a test holds, 1.0."""
        return fires(RuleTest.model_validate(test), self.matrix).astype(np.float64)

    def outcomes(self, log_odds: Floats, seed: int) -> Dataset:
        """Snapshots over 300 days with labels drawn by ``log_odds``."""
        random = np.random.default_rng([self.seed, 3, seed])
        as_of = np.arange(self.leads, dtype=np.int64) * (300 * DAY // self.leads) + 17_000 * DAY
        home = random.permutation(self.leads) // 3
        return Dataset(
            matrix=self.matrix,
            label=(random.random(self.leads) < 1.0 / (1.0 + np.exp(-log_odds))).astype(np.float64),
            weight=np.ones(self.leads),
            lead_id=np.array([f"lead {number}" for number in range(self.leads)], dtype=object),
            account=np.array([f"account {number}" for number in home], dtype=object),
            service_line=self.lines,
            as_of=as_of,
            label_known_at=as_of + 20 * DAY,
        )


def with_windows(days: Mapping[str, int | None], rules: Sequence[Rule] = SHEET.rules) -> Sheet:
    """The sheet with other windows for some rules."""
    changed = [
        rule.model_copy(update={"when": rule.when.model_copy(update={"days": days[rule.name]})})
        if rule.name in days
        else rule
        for rule in rules
    ]
    return SHEET.model_copy(update={"rules": tuple(changed)})

"""A small company with names and addresses in it, and bundles of models that learned from it."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from features.clock import DAY
from features.definitions import Feature
from features.language import count, latest, latest_number, recency
from features.matrix import Matrix
from features.playbook import parse_playbook
from models import card, peers
from models.bands import Outcomes, quantile_limits, tabulate
from models.bundle import Origin, Parts, by_group
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.golden import record
from models.learning import Model
from models.scale import default_scale

CANARIES = ("lead-canary-", "canary@example.com", "Canary Holdings")
"""Parts of lead ids, mail addresses and account names; they may turn up nowhere."""

FEATURES: tuple[Feature, ...] = (
    *count("visit", days=(7, 30)),
    *recency(),
    *latest_number("employees"),
    *latest("industry"),
    *latest("email"),
)

PLAYBOOK = """\
name: Company of the tests   # a comment that has to survive
stages: {new: open, sql: sql, closed: rejected}
sql: [{version: v1, effective_from: 2020-01-01, any_of: [{stage: sql}]}]
horizon_days: 60
recording_lag_days: 2
service_lines: {genomics: {horizon_days: 120}}
attributes:
  exclude: {closed_reason: written when the lead is closed}
  excuse: {country: never edited}
withhold: {email: names a person}
sheet: {mql_at: 50, rules: [{name: demo, points: 50, when: {event: demo, days: 30}}]}
"""

REPORT = {
    "winner": "logistic",
    "why": "The simplest within one standard error of the best.",
    "label_states": {"converted": 400, "rejected": 700, "lapsed": 900, "unworked": 500, "immature": 100},
    "split": {"test_begins": "2025-03-01T00:00:00Z"},
    "notes": [
        {"level": "block", "subject": "sales_stage", "text": "only its value of today is known"},
        {"level": "ok", "subject": "events", "text": "nothing was learned late"},
    ],
    "models": {
        "logistic": {
            "test": {
                "roc_auc": {"value": 0.712, "low": 0.68, "high": 0.74},
                "log_loss": {"value": 0.412, "low": 0.39, "high": 0.43},
                "calibration_slope": {"value": float("nan"), "low": None, "high": None},
            }
        },
        "sheet": {"test": {"roc_auc": {"value": 0.61}, "log_loss": {"value": 0.47}}},
    },
}


def dataset(rows: int = 1500, seed: int = 0) -> Dataset:
    """Leads with counts, a number, a common word, and a mail address that is different for each."""
    rng = np.random.default_rng(seed)
    visits = rng.poisson(2.0, rows).astype(float)
    recent = np.where(visits > 0, rng.exponential(20.0, rows), np.nan)
    employees = np.where(rng.random(rows) < 0.3, np.nan, np.round(np.exp(rng.normal(5, 1, rows))))
    industry = rng.choice([0.0, 1.0, 2.0, np.nan], rows, p=[0.4, 0.3, 0.1, 0.2])
    values = np.column_stack(
        [rng.binomial(visits.astype(int), 0.4), visits, recent, employees, industry, np.arange(rows)]
    )
    emails = tuple(f"p{at:05d}.{CANARIES[1]}" for at in range(rows))
    words = {"latest(industry)": ("biotech", "pharma", "university"), "latest(email)": emails}
    chance = expit(-2.0 + 0.4 * visits - 0.02 * np.nan_to_num(recent, nan=60) + 0.8 * (industry == 0))
    as_of = DAY * (20_000 + np.sort(rng.integers(0, 300, rows)))
    return Dataset(
        matrix=Matrix(FEATURES, values.astype(float), words),
        label=(rng.random(rows) < chance).astype(float),
        weight=np.ones(rows),
        lead_id=np.array([f"{CANARIES[0]}{at}" for at in range(rows)], dtype=object),
        account=np.array([f"{CANARIES[2]} {at // 2}" for at in range(rows)], dtype=object),
        service_line=np.array([""] * rows, dtype=object),
        as_of=as_of,
        label_known_at=as_of + 62 * DAY,
    )


class Visits:
    """A model that only looks at visits; enough where nothing hangs on the kind of model."""

    name = "visits"
    features = FEATURES

    def log_odds(self, matrix: Matrix):
        return self.contributions(matrix).total

    def contributions(self, matrix: Matrix) -> Contributions:
        of = np.array([0.5 * (feature.statistic == "count") for feature in matrix.features])
        return of_features(-2.0, np.nan_to_num(matrix.values) * of)

    def to_files(self) -> dict[str, str]:
        return {"model.json": '{"kind": "visits"}\n'}


def origin(train: Dataset, name: str) -> Origin:
    return Origin(
        model=name,
        definition="v1",
        horizon_days={"": 60, "genomics": 120},
        rows=len(train),
        leads=len(train),
        positives=train.positives,
        base_rate=float(train.label.mean()),
        first_as_of="2024-10-04T00:00:00Z",
        last_as_of="2025-07-30T00:00:00Z",
        history_sha256="ab" * 32,
        excused=(),
    )


def taken_apart(model: Model, rows: Dataset) -> peers.Parted:
    """What a typical lead is made from."""
    contributions = model.contributions(rows.matrix)
    return peers.Parted(
        base=contributions.base,
        by_group=by_group(rows.matrix.features, contributions),
        log_odds=model.log_odds(rows.matrix),
        weight=rows.weight,
        service_line=rows.service_line,
    )


def parts(model: Model, train: Dataset) -> Parts:
    """Everything a bundle needs, from a model and the rows it learned from."""
    probability = expit(model.log_odds(train.matrix))
    bands = tabulate(
        Outcomes(probability, train.label, train.weight, train.as_of), quantile_limits(probability)
    )
    scale = default_scale(float(train.label.mean()))
    made = origin(train, model.name)
    return Parts(
        origin=made,
        model=model,
        bands=bands,
        scale=scale,
        peers=peers.gather(taken_apart(model, train)),
        golden=record(model, train),
        playbook=PLAYBOOK,
        card=card.render(made, REPORT, parse_playbook(PLAYBOOK), bands, scale),
    )

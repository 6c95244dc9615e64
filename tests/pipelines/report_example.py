"""A made-up training: two hundred accounts over a year, six models, hostile names."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from scipy.special import expit

from features.clock import DAY, micros
from features.language import account, count, latest, recency
from features.matrix import Matrix
from models.dataset import Dataset
from models.splits import Split, forward_split
from pipelines.reporting import schema
from pipelines.reporting.assembly import Tested, build_report, weigh_features

HOSTILE = "<script>alert('1')</script> & \"Söhne\""


FEATURES = tuple(
    count("pricing_view", days=(7, 30, 90))
    + recency()
    + latest("industry")
    + account(count("any", days=(30,)))
)


def split_of_example(leads: int = 1600) -> Split:
    """A split in which the first column of the matrix holds the true log-odds."""
    rng = np.random.default_rng(12)
    as_of = micros(datetime(2025, 1, 6, tzinfo=UTC)) + np.sort(rng.integers(0, 420, leads)) * DAY
    truth = rng.normal(-2.3, 1.1, leads)
    values = np.zeros((leads, len(FEATURES)))
    values[:, 0] = truth
    dataset = Dataset(
        matrix=Matrix(FEATURES, values, {"latest(industry)": ("biotech",)}),
        label=(rng.random(leads) < expit(truth)).astype(float),
        weight=np.ones(leads),
        lead_id=np.array([f"lead-{i}" for i in range(leads)], dtype=object),
        account=np.array([f"account-{i}" for i in rng.integers(0, 700, leads)], dtype=object),
        service_line=np.full(leads, "", dtype=object),
        as_of=as_of,
        label_known_at=as_of + 60 * DAY,
    )
    return forward_split(dataset)


def example(leads: int = 1600, draws: int = 200) -> schema.Report:
    """A whole report of it."""
    rng = np.random.default_rng(13)
    split, features = split_of_example(leads), FEATURES
    seen = split.testing.matrix.values[:, 0]
    n = len(split.test)
    noise = {
        "naive_bayes": (1.5, 0.9),
        "sheet": (0.5, 1.6),
        "logistic": (1.0, 0.75),
        "boosting": (1.25, 0.7),
        "blend": (1.0, 0.6),
    }
    predictions = {
        name: expit(bold * (seen + rng.normal(0, wide, n)) * 0.8 - 0.45)
        for name, (bold, wide) in noise.items()
    }
    titles = {
        "naive_bayes": "Naive Bayes (industry baseline)",
        "sheet": "Hand-set points, calibrated",
        "logistic": "Logistic regression",
        "boosting": "LightGBM",
        "blend": "Blend of logistic and LightGBM",
    }
    race = {
        "winner": "blend",
        "why": "The blend has the lowest log loss on the folds (0.2943); the nearest simpler model, "
        "logistic regression, is 0.0061 worse, and the standard error of that difference is 0.0024.",
        "folds": 4,
        "fold_kind": "forward, purged",
        "candidates": {
            "sheet": {
                "title": titles["sheet"],
                "log_loss": 0.3312,
                "difference": 0.0369,
                "standard_error": 0.0071,
                "simplicity": 1,
            },
            "naive_bayes": {
                "title": titles["naive_bayes"],
                "log_loss": 0.3467,
                "difference": 0.0524,
                "standard_error": 0.0102,
                "simplicity": 2,
            },
            "logistic": {
                "title": titles["logistic"],
                "log_loss": 0.3004,
                "difference": 0.0061,
                "standard_error": 0.0024,
                "simplicity": 3,
            },
            "boosting": {
                "title": titles["boosting"],
                "log_loss": 0.2999,
                "difference": 0.0056,
                "standard_error": 0.0031,
                "simplicity": 4,
            },
            "blend": {
                "title": titles["blend"],
                "log_loss": 0.2943,
                "difference": 0.0,
                "standard_error": 0.0,
                "simplicity": 5,
            },
            "refitted": {
                "title": "Refitted points",
                "raced": False,
                "note": "needs at least 20 rules that fire",
            },
        },
    }
    contributions = rng.normal(size=(n, len(features))) * rng.gamma(1.0, 0.25, len(features))
    sentences = {feature.name: f"{feature.name.split('(')[0]} in words for people" for feature in features}
    sentences[features[0].name] = HOSTILE
    data = {
        "question": "Does this lead become an SQL within 60 days of the question?",
        "label_states": {
            "converted": 214,
            "rejected": 388,
            "lapsed": 731,
            "recycled": 57,
            "unworked": 166,
            "immature": 203,
            "duplicate": 12,
        },
        "funnel": [
            {"step": "leads in the history", "rows": 1905, "unit": "leads"},
            {
                "step": "snapshots",
                "rows": 1771,
                "why": "one per lead, 1 day after creation",
                "excluded": {"already closed or converted at that time": 134},
            },
            {
                "step": "mature",
                "rows": 1568,
                "why": "the whole window and the recording lag are over",
                "excluded": {"not over yet": 203},
            },
            {
                "step": "worked",
                "rows": 1390,
                "why": "sales did something in the window",
                "excluded": {"never touched by sales": 166, "duplicates": 12},
            },
            {
                "step": "learned from",
                "rows": len(split.train),
                "excluded": {"label not known when the test begins": len(split.purged)},
            },
            {"step": "judged on", "rows": n, "unit": "snapshots"},
        ],
        "notes": [
            {
                "level": "block",
                "subject": "industry_sic",
                "text": "holds only today's value; left out of training.",
            },
            {
                "level": "warn",
                "subject": HOSTILE,
                "text": "is filled 1.8 times as often for SQLs; look at when it is written.",
            },
            {
                "level": "note",
                "subject": "unworked",
                "text": "9.4 % of the mature snapshots were never worked: a probability given that sales works.",
            },
            {
                "level": "ok",
                "subject": "future invariance",
                "text": "no feature changed when every fact known later was deleted.",
            },
        ],
    }
    origin = {
        "playbook": {
            "name": f"Life sciences {HOSTILE}",
            "version": "2025-03",
            "sha256": "5d41402abc4b2a76b9719d911017c592" * 2,
        },
        "history": {
            "observed_until": "2026-04-01T00:00:00Z",
            "manifest_sha256": "7d793037a0760186574b0282f2f435e7" * 2,
            "tables": {"leads": 1905, "events": 48120},
            "sources": [{"file": "events.csv.gz", "rows": 48120}],
        },
        "versions": {"leadlight": "0.1.0", "lightgbm": "4.7.0", "numpy": np.__version__},
        "settings": {"test_share": 0.25, "seed": 0, "draws": draws},
        "bundle_sha256": "e4d909c290d0fb1ca068ffaddf22cbd0" * 2,
        "mlflow_run_id": "0b6dd1c1a3a94c0c8a4c3f7e5a1d2b3c",
    }
    return build_report(
        Tested(split, predictions, titles, draws=draws),
        schema.Race.model_validate(race),
        weigh_features(features, contributions, np.ones(n), sentences),
        schema.Data.model_validate(data),
        schema.Origin.model_validate(origin),
    )

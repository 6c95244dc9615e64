"""Everything that may be said of a small made-up sheet; names are hostile."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.points.judging.calibration import calibrate
from models.points.judging.comparison import compare
from models.points.judging.period import Period
from models.points.judging.rivals import model_rival, sheet_rival
from models.splits import Split, forward_split
from tests.models import samples

HOSTILE = "<script>alert('1')</script> & \"Söhne\""

RULES = [
    {"name": "demo", "points": 20, "group": "intent", "when": {"event": "demo", "days": 30}},
    {"name": HOSTILE, "points": 10, "when": {"attribute": "industry", "one_of": ["pharma", HOSTILE]}},
    {"name": "large", "points": 5, "when": {"attribute": "employees", "at_least": 500}},
    {"name": "rare", "points": -15, "when": {"attribute": "industry", "one_of": ["none has this"]}},
]
SHEET = samples.GOOD_SHEET.model_validate(
    {"name": HOSTILE, "mql_at": 20, "groups": {"intent": {}}, "rules": RULES}
)
REFITTED = SHEET.model_copy(
    update={
        "rules": tuple(
            rule.model_copy(update={"points": p})
            for rule, p in zip(SHEET.rules, (20.0, 15.0, -5.0, -15.0), strict=True)
        )
    }
)
PERIOD = Period(40.0, 5.0, capacity_per_week=9, within_hours=24.0, unworked_above=0.05, unworked_below=0.3)
VERDICTS = ("keep", "raise", "reverse", "not enough evidence")


def split() -> Split:
    """Leads of one year."""
    return forward_split(samples.dataset(900, seed=11, snapshots=2))


def example() -> dict[str, Any]:
    """The content of a whole ``points.json``."""
    cut = split()
    train, judged = cut.training, cut.testing
    first = sheet_rival("sheet", "your sheet", SHEET, train, judged)
    chance = 1.0 / (1.0 + np.exp(-samples.truth(judged.matrix)))
    rivals = [
        first,
        sheet_rival("refitted", "refitted sheet", REFITTED, train, judged),
        model_rival("model", f"model {HOSTILE}", chance, judged, first),
    ]
    segments = {"source": np.where(np.arange(len(judged)) % 2, HOSTILE, "web").astype(object)}
    return {
        "header": _header(),
        "calibration": calibrate(SHEET, cut, PERIOD, draws=40).to_dict(),
        "refit": _refit(),
        "second_opinion": {
            "points": [17.5, 12.0, -3.0, None],
            "pairs": [{"first": "demo", "second": HOSTILE, "strength": 0.4}],
        },
        "proposals": [_proposal("used the quote tool", 20.0), _proposal(HOSTILE, None)],
        "retimings": [
            {
                "rule": HOSTILE,
                "now": "in the last 7 days",
                "better": RULES[0],
                "gain": 1.4,
                "q": 0.03,
                "sentence": "In the last 30 days it says more.",
            }
        ],
        "distilled": {
            "sheet": REFITTED.model_dump(mode="json", exclude_defaults=True),
            "fidelity": {
                name: {"value": 0.8, "low": 0.75, "high": 0.85}
                for name in (
                    "spearman",
                    "auc_against_model",
                    "auc_outcomes",
                    "auc_outcomes_of_model",
                    "price",
                )
            },
        },
        "comparison": compare(rivals, judged, PERIOD, segments, draws=40).to_dict(),
    }


def _header() -> dict[str, Any]:
    return {
        "company": HOSTILE,
        "sheet": SHEET.name,
        "question": "Does this lead become an SQL within 60 days?",
        "learned_since": "2024-01-01T00:00:00Z",
        "learned_until": "2024-08-01T00:00:00Z",
        "judged_since": "2024-10-01T00:00:00Z",
        "judged_until": "2024-12-31T00:00:00Z",
        "leads": 3199,
        "converted": 439,
        "unworked": 0.098,
        "origin": {"definition": HOSTILE},
    }


def _refit() -> dict[str, Any]:
    rules = [
        _rule(rule, learned.points, verdict)
        for rule, learned, verdict in zip(SHEET.rules, REFITTED.rules, VERDICTS, strict=True)
    ]
    return {
        "sheet": REFITTED.model_dump(mode="json", exclude_defaults=True),
        "rules": rules,
        "slope": 0.05,
        "unit": 20.0,
        "step": 5.0,
        "penalty": 3.0,
        "penalty_why": "fixed below 200 SQLs",
        "threshold_notes": ["the threshold stays at 20", "nothing else moves"],
        "leads": 2166,
        "converted": 291,
        "snapshots": 2231,
        "draws": 400,
    }


def _rule(rule: Any, learned: float, verdict: str) -> dict[str, Any]:
    known = verdict != "not enough evidence"
    return {
        "name": rule.name,
        "group": rule.group,
        "points": rule.points,
        "learned": learned,
        "low": learned - 4.4 if known else None,
        "high": learned + 6.6 if known else None,
        "log_odds": learned / 20,
        "log_odds_low": learned / 20 - 0.2 if known else None,
        "log_odds_high": learned / 20 + 0.3 if known else None,
        "leads": 637,
        "converted": 127 if known else 0,
        "rate": 0.2,
        "lift": 1.5,
        "odds_ratio": float(np.exp(learned / 20)),
        "stability": 0.97 if known else None,
        "twin": "demo" if verdict == "raise" else None,
        "twin_rho": 0.82 if verdict == "raise" else None,
        "verdict": verdict,
        "sentence": f"A sentence about {rule.name}.",
    }


def _proposal(title: str, points: float | None) -> dict[str, Any]:
    return {
        "rule": None,
        "title": title,
        "points": points,
        "log_odds": 0.9,
        "low": 0.5,
        "high": 1.3,
        "leads": 210,
        "converted": 61,
        "gain": 3.1,
        "q": 0.001,
        "sentence": "Leads with it become SQLs more often.",
        "sayable": points is not None,
    }

"""What only a simulation can know, written down for tests and benchmarks."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from features.clock import SECOND, iso
from features.matrix import Floats, Ints
from features.playbook import Playbook
from features.sheet import Rule, Sheet
from pipelines.simulation.company import (
    BACK_FILLED,
    COLLEAGUES,
    EXPORTED_AT,
    LINES,
    MONTHS,
    POINTS_PER_LOG_ODDS,
    RULE_LOG_ODDS,
    SENIOR_AND_PRICES,
    SHIFTED_AT,
    TRIAGE_DAYS,
    UNWRITTEN,
)
from pipelines.simulation.outcomes import Episode
from pipelines.simulation.people import NEVER, Booleans, People
from pipelines.simulation.records import Records, lead_ids

NOTICE: Final = (
    "Simulated. Every person, company, number and outcome is invented; none describes a real business."
)
_TOLERANCE: Final = 2.5
"""Points by which a rule may be off and still count as right."""


def measured_auc(score: Floats, converted: Booleans) -> float | None:
    """Area under the ROC curve, ties counting half; ``None`` with one class only.

    >>> measured_auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    0.875
    """
    positives = int(converted.sum())
    negatives = len(converted) - positives
    if not positives or not negatives:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[converted].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def tell_truth(records: Records, playbook: Playbook, seed: int, shift: float) -> dict[str, Any]:
    """Content of ``truth.json``: drivers, sheet, planted facts, one entry per snapshot, and what was measured."""
    sheet = _sheet(playbook)
    return {
        "notice": NOTICE,
        "seed": seed,
        "process": {
            "snapshot_age_days": TRIAGE_DAYS,
            "probability": "P(SQL in [as_of, as_of + horizon) | rows visible at as_of, worked, open at as_of); exact",
            "sql_version": playbook.definition().version,
            "horizon_days": {line.name: line.horizon_days for line in LINES},
        },
        "drivers": _drivers(),
        "sheet": {
            "name": sheet.name,
            "points_per_log_odds": POINTS_PER_LOG_ODDS,
            "rules": [
                _rule(rule, points)
                for rule, points in zip(sheet.rules, _attainable(records, sheet), strict=True)
            ],
            "wrong": [rule.name for rule in sheet.rules if not _is_right(rule)],
            "missing": list(UNWRITTEN),
            "cannot_say": [COLLEAGUES[0], SENIOR_AND_PRICES[0]],
        },
        "planted": _planted(records, playbook, shift),
        "measured": measure(records),
        "snapshots": _snapshots(records),
    }


def truth_text(truth: dict[str, Any]) -> str:
    """The truth as JSON: readable, but for the snapshots, which take one line."""
    rest = {name: value for name, value in truth.items() if name != "snapshots"}
    head = json.dumps(rest, sort_keys=True, indent=1).removesuffix("\n}")
    return f'{head},\n "snapshots": {json.dumps(truth["snapshots"])}\n}}\n'


def measure(records: Records) -> dict[str, Any]:
    """Figures of the population: open and worked at triage, triage before the export."""
    people = records.people
    first, second = records.episodes
    sql = first.sql < NEVER
    return {
        "first_episodes": _figures(people, first, np.ones(len(people), dtype=bool)),
        "second_episodes": _figures(people, second, np.ones(len(people), dtype=bool)),
        "first_episodes_by_service_line": {
            line.name: _figures(people, first, people.line == place) for place, line in enumerate(LINES)
        },
        "shares": {
            "accepted_before_triage": _share(first.sql < first.as_of),
            "accepted_without_mql": _share(first.mql[sql] == NEVER),
            "recycled": _share(first.recycled < NEVER),
            "reopened": _share(second.open),
            "duplicate": _share(people.copy_of >= 0),
            "free_mail": _share(people.account < 0),
            "unworked": _share(first.open & ~first.worked),
        },
    }


def _drivers() -> dict[str, Any]:
    return {
        "unit": "log-odds",
        "base": {line.name: line.base for line in LINES},
        "rules_of_the_sheet": RULE_LOG_ODDS,
        "forgotten_by_the_sheet": {
            name: {"log_odds": weight, "when": test.model_dump(exclude_defaults=True)}
            for name, (weight, test) in UNWRITTEN.items()
        },
        "beyond_single_rules": dict((COLLEAGUES, SENIOR_AND_PRICES)),
        "months": list(MONTHS),
    }


def _rule(rule: Rule, attainable: float) -> dict[str, Any]:
    log_odds = RULE_LOG_ODDS[rule.name]
    return {
        "name": rule.name,
        "points": rule.points,
        "log_odds": log_odds,
        "right_points": log_odds * POINTS_PER_LOG_ODDS,
        "attainable_points": round(attainable, 2),
        "wrong": not _is_right(rule),
    }


def _is_right(rule: Rule) -> bool:
    return abs(rule.points - RULE_LOG_ODDS[rule.name] * POINTS_PER_LOG_ODDS) <= _TOLERANCE


def _attainable(records: Records, sheet: Sheet) -> Floats:
    """The points that fit the true probabilities best if nothing but these rules and the service lines is known.

    A logistic regression on the true probabilities, by Newton steps; a ridge of 1 keeps rules that never fired at 0.
    """
    people = records.people
    rows = [_population(episode) for episode in records.episodes]
    lines = np.eye(len(LINES))[people.line]
    design = np.concatenate(
        [
            np.column_stack([e.fired[ok], lines[ok]]).astype(float)
            for e, ok in zip(records.episodes, rows, strict=True)
        ]
    )
    target = np.concatenate([e.probability[ok] for e, ok in zip(records.episodes, rows, strict=True)])
    weights = np.zeros(design.shape[1])
    weights[len(sheet.rules) :] = -2.0
    for _ in range(9):
        fitted = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (target - fitted) - weights * 1e-3
        curvature = (design * (fitted * (1 - fitted))[:, None]).T @ design + np.eye(len(weights)) * 1e-3
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights[: len(sheet.rules)] * POINTS_PER_LOG_ODDS


def _planted(records: Records, playbook: Playbook, shift: float) -> dict[str, Any]:
    return {
        "back_filled_field": {
            "field": BACK_FILLED,
            "file": "facts/lead_facts.csv",
            "rows": len(records.back_filled.lead),
            "how": "dated to the lead's creation, loaded after the outcome, for 70 % of SQLs and 10 % of others",
        },
        "definition_change": [
            {"version": version.version, "effective_from": version.effective_from.isoformat()}
            for version in playbook.sql
        ],
        "odds_shift": {"factor": shift, "from": _iso(SHIFTED_AT)},
        "current_only_fields": ["rating", "hubspot_score"],
        "vendor_score": "Marketo activities of type 22 repeat the sheet; the mapping leaves them out",
        "bad_rows": {
            "salesforce/Task.csv": "a date 31/13/2024 99:99 in one row of 500; WhoId is a contact (003) in one of 200",
            "salesforce/CampaignMember.csv": "an empty LeadId (000000000000000AAA) in one row of 150",
            "marketo": "activities dated 2026-10-06, after the export; the last hours of a file stand in the next too",
        },
    }


def _snapshots(records: Records) -> dict[str, list[Any]]:
    """Columns, one row per lead and episode that was open at triage before the export."""
    people = records.people
    ids = np.array(lead_ids(people), dtype=object)
    parts: list[dict[str, list[Any]]] = []
    for episode in records.episodes:
        at = np.flatnonzero(_at_triage(episode))
        parts.append(
            {
                "lead_id": ids[at].tolist(),
                "as_of": _isos(episode.as_of[at]),
                "episode": [episode.number] * len(at),
                "service_line": [LINES[place].name for place in people.line[at].tolist()],
                "worked": episode.worked[at].tolist(),
                "probability": np.round(episode.probability[at], 6).tolist(),
                "sheet_points": episode.points[at].tolist(),
                "converted": episode.converted(people)[at].tolist(),
            }
        )
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def _figures(people: People, episode: Episode, rows: Booleans) -> dict[str, float | int | None]:
    at = np.flatnonzero(rows & _population(episode))
    converted = episode.converted(people)[at]
    return {
        "snapshots": len(at),
        "conversion": _share(converted),
        "mean_probability": round(float(episode.probability[at].mean()), 5) if len(at) else None,
        "auc_of_truth": _rounded(measured_auc(episode.log_odds[at], converted)),
        "auc_of_sheet": _rounded(measured_auc(episode.points[at], converted)),
    }


def _at_triage(episode: Episode) -> Booleans:
    return episode.open & (episode.as_of < EXPORTED_AT)


def _population(episode: Episode) -> Booleans:
    """Open, worked and not a copy."""
    rows: Booleans = _at_triage(episode) & episode.worked & (episode.copied == NEVER)
    return rows


def _sheet(playbook: Playbook) -> Sheet:
    if playbook.sheet is None:
        raise ValueError("the playbook of the simulated company has a sheet")
    return playbook.sheet


def _share(rows: Booleans) -> float | None:
    return round(float(rows.mean()), 5) if len(rows) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _isos(seconds: Ints) -> list[str]:
    texts: list[str] = np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC").tolist()
    return texts


def _iso(second: int) -> str:
    return iso(second * SECOND)

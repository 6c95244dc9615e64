"""The answer itself: plain data, ready for JSON, of the shape of ``serving.schemas.scores``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from scipy.special import expit

from features.clock import iso
from features.online import Row
from models.bands import Band, Limits
from models.bundle import ModelBundle
from models.online import Told
from serving.answers import reasons
from serving.answers.view import View
from serving.arms import Arm
from serving.store.heads import Last

Answer = dict[str, Any]
"""Of the shape of ``schemas.scores.Answer``, or of ``NotScored`` where ``scored`` is false."""

Origin = Literal["score", "lead", "job", "page"]
Detail = Literal["signals", "features"]

OBJECTED: Final = "This person objected to profiling, so nothing was computed."
UNKNOWN_LINE: Final = "the service line is none of the playbook's; the default horizon counts"
LATE_LEAD: Final = (
    "what the lead is (account, service line, creation) was recorded later; it counts as it is now"
)
LATE_EVIDENCE: Final = (
    "some of what counts as known at this moment came here after it; an answer given then did not see it"
)
NO_COLLEAGUES: Final = "other contacts of the account were not sent along and count as none"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about whom.

    Attributes:
        as_of: only what was known before this moment counts. made_at: the present moment.
        revision: of the evidence; 0 where it was sent along.
        last: the last score of the lead, if there is one.
        without_colleagues: it has an account, but the other contacts of it were not sent along.
        warnings: what else whoever reads the answer has to know.
    """

    tenant: str
    lead_id: str
    as_of: int
    made_at: int
    origin: Origin
    detail: Detail
    service_line: str | None = None
    revision: int = 0
    last: Last | None = None
    without_colleagues: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model says of a lead."""

    row: Row
    told: Told
    log_odds: float
    probability: float
    points: float
    band: Band


def outcome(arm: Arm, row: Row) -> Outcome:
    """Score a row with everything that its reasons need."""
    return _outcome(arm.bundle, row, arm.scorer.score(row))


def _outcome(bundle: ModelBundle, row: Row, told: Told) -> Outcome:
    probability = chance(told.log_odds)
    points = float(bundle.scale.points(told.log_odds))
    return Outcome(row, told, told.log_odds, probability, points, band_of(bundle.bands.limits, probability))


def chance(log_odds: float) -> float:
    """The probability that a log-odds stands for, by the same function as in training."""
    return float(expit(log_odds))


def band_of(limits: Limits, probability: float) -> Band:
    """``Limits.band`` of one probability."""
    if probability >= limits.a:
        return "A"
    if probability >= limits.b:
        return "B"
    return "C" if probability >= limits.c else "D"


def scored(asked: Asked, arm: Arm, view: View, result: Outcome, prediction_id: str) -> Answer:
    """The answer, without ``change``: that is known to its caller."""
    bundle, told = arm.bundle, result.told
    case = reasons.Case(view, told, result.row, bundle.scale, bundle.peers.of(asked.service_line))
    signals = reasons.by_signal(case)
    unseen = arm.scorer.unseen(result.row)
    features = reasons.by_feature(case, unseen) if asked.detail == "features" else None
    manifest = bundle.manifest
    return {
        "prediction_id": prediction_id,
        "lead_id": asked.lead_id,
        "as_of": iso(asked.as_of),
        "scored": True,
        "probability": result.probability,
        "horizon_days": manifest["horizon_days"].get(asked.service_line or "", manifest["horizon_days"][""]),
        "base_rate": manifest["base_rate"],
        "interval": _interval(bundle, result.probability),
        "points": result.points,
        "band": result.band,
        "log_odds": result.log_odds,
        "base": {"points": float(bundle.scale.points(told.base)), "log_odds": told.base},
        "reasons": {"by_signal": signals, "by_feature": features},
        "missing": reasons.missing(view, result.row),
        "unseen": reasons.unseen_fields(view, unseen),
        "without": reasons.without(signals, result.log_odds),
        "change": None,
        "next_step": _next_step(bundle, result.band),
        "model": {"name": manifest["model"], "bundle": arm.fingerprint, "arm": arm.role},
        "warnings": _warnings(bundle, asked, arm),
    }


def not_scored(asked: Asked, prediction_id: str) -> Answer:
    """The answer about somebody who objected."""
    return {
        "prediction_id": prediction_id,
        "lead_id": asked.lead_id,
        "as_of": iso(asked.as_of),
        "scored": False,
        "sentence": OBJECTED,
    }


def _interval(bundle: ModelBundle, probability: float) -> dict[str, Any]:
    found = bundle.range_of(probability)
    return {
        "low": found.low,
        "high": found.high,
        "share": found.share,
        "leads": found.leads,
        "sqls": found.sqls,
        "sentence": found.sentence,
    }


def _next_step(bundle: ModelBundle, band: Band) -> dict[str, Any] | None:
    step = bundle.playbook.next_steps.get(band)
    if step is None:
        return None
    return {"do": step.do, "within_hours": step.within_hours, "route": step.route}


def _warnings(bundle: ModelBundle, asked: Asked, arm: Arm) -> list[str]:
    warnings = []
    if asked.service_line is not None and asked.service_line not in bundle.manifest["horizon_days"]:
        warnings.append(UNKNOWN_LINE)
    if asked.without_colleagues and arm.features.needs_account:
        warnings.append(NO_COLLEAGUES)
    return [*warnings, *asked.warnings]

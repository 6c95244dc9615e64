"""What comes of a refit: every rule with its evidence, and the sheet."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.matrix import Floats, Texts
from features.sheet import Sheet
from models.points.refitting.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class RuleFit:
    """One rule: what the team says of it, and what the data say.

    Attributes:
        points: today. learned: in the refitted sheet; today's where the data allow them.
        low, high: points that the data allow, 95 %; ``None`` without enough evidence, as is what rests on it.
        log_odds: that the data say the rule adds each time it counts; low and high of it as of the points.
        odds_ratio: the factor on the odds that this is.
        leads: different ones for which the rule held. converted: those that became SQLs from there.
        rate: converted of leads. lift: over the rate of all leads, other rules not counted out.
        stability: share of the draws that have the sign of ``learned``; that are about 0, if it is 0.
        twin: the rule that mostly holds where it does, or where it does not, if there is one.
        twin_rho: their correlation.
        sentence: for the team, in plain words.
    """

    name: str
    group: str | None
    points: float
    learned: float
    low: float | None
    high: float | None
    log_odds: float
    log_odds_low: float | None
    log_odds_high: float | None
    leads: int
    converted: int
    rate: float | None
    lift: float | None
    odds_ratio: float
    stability: float | None
    twin: str | None
    twin_rho: float | None
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class Refit:
    """A sheet with learned points, and how sure they are.

    Attributes:
        sheet: the same rules, in their order. threshold_notes: what became of its thresholds, and why.
        slope: log-odds per point of today's total, at least 0; low and high of it, 95 %, may be negative.
        informative: whether the total surely says something.
        unit: points for each unit of log-odds. step: in which the sheet counts.
        penalty: prior precision of a rule; penalty_why it is this one.
        weights: log-odds that each rule adds each time it counts in the fit that predicts best: shrunk towards
            today's points, signs kept, shape (rules,).
        intercept: log-odds where no rule holds. shifts: of the service lines, added to it; both of that fit.
        leads, converted: different ones. snapshots, draws: how many.
    """

    sheet: Sheet
    rules: tuple[RuleFit, ...]
    threshold_notes: tuple[str, ...]
    slope: float
    slope_low: float
    slope_high: float
    informative: bool
    unit: float
    step: float
    penalty: float
    penalty_why: str
    weights: tuple[float, ...]
    intercept: float
    shifts: dict[str, float]
    leads: int
    converted: int
    snapshots: int
    draws: int

    @property
    def threshold_note(self) -> str:
        """All of ``threshold_notes`` as one text."""
        return "; ".join(self.threshold_notes)

    def log_odds(self, times: Floats, service_line: Texts) -> Floats:
        """What the fit that predicts best says of snapshots, shape (rows,); an unknown service line has no shift.

        Args:
            times: how often each rule counts, shape (rows, rules).
            service_line: shape (rows,).
        """
        shift = np.array([self.shifts.get(str(line), 0.0) for line in service_line], dtype=np.float64)
        return np.asarray(times @ np.array(self.weights) + self.intercept + shift)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the sheet as the playbook has it."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in {"sheet", "rules"}}
        return {
            "sheet": self.sheet.model_dump(exclude_defaults=True, mode="json"),
            "rules": [asdict(rule) for rule in self.rules],
            **plain,
            "threshold_notes": list(self.threshold_notes),
            "weights": list(self.weights),
        }

"""What ``points.json`` holds. The page and the summary show nothing that is not in here."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ConfigDict, Field, JsonValue, model_validator

from pipelines.points.schema_judged import Calibration, Comparison
from pipelines.reporting.schema import Estimate, Number, Part


class Header(Part):
    """What was asked, of whom.

    Attributes:
        company: name of the playbook. sheet: of the sheet. question: what counts as an SQL, and how soon.
        learned_since, learned_until: ISO instants. judged_since, judged_until: likewise; null where nothing was
            judged on later leads.
        leads, converted: different leads with a label, and those that became SQL.
        unworked: share of the leads that sales never touched; they have no label.
        origin: facts shown as they are.
    """

    company: str
    sheet: str
    question: str
    learned_since: str
    learned_until: str
    judged_since: str | None = None
    judged_until: str | None = None
    leads: int
    converted: int
    unworked: float
    origin: dict[str, JsonValue] = Field(default_factory=dict)


class Loose(Part):
    """A part of which the page reads some keys only."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RuleFit(Loose):
    """What the data say of one rule; see ``models.points.refitting.refit``."""

    name: str
    group: str | None
    points: float
    learned: Number
    low: Number
    high: Number
    leads: int
    converted: int
    rate: Number
    lift: Number
    odds_ratio: Number
    log_odds_low: Number
    log_odds_high: Number
    stability: Number
    twin: str | None
    twin_rho: Number
    verdict: str
    sentence: str


class Refit(Loose):
    """The same rules with learned points."""

    rules: tuple[RuleFit, ...]
    unit: float
    step: float
    penalty: float
    penalty_why: str
    threshold_notes: tuple[str, ...] = ()
    leads: int
    converted: int
    snapshots: int
    draws: int
    sheet: dict[str, JsonValue]

    @property
    def threshold_note(self) -> str:
        """What became of the thresholds."""
        return " ".join(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in self.threshold_notes)


class Pair(Loose):
    """Two rules that are worth something else together."""

    first: str
    second: str
    strength: float


class SecondOpinion(Loose):
    """What boosted trees make of the rules; ``points`` in the order of the sheet."""

    points: tuple[Number, ...]
    pairs: tuple[Pair, ...] = ()


class Proposal(Loose):
    """A signal that the sheet does not use."""

    title: str
    points: Number
    log_odds: float
    low: float
    high: float
    leads: int
    converted: int
    q: float
    sentence: str
    sayable: bool


class Retiming(Loose):
    """A rule that had better look at another time."""

    rule: str
    now: str
    gain: float
    q: float
    sentence: str


class Fidelity(Loose):
    """How well the distilled sheet stands for the model."""

    spearman: Estimate
    auc_against_model: Estimate
    auc_outcomes: Estimate
    auc_outcomes_of_model: Estimate
    price: Estimate


class Distilled(Loose):
    """The model as a sheet."""

    sheet: dict[str, Any]
    fidelity: Fidelity


class PointsReport(Part):
    """``points.json``: every part that was asked for."""

    format: int = Field(1, ge=1, le=1)
    header: Header
    calibration: Calibration | None = None
    refit: Refit | None = None
    second_opinion: SecondOpinion | None = None
    proposals: tuple[Proposal, ...] | None = None
    retimings: tuple[Retiming, ...] | None = None
    distilled: Distilled | None = None
    comparison: Comparison | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> PointsReport:
        if self.second_opinion is None:
            return self
        told, rules = len(self.second_opinion.points), len(self.refit.rules) if self.refit else 0
        if told != rules:
            raise ValueError(f"the second opinion is of {told} rules, the refitted sheet of {rules}")
        return self


VERDICTS: Final[dict[str, str]] = {
    "keep": "keep",
    "raise": "raise",
    "lower": "lower",
    "drop": "drop",
    "reverse": "reverse",
    "leans up": "lean up",
    "leans down": "lean down",
    "not enough evidence": "cannot tell",
}
"""Each verdict as it is counted, in this order."""


def verdict_counts(refit: Refit) -> str:
    """The answer in a line: how many rules each verdict holds for."""
    found = [rule.verdict for rule in refit.rules]
    return ", ".join(
        f"{found.count(verdict)} {word}" for verdict, word in VERDICTS.items() if verdict in found
    )

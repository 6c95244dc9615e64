"""What ``points.json`` holds. The page and the summary show nothing that is not in here."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ConfigDict, Field, JsonValue, model_validator

from pipelines.reporting.schema import Bin, Estimate, Number, Part


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


class Period(Part):
    """See ``models.points.judging.period``."""

    leads_per_week: float
    weeks: float
    capacity_per_week: float | None
    within_hours: float | None
    unworked_above: float | None
    unworked_below: float | None
    today_per_week: float | None

    @property
    def calls_per_week(self) -> float | None:
        """Leads a week at which all ways are compared."""
        return self.today_per_week if self.capacity_per_week is None else self.capacity_per_week


class Line(Part):
    """From total to log-odds."""

    slope: float
    intercept: float
    shifts: dict[str, float]


class TotalBin(Part):
    """Leads of similar totals."""

    lowest: float
    highest: float
    leads: float
    promised: float
    converted: float
    low: float
    high: float


class Conversion(Part):
    """Leads handed over today, and the others; ``service_line`` null is all, ``threshold`` that more decides."""

    service_line: str | None
    threshold: float | None
    leads: int
    converted: int
    above: Estimate
    below: Estimate
    at_threshold: float | None


class Cutoff(Part):
    """What a threshold would bring."""

    at: float
    per_week: float
    precision: Estimate
    captured: Estimate
    today: bool
    at_capacity: bool


class Calibration(Part):
    """See ``models.points.judging.calibration``."""

    sheet: str
    line: Line
    slope: Estimate
    worth: Estimate
    informative: bool
    bins: tuple[TotalBin, ...]
    reliability: tuple[Bin, ...]
    today: tuple[Conversion, ...]
    cutoffs: tuple[Cutoff, ...]
    at_capacity: Estimate | None
    caps_bind: float
    leads: int
    converted: int
    period: Period
    sentence: str
    tied: str


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


class Handover(Part):
    """Leads handed over; or how much more of each."""

    per_week: Estimate
    precision: Estimate
    captured: Estimate
    sqls_per_week: Estimate


class Figures(Part):
    """How one way of choosing did; or the difference of two."""

    own: Handover
    at_capacity: Handover | None
    roc_auc: Estimate
    log_loss: Estimate | None


class Load(Part):
    """On sales."""

    per_week: float
    capacity_per_week: float
    ratio: float
    busiest_week: float
    weeks_over: float
    within_hours: float | None
    in_time: float | None


class RuleChange(Part):
    """Points of one rule for an example; null where a sheet has no such rule."""

    rule: str
    before: float | None
    after: float | None


class Example(Part):
    """A lead that moves."""

    lead_id: str
    as_of: str
    service_line: str
    before: float
    after: float
    converted: bool
    why: tuple[RuleChange, ...]


class Movers(Part):
    """Leads whose fate changes, against the first way."""

    changed: Estimate
    up: Handover
    down: Handover
    not_handed_before: Estimate
    ups: tuple[Example, ...]
    downs: tuple[Example, ...]


class Standing(Part):
    """One of the ways that are compared."""

    name: str
    title: str
    in_points: bool
    figures: Figures
    apart: Figures | None
    expected_sqls_per_week: Number
    load: Load | None
    movers: Movers | None


class SegmentPart(Part):
    """Leads of one value of a segmentation."""

    value: str
    leads: int
    converted: int
    handed: dict[str, Handover]


class Segmentation(Part):
    """By service line, region or source."""

    name: str
    parts: tuple[SegmentPart, ...]


class Comparison(Part):
    """All ways on the same period; the first is what is done today."""

    standings: tuple[Standing, ...] = Field(min_length=1)
    segments: tuple[Segmentation, ...]
    period: Period
    since: str
    until: str
    leads: int
    converted: int
    base_rate: float
    draws: int

    @property
    def first(self) -> Standing:
        """What is done today."""
        return self.standings[0]

    def standing(self, name: str) -> Standing | None:
        """One of them by name."""
        return next((one for one in self.standings if one.name == name), None)


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

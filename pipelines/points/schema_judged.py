"""The judged half of ``points.json``: what a total is worth, and all ways of choosing on the same leads."""

from __future__ import annotations

from pydantic import Field

from pipelines.reporting.schema import Bin, Estimate, Number, Part


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

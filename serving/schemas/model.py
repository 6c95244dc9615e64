"""Which model answers, what it looks at, and what the team's own sheet says."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Shown(BaseModel):
    """Answers are closed, so that an unannounced key fails a test."""

    model_config = ConfigDict(extra="forbid")


class ShownFeature(Shown):
    """What the model looks at; a withheld one is used, but never named as a reason."""

    name: str
    title: str
    signal: str
    explicit: bool = Field(description="Said on a form, not done.")
    withheld: str | None


class ShownBands(Shown):
    """Lower limits in probability; below ``c`` is D."""

    a: float
    b: float
    c: float
    source: str


class ShownArm(Shown):
    """One model that is loaded."""

    role: str
    name: str
    bundle: str


class ReviewReasons(Shown):
    """What a reviewer may pick."""

    rejected: list[str]
    recycled: list[str]


class ModelShown(Shown):
    """The champion, and what is served beside it."""

    name: str
    bundle: str
    definition: str
    base_rate: float
    horizon_days: dict[str, int]
    trained_until: str
    leads: int
    positives: int
    bands: ShownBands
    points: str = Field(description="How the scale of points was fixed.")
    points_to_double: float
    features: list[ShownFeature]
    arms: list[ShownArm]
    previous: str | None
    review_reasons: ReviewReasons
    card: str


class RuleShown(Shown):
    """One rule of the sheet. A rule on something withheld does not say whether it holds, nor what it gives."""

    name: str
    on_sheet: float = Field(
        description="Its points as the sheet has them, for one event where they are given for each."
    )
    points: float | None = Field(
        description="What it gives this lead: after wear and every cap. All of them add up to the total."
    )
    refitted: float | None = Field(
        description="The same with learned points; null where none were learned, or where it is withheld."
    )
    fired: bool | None


class RefittedShown(Shown):
    """The same rules with points learned from outcomes."""

    total: float
    mql_at: float | None
    is_mql: bool | None


class SheetShown(Shown):
    """The team's own points for a lead, beside those of the model."""

    lead_id: str
    as_of: str
    sheet: str
    total: float
    complete: bool = Field(
        description="Whether all rules are in the total; those on something withheld are not."
    )
    mql_at: float | None = Field(description="Total from which a lead of its service line is an MQL.")
    cell: str | None = Field(description="Of the grid of two groups, where the sheet has one.")
    is_mql: bool | None = Field(
        description="By total, needs, grid and rules that qualify at once; not told where a rule is withheld."
    )
    rules: list[RuleShown]
    refitted: RefittedShown | None = Field(
        description="What learned points would say; null where there was too little to learn from."
    )
    model_points: float
    band: str
    bundle: str

"""Asking for a score, and the answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from serving.schemas.evidence import Fault, InlineLead
from serving.schemas.words import Closed, Instant

Detail = Literal["signals", "features"]
"""Reasons by signal, or by feature as well."""

Band = Literal["A", "B", "C", "D"]
Direction = Literal["for", "against"]
Cause = Literal["new_event", "decay", "edited_field", "new_stage", "new_model", "late_record"]


class ScoreRequest(Closed):
    """Leads to be scored, with everything known about them."""

    leads: Annotated[
        list[SkipValidation[InlineLead]],
        Field(min_length=1, max_length=100, description="Answered in this order; a bad one spoils no other."),
    ]
    as_of: Instant | None = Field(
        None, description="Only what was known before this moment counts; now where left out."
    )
    reasons: Detail = "signals"


class Told(BaseModel):
    """Answers are closed too, so that an unannounced key fails a test."""

    model_config = ConfigDict(extra="forbid")


class Interval(Told):
    """What became of leads scored like this: their share of SQLs and its 90 % range."""

    low: float
    high: float
    share: float
    leads: float
    sqls: float
    sentence: str


class Base(Told):
    """Where the sum starts: what is said before anything is known about a lead."""

    points: float
    log_odds: float


class SignalReason(Told):
    """What one signal adds. ``base`` and all signals add up to the score."""

    signal: str = Field(description="fit, engagement, intent, timing, account, sheet or withheld")
    title: str
    points: float
    log_odds: float
    direction: Direction
    typical_points: float | None = Field(
        description="What the signal adds for a typical lead of the same kind."
    )
    against_typical: float | None
    sentence: str
    facts: list[str]


class FeatureReason(Told):
    """What one feature adds."""

    feature: str
    signal: str
    points: float
    log_odds: float
    direction: Direction
    sentence: str | None
    value: float | str | None
    status: Literal["present", "missing", "unseen"]


class Reasons(Told):
    """Why, first by signal, and by feature where asked for."""

    by_signal: list[SignalReason]
    by_feature: list[FeatureReason] | None


class ChangeCause(Told):
    """One part of a change; the parts add up to it."""

    cause: Cause
    points: float
    log_odds: float
    sentence: str


class Change(Told):
    """What changed since the last score of the lead."""

    since: str = Field(description="prediction_id of the score compared with")
    as_of: str
    points: float
    log_odds: float
    probability: float
    causes: list[ChangeCause]


class NextStep(Told):
    """What the playbook says is to be done with leads of this band."""

    do: str
    within_hours: float | None
    route: str | None


class ModelUsed(Told):
    """Which model answered."""

    name: str
    bundle: str
    arm: Literal["champion", "challenger"]


class Answer(Told):
    """Probability, points, band and reasons of one lead."""

    prediction_id: str
    lead_id: str
    as_of: str
    scored: Literal[True]
    probability: float = Field(description="Chance of an SQL within the horizon, calibrated.")
    horizon_days: int
    base_rate: float = Field(description="Share of leads that became an SQL in training.")
    interval: Interval
    points: float
    band: Band
    log_odds: float
    base: Base
    reasons: Reasons
    missing: list[str]
    unseen: list[str]
    without: dict[str, float] = Field(
        description="The chance without one signal, for the strongest ones. These do not add up."
    )
    change: Change | None
    next_step: NextStep | None
    model: ModelUsed
    warnings: list[str]


class NotScored(Told):
    """The person objected to profiling: nothing was computed."""

    prediction_id: str
    lead_id: str
    as_of: str
    scored: Literal[False]
    sentence: str


class Refusal(BaseModel):
    """A problem (RFC 9457) of one item."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: list[Fault] | None = None


class ScoreResult(Told):
    """One lead of a request: its answer, or what is wrong with it."""

    status: int
    answer: Answer | NotScored | None = None
    problem: Refusal | None = None


class ScoreResults(Told):
    """In the order asked."""

    results: list[ScoreResult]


class Move(Told):
    """How the score would read, had the lead done one thing more. An association, not a promise."""

    event: str
    say: str
    probability_change: float
    points_change: float
    note: str


class PeerShown(Told):
    """The typical lead compared with."""

    name: str
    leads: float


class Explanation(Answer):
    """An answer by feature, with what would move it."""

    moves: list[Move]
    peer: PeerShown | None


class Replayed(Told):
    """What the same numbers give when computed again by the same model."""

    equal: bool = Field(description="Equal to the last bit.")
    log_odds: float
    difference: float


class Recorded(Told):
    """An answer as it was sent, and computed again."""

    prediction_id: str
    made_at: str
    origin: str
    role: str
    answer: dict[str, Any]
    by_feature: list[FeatureReason] | None = None
    replay: Replayed | None = Field(description="Nothing to recompute where nothing was scored.")

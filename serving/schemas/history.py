"""What the store holds about a lead, as it is shown."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

RECORDED_AT: Final = "When the row, as it stands, arrived here."


class Row(BaseModel):
    """Answers are closed, so that an unannounced key fails a test."""

    model_config = ConfigDict(extra="forbid")


class EventShown(Row):
    """An event."""

    event_id: str
    type: str
    occurred_at: str
    known_at: str
    recorded_at: str = Field(description=RECORDED_AT)
    value: float | None
    topic: str | None
    channel: str | None
    campaign: str | None
    source: str | None


class StageShown(Row):
    """A stage entered."""

    stage: str
    entered_at: str
    known_at: str
    recorded_at: str = Field(description=RECORDED_AT)
    reason: str | None
    actor: str | None


class FactShown(Row):
    """A value of a field."""

    field: str
    value: str | None
    occurred_at: str
    known_at: str
    recorded_at: str = Field(description=RECORDED_AT)


class PastScore(Row):
    """A score given earlier; no points where the lead had objected."""

    prediction_id: str
    as_of: str
    made_at: str
    origin: str
    role: str
    bundle: str
    scored: bool
    probability: float | None
    points: float | None
    band: str | None


class LeadHistory(Row):
    """Evidence and past scores, the newest first. ``complete`` is false where rows were left out."""

    lead_id: str
    account_id: str | None
    service_line: str | None
    created_at: str
    recorded_at: str = Field(description=RECORDED_AT)
    objected: bool
    events: list[EventShown]
    stages: list[StageShown]
    attributes: list[FactShown]
    account_attributes: list[FactShown]
    scores: list[PastScore]
    complete: bool

"""What is known about leads, as it is sent: one by one into the store, or all at once to be scored.

Lists hold items that are documented, but not checked with the body (``SkipValidation``): each is checked by
itself later, so that a bad one spoils no other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from serving.schemas.words import Closed, Id, Instant, LeadName, Text, Value, Word

MOST_ITEMS: Final = 1000
"""Rows of one request to the store."""

KNOWN_AT: Final = (
    "When it could first have been known; the moment it arrives here where left out. "
    "A score of an earlier moment does not see it."
)
KNOWN_AT_INLINE: Final = "When it could first have been known; when it happened where left out."


class OfLead(Closed):
    """What a lead is."""

    lead_id: LeadName
    created_at: Instant
    account_id: Id | None = None
    service_line: Word | None = None


class LeadIn(OfLead):
    """A lead for the store. Of several deliveries the one with the newest ``updated_at`` counts."""

    updated_at: Instant | None = Field(None, description="When your system last changed it.")


class Happened(Closed):
    """What an event consists of."""

    type: Word
    occurred_at: Instant
    value: Value | None = None
    topic: Word | None = None
    channel: Word | None = None
    campaign: Word | None = None
    source: Word | None = None


class EventIn(Happened):
    """Something a lead did. An ``event_id`` counts once per lead, however often it is delivered."""

    lead_id: LeadName
    event_id: Id
    known_at: Instant | None = Field(None, description=KNOWN_AT)


class Held(Closed):
    """A value of a field, from ``occurred_at`` on. Numbers are written as text; ``null`` says it was emptied."""

    field: Word
    value: Text | None
    occurred_at: Instant


class AttributeIn(Held):
    """A value of a field of a lead or of an account."""

    entity: Literal["lead", "account"]
    entity_id: LeadName
    known_at: Instant | None = Field(None, description=KNOWN_AT)


class Entered(Closed):
    """A stage that a lead entered."""

    stage: Word
    entered_at: Instant
    reason: Text | None = None
    actor: Id | None = None


class StageIn(Entered):
    """A stage that a lead of the store entered."""

    lead_id: LeadName
    known_at: Instant | None = Field(None, description=KNOWN_AT)


def _in_order(happened: datetime, known_at: datetime | None) -> None:
    if known_at is not None and known_at < happened:
        raise ValueError("nothing is known before it happens")


class InlineEvent(Happened):
    """An event sent along with the lead to be scored. Without ``event_id`` every one of them counts."""

    event_id: Id | None = None
    known_at: Instant | None = Field(None, description=KNOWN_AT_INLINE)

    @model_validator(mode="after")
    def _times(self) -> InlineEvent:
        _in_order(self.occurred_at, self.known_at)
        return self


class InlineFact(Held):
    """A value of a field sent along with the lead to be scored."""

    known_at: Instant | None = Field(None, description=KNOWN_AT_INLINE)

    @model_validator(mode="after")
    def _times(self) -> InlineFact:
        _in_order(self.occurred_at, self.known_at)
        return self


class InlineStage(Entered):
    """A stage sent along with the lead to be scored."""

    known_at: Instant | None = Field(None, description=KNOWN_AT_INLINE)

    @model_validator(mode="after")
    def _times(self) -> InlineStage:
        _in_order(self.entered_at, self.known_at)
        return self


class InlineLead(OfLead):
    """A lead with everything known about it; nothing of the store is read, nothing of this is stored there."""

    events: tuple[InlineEvent, ...] = Field((), max_length=2000)
    attributes: tuple[InlineFact, ...] = Field((), max_length=500)
    account_attributes: tuple[InlineFact, ...] = Field((), max_length=500)
    stages: tuple[InlineStage, ...] = Field((), max_length=200)


def _some(description: str) -> Any:
    return Field(min_length=1, max_length=MOST_ITEMS, description=description)


class LeadsIn(Closed):
    """Leads for the store."""

    leads: Annotated[list[SkipValidation[LeadIn]], _some("In any order; each gets its own outcome.")]


class EventsIn(Closed):
    """Events for the store."""

    events: Annotated[
        list[SkipValidation[EventIn]], _some("In any order, also before their lead; repeats count once.")
    ]


class AttributesIn(Closed):
    """Values of fields for the store."""

    attributes: Annotated[
        list[SkipValidation[AttributeIn]], _some("In any order; each gets its own outcome.")
    ]


class StagesIn(Closed):
    """Stages for the store."""

    stages: Annotated[list[SkipValidation[StageIn]], _some("In any order; each gets its own outcome.")]


class Fault(BaseModel):
    """What is wrong with one item, and where. Never repeats what was sent."""

    pointer: str = Field(description="JSON pointer into the body")
    code: str
    message: str


class ItemOutcome(BaseModel):
    """What became of one item, in the order sent."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["stored", "unchanged", "refused"]
    code: str | None = Field(None, description="why it was refused")
    errors: list[Fault] | None = None


class Upserted(BaseModel):
    """What became of a delivery."""

    model_config = ConfigDict(extra="forbid")

    results: list[ItemOutcome]
    stored: int
    unchanged: int
    refused: int

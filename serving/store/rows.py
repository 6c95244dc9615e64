"""Rows as they are delivered, and what became of each. Instants are int64 microseconds in UTC."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Status = Literal["stored", "unchanged", "refused"]
Refusal = Literal["lead_forgotten", "known_differently"]


class Outcome(NamedTuple):
    """What became of a delivered row; ``code`` says why it was refused."""

    status: Status
    code: Refusal | None = None


STORED: Final = Outcome("stored")
UNCHANGED: Final = Outcome("unchanged")
FORGOTTEN: Final = Outcome("refused", "lead_forgotten")
KNOWN_DIFFERENTLY: Final = Outcome("refused", "known_differently")


class LeadRow(NamedTuple):
    """A lead. ``updated_at``: when the CRM last changed it, so that the newest of several deliveries is known."""

    lead_id: str
    created_at: int
    account_id: str | None = None
    service_line: str | None = None
    updated_at: int | None = None


class EventRow(NamedTuple):
    """An event. ``known_at``: ``None`` is filled with the moment of arrival, here and below."""

    lead_id: str
    event_id: str
    type: str
    occurred_at: int
    known_at: int | None = None
    value: float | None = None
    topic: str | None = None
    channel: str | None = None
    campaign: str | None = None
    source: str | None = None


class AttributeRow(NamedTuple):
    """A value of a field of a lead or an account; ``None`` says it was emptied."""

    entity: Literal["lead", "account"]
    entity_id: str
    field: str
    value: str | None
    occurred_at: int
    known_at: int | None = None


class StageRow(NamedTuple):
    """A stage that a lead entered."""

    lead_id: str
    stage: str
    entered_at: int
    known_at: int | None = None
    reason: str | None = None
    actor: str | None = None

"""The four tables of a history, as Arrow schemas. Everything else is derived from them."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

INSTANT: Final = pa.timestamp("us", tz="UTC")

LEADS: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("account_id", pa.string()),
        pa.field("service_line", pa.string()),
        pa.field("created_at", INSTANT, nullable=False),
    ]
)

EVENTS: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("occurred_at", INSTANT, nullable=False),
        pa.field("known_at", INSTANT, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("topic", pa.string()),
        pa.field("channel", pa.string()),
        pa.field("campaign", pa.string()),
        pa.field("source", pa.string()),
    ]
)

ATTRIBUTES: Final = pa.schema(
    [
        pa.field("entity", pa.string(), nullable=False),  # "lead" or "account"
        pa.field("entity_id", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("occurred_at", INSTANT, nullable=False),
        pa.field("known_at", INSTANT, nullable=False),
    ]
)

STAGES: Final = pa.schema(
    [
        pa.field("lead_id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("entered_at", INSTANT, nullable=False),
        pa.field("known_at", INSTANT, nullable=False),
        pa.field("reason", pa.string()),
        pa.field("actor", pa.string()),
    ]
)

SCHEMAS: Final = {"leads": LEADS, "events": EVENTS, "attributes": ATTRIBUTES, "stages": STAGES}

TIME_COLUMN: Final = {
    "leads": "created_at",
    "events": "occurred_at",
    "attributes": "occurred_at",
    "stages": "entered_at",
}
"""When a row of each table happened."""

AVAILABILITIES: Final = ("versioned", "immutable_at_create", "current_only")
"""How far back a field is known: a history of changes, fixed when the lead was made, or only today's value."""

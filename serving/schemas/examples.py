"""Requests that work as printed against the simulated company of ``leadlight demo``."""

from __future__ import annotations

from typing import Any, Final

_LEAD: Final = {
    "lead_id": "00QEXAMPLE0000001",
    "created_at": "2025-06-02T08:15:00Z",
    "account_id": "example-biologics",
    "service_line": "sequencing",
}
_EVENTS: Final[list[dict[str, Any]]] = [
    {
        "event_id": "e-1001",
        "type": "web_visit",
        "occurred_at": "2025-06-02T08:10:00Z",
        "topic": "products",
        "channel": "web",
        "source": "hubspot",
    },
    {
        "event_id": "e-1002",
        "type": "pricing_view",
        "occurred_at": "2025-06-03T14:40:00Z",
        "topic": "pricing",
        "channel": "web",
        "source": "hubspot",
    },
    {
        "event_id": "e-1003",
        "type": "demo_request",
        "occurred_at": "2025-06-04T09:05:00Z",
        "channel": "form",
        "source": "hubspot",
    },
]
_FACTS: Final[list[dict[str, Any]]] = [
    {"field": "industry", "value": "biopharma", "occurred_at": "2025-06-02T08:15:00Z"},
    {"field": "job_level", "value": "director", "occurred_at": "2025-06-02T08:15:00Z"},
    {"field": "employees", "value": "450", "occurred_at": "2025-06-02T08:15:00Z"},
]
_FUNDING: Final = {"field": "funding", "value": "raised", "occurred_at": "2025-01-10T00:00:00Z"}


def _one(name: str, summary: str, value: Any) -> dict[str, Any]:
    return {name: {"summary": summary, "value": value}}


SCORE: Final = _one(
    "a lead with its history",
    "A director who asked for a demo",
    {
        "leads": [
            {
                **_LEAD,
                "events": _EVENTS,
                "attributes": _FACTS,
                "account_attributes": [_FUNDING],
                "stages": [{"stage": "new", "entered_at": "2025-06-02T08:15:00Z"}],
            }
        ],
        "as_of": "2025-06-05T00:00:00Z",
    },
)
LEADS: Final = _one("a lead", "A lead of the CRM", {"leads": [_LEAD]})
EVENTS: Final = _one(
    "three events",
    "What the lead did; known when it happened",
    {
        "events": [
            {"lead_id": _LEAD["lead_id"], **event, "known_at": event["occurred_at"]} for event in _EVENTS
        ]
    },
)
ATTRIBUTES: Final = _one(
    "fields",
    "What is known of the lead and of its account",
    {
        "attributes": [
            *(
                {"entity": "lead", "entity_id": _LEAD["lead_id"], **fact, "known_at": fact["occurred_at"]}
                for fact in _FACTS
            ),
            {
                "entity": "account",
                "entity_id": _LEAD["account_id"],
                **_FUNDING,
                "known_at": "2025-01-10T00:00:00Z",
            },
        ]
    },
)
STAGES: Final = _one(
    "a stage",
    "The lead became an MQL",
    {
        "stages": [
            {
                "lead_id": _LEAD["lead_id"],
                "stage": "mql",
                "entered_at": "2025-06-04T09:06:00Z",
                "known_at": "2025-06-04T09:06:00Z",
            }
        ]
    },
)
FEEDBACK: Final = _one(
    "accept",
    "Sales takes the lead; put in the prediction_id of an answer",
    {
        "prediction_id": "01973f6e-0000-7000-8000-000000000000",
        "verdict": "accept",
        "note": "Spoke with her; budget is approved.",
    },
)
OUTCOME: Final = _one(
    "converted",
    "Sales accepted the lead",
    {"lead_id": _LEAD["lead_id"], "outcome": "converted", "at": "2025-06-12T10:00:00Z"},
)

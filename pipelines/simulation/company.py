"""What is true of the simulated company: calendar, service lines, behavior, and what drives sales to accept.

All numbers are invented. Log-odds are natural; the sheet's scale is ``POINTS_PER_LOG_ODDS`` points to one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from features.sheet import RuleTest

SECONDS_PER_DAY: Final = 86_400


def _day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


OPENED: Final = _day("2023-07-03")
"""First day on which leads are created (seconds since 1970, UTC)."""
CLOSED: Final = _day("2025-08-01")
"""No lead is created from here on."""
EXPORTED_AT: Final = _day("2025-09-01")
"""The exports know nothing from here on."""
SHIFTED_AT: Final = _day("2025-01-01")
"""Day from which the odds are multiplied, if a shift was asked for."""

TRIAGE_DAYS: Final = 14
"""Sales looks at a lead so many days after it came, or came back."""
POINTS_PER_LOG_ODDS: Final = 20.0

ZONE: Final = "America/New_York"
"""Time zone of the HubSpot account; its dates carry none."""
FREE_MAIL: Final = "freemail.example.net"


@dataclass(frozen=True, slots=True)
class Line:
    """A service line: its system, share of leads, horizon in days, log-odds of a lead without any driver."""

    name: str
    system: Literal["salesforce", "hubspot"]
    share: float
    horizon_days: int
    base: float


LINES: Final = (
    Line("sequencing", "salesforce", 0.45, 60, -3.95),
    Line("bioprocess", "salesforce", 0.25, 90, -4.3),
    Line("assay_development", "hubspot", 0.30, 30, -3.6),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of event: mean number in a lead's first months, and how steeply intent raises it.

    ``anonymous`` is the share that happens before the lead is created.
    """

    name: str
    rate: float
    intent: float
    anonymous: float = 0.0


KINDS: Final = (
    Kind("web_visit", 5.0, 0.8, 0.35),
    Kind("pricing_view", 0.75, 1.2, 0.15),
    Kind("careers_view", 0.16, 0.0, 0.3),
    Kind("email_open", 4.0, 0.4),
    Kind("email_click", 0.9, 0.7),
    Kind("unsubscribe", 0.07, -0.5),
    Kind("application_note", 0.55, 0.6),
    Kind("quote_tool", 0.3, 1.1),
    Kind("demo_request", 0.16, 1.2),
    Kind("webinar_registered", 0.45, 0.3),
    Kind("webinar_attended", 0.0, 0.0),
    Kind("trade_show_scan", 0.12, 0.0),
)
KIND_NAMES: Final = tuple(kind.name for kind in KINDS)
INTENT_KINDS: Final = ("pricing_view", "quote_tool", "demo_request")

RULE_LOG_ODDS: Final = {
    "senior title": 0.75,
    "pharma or contract research": 0.5,
    "200 employees or more": 0.5,
    "project has a budget": 0.75,
    "free mail address": -0.5,
    "student": -2.5,
    "competitor": -2.5,
    "outside the territory": -0.5,
    "asked for a demo": 1.25,
    "saw prices this week": 1.25,
    "downloaded an application note": 0.25,
    "attended a webinar": 0.25,
    "scanned at a trade show": 0.25,
    "opened an e-mail": 0.0,
    "clicked in an e-mail": 0.25,
    "five visits in two weeks": 0.5,
    "looked at careers": -0.75,
    "unsubscribed": -0.75,
}
"""True log-odds of every rule of the sheet in ``examples/simulated/playbook.yaml``, which says when each fires."""

UNWRITTEN: Final = {
    "used the quote tool": (0.9, RuleTest(event="quote_tool", days=14)),
    "account raised money": (0.4, RuleTest(attribute="funding", entity="account", one_of=("raised",))),
    "active in the last three days": (0.5, RuleTest(event="any", days=3)),
}
"""Drivers that the sheet forgot, though it could say them."""

COLLEAGUES: Final = ("a colleague saw prices, the quote tool or a demo form in the last 30 days", 0.7)
SENIOR_AND_PRICES: Final = ("senior title and saw prices this week", 0.5)
"""Drivers that a sheet of single rules cannot say."""

MONTHS: Final = (0.1, 0.1, 0.15, 0.0, 0.0, -0.05, -0.2, -0.3, 0.15, 0.15, 0.0, -0.4)
"""Log-odds added by the month (UTC, January first) in which sales looks."""

BACK_FILLED: Final = "sample_volume"
"""The planted field: typed in after the outcome, dated to the lead's first day."""

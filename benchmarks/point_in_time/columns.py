"""The features that every engine builds, and what a peer needs to know to build them."""

from __future__ import annotations

from typing import Final

from features.clock import DAY
from features.definitions import WINDOWS, Feature
from features.language import active_days, count, distinct, first_seen, maximum, mean, recency, total, trend

TYPES: Final = (
    "page_view", "pricing_view", "email_open", "email_click", "form_fill", "webinar", "download", "demo_view",
    "ad_click", "call", "meeting", "chat",
)  # fmt: skip
TOPICS: Final = (
    "pricing",
    "integration",
    "security",
    "case_study",
    "careers",
    "product",
    "support",
    "events",
)
CHANNELS: Final = ("web", "email", "ads", "event", "phone")

FEATURES: Final[tuple[Feature, ...]] = tuple(
    [feature for word in TYPES for feature in count(word)]
    + count()
    + active_days()
    + total()
    + total("webinar")
    + maximum()
    + mean()
    + distinct("topic")
    + distinct("channel")
    + [feature for word in ("any", *TYPES[:5]) for feature in trend(word)]
    + [feature for word in ("any", *TYPES) for feature in recency(word)]
    + [feature for word in ("any", *TYPES[:3]) for feature in first_seen(word)]
)
"""Counts of each type, and for all events every other windowed statistic; 123 columns."""

LENGTHS: Final = tuple(days * DAY for days in WINDOWS if days is not None)
"""Lengths of the windows in microseconds; the last window is endless."""


def ring(feature: Feature) -> int:
    """Number of the feature's window, counted from the shortest."""
    return WINDOWS.index(feature.days)


def long_ring(feature: Feature) -> int:
    """Number of the long window of a trend."""
    return WINDOWS.index(feature.versus)


def type_of(feature: Feature) -> str | None:
    """The one type that the feature selects, ``None`` for any."""
    return feature.where.type[0] if feature.where.type else None

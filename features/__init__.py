"""What was known about a lead, and when.

A *snapshot* asks one question: what did we know about ``lead_id`` just before ``as_of``? This package answers
it, from a *history* of four tables (``features.kernel``) or for one lead (``features.online``), and says what
became of the lead afterwards (``features.labels``, the only module that looks ahead). The names below are the
feature language.
"""

from __future__ import annotations

from features.definitions import Feature, feature_set
from features.language import (
    account,
    account_size,
    active_days,
    attribute_age,
    count,
    created_hour,
    created_weekday,
    distinct,
    fading,
    first_seen,
    halving,
    latest,
    latest_number,
    lead_age,
    maximum,
    mean,
    recency,
    stage_entries,
    time_in_stage,
    total,
    trend,
)

__all__ = [
    "Feature",
    "account",
    "account_size",
    "active_days",
    "attribute_age",
    "count",
    "created_hour",
    "created_weekday",
    "distinct",
    "fading",
    "feature_set",
    "first_seen",
    "halving",
    "latest",
    "latest_number",
    "lead_age",
    "maximum",
    "mean",
    "recency",
    "stage_entries",
    "time_in_stage",
    "total",
    "trend",
]

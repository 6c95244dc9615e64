"""Instants are int64 microseconds since 1970 in UTC; lengths of time are whole days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 86_400 * SECOND
NEVER: Final = 2**62
"""Later than anything; an instant that did not come."""


def micros(moment: datetime) -> int:
    """Instant of an aware ``moment``.

    >>> micros(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} has no time zone; write one, for example {moment.isoformat()}Z"
        raise ValueError(message)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def iso(instant: int) -> str:
    """Text of an instant, in UTC.

    >>> iso(86_400_000_000)
    '1970-01-02T00:00:00Z'
    """
    seconds, micro = divmod(int(instant), SECOND)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)
    return moment.isoformat().replace("+00:00", "Z")

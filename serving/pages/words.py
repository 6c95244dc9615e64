"""Numbers and moments in the words of the pages."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from features.clock import DAY, HOUR, SECOND, micros

MINUS: Final = "\N{MINUS SIGN}"
NO_BREAK: Final = "\N{NO-BREAK SPACE}"
UNDEFINED: Final = "\N{EN DASH}"

FRACTIONS: Final = (
    *((1, n) for n in (200, 150, 100, 80, 60, 50, 40, 30, 25, 20, 18, 16, 14, 12)),
    *((1, n) for n in range(10, 1, -1)),
    *((2, 5), (3, 5), (2, 3), (3, 4), (4, 5), (9, 10), (19, 20)),
)
"""Shares that people can picture; a probability is told as the nearest one."""

BAND_WORDS: Final = {"A": "top", "B": "good", "C": "fair", "D": "low"}
"""A band is never told by its color alone."""


def chance(probability: float) -> str:
    """A probability as a share of leads.

    >>> chance(0.183), chance(0.66), chance(0.001), chance(0.99)
    ('about 1 in 5', 'about 2 in 3', 'less than 1 in 200', 'more than 19 in 20')
    """
    if probability < 1 / 220:
        return "less than 1 in 200"
    if probability > 0.96:
        return "more than 19 in 20"
    some, of = min(FRACTIONS, key=lambda part: abs(_log_odds(part[0] / part[1]) - _log_odds(probability)))
    return f"about {some} in {of}"


def percent(share: float | None) -> str:
    r"""A share in percent; small ones and such near 100 % with a decimal.

    >>> percent(0.183), percent(0.0123), percent(0.998)
    ('18\xa0%', '1.2\xa0%', '99.8\xa0%')
    """
    if share is None:
        return UNDEFINED
    decimals = 0 if 0.02 <= share <= 0.98 else 1
    return f"{100 * share:.{decimals}f}{NO_BREAK}%"


def against_average(probability: float, average: float) -> str:
    r"""A probability beside its base rate.

    >>> against_average(0.183, 0.1), against_average(0.1, 0.101), against_average(0.02, 0.1)
    ('1.8 times the average of 10\xa0%', 'about the average of 10\xa0%', 'a fifth of the average of 10\xa0%')
    """
    ratio = probability / average
    told = percent(average)
    if 0.95 < ratio < 1.05:
        return f"about the average of {told}"
    if ratio >= 1:
        return f"{ratio:.1f} times the average of {told}"
    parts = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 10: "a tenth"}
    of, part = min(parts.items(), key=lambda item: abs(math.log(item[0] * ratio)))
    if abs(math.log(of * ratio)) < 0.12:
        return f"{part} of the average of {told}"
    return f"{max(ratio, 0.01):.{1 if ratio >= 0.1 else 2}f} times the average of {told}"


def points(value: float) -> str:
    """Points with one decimal.

    >>> points(62.44), points(-0.04), points(-3.2) == MINUS + "3.2"
    ('62.4', '0.0', True)
    """
    return _tidy(f"{value:.1f}")


def whole_points(value: float) -> str:
    """Points without decimals, where a glance has to do."""
    return _tidy(f"{value:.0f}")


def signed(value: float) -> str:
    """A difference in points.

    >>> signed(12.1), signed(-3.24) == MINUS + "3.2", signed(0.01)
    ('+12.1', True, '0.0')
    """
    told = points(value)
    return f"+{told}" if value > 0 and told != "0.0" else told


def whole(count: float) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def instant(text: str) -> int:
    """Microseconds of an ISO instant, as answers hold them."""
    return micros(datetime.fromisoformat(text))


def moment(text: str, zone: ZoneInfo) -> str:
    """An ISO instant as people of the business read it.

    >>> moment("2025-07-28T14:05:00Z", ZoneInfo("America/New_York"))
    '28 Jul 2025, 10:05 EDT'
    """
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def minute(text: str, zone: ZoneInfo) -> str:
    """An ISO instant where the zone is known, as in a list.

    >>> minute("2025-07-28T14:05:00Z", ZoneInfo("America/New_York"))
    '28 Jul 2025, 10:05'
    """
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def day(text: str, zone: ZoneInfo) -> str:
    """The day of an ISO instant.

    >>> day("2025-07-28T01:05:00Z", ZoneInfo("America/New_York"))
    '27 Jul 2025'
    """
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def ago(then: int, now: int) -> str:
    """How long ago an instant was (microseconds).

    >>> ago(0, 90 * SECOND), ago(0, 3 * HOUR), ago(0, 40 * DAY)
    ('1 minute ago', '3 hours ago', '40 days ago')
    """
    passed = max(now - then, 0)
    if passed < 60 * SECOND:
        return "just now"
    for unit, name in ((2 * DAY, "day"), (HOUR, "hour"), (60 * SECOND, "minute")):
        if passed >= unit:
            return f"{plural(passed // (DAY if name == 'day' else unit), name)} ago"
    return "just now"


def plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "day"), plural(3, "day")
    ('1 day', '3 days')
    """
    return f"{count} {noun}" if count == 1 else f"{whole(count)} {noun}s"


def sentence(words: str) -> str:
    """First letter large, full stop behind.

    >>> sentence("leads scored like this: 12 % became SQL")
    'Leads scored like this: 12 % became SQL.'
    """
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) or not words else ".")


def plain(word: str) -> str:
    """A word of a system as people say it.

    >>> plain("assay_development")
    'assay development'
    """
    return word.replace("_", " ")


def _tidy(number: str) -> str:
    return number.lstrip("-") if float(number) == 0 else number.replace("-", MINUS)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))

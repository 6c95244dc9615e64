"""Points, factors and ranges as the pages write them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from pipelines.points.schema_judged import Conversion, Cutoff, Handover, Period
from pipelines.reporting.schema import Estimate
from pipelines.reporting.words import UNDEFINED, percent

Say = Callable[[float | None], str]

MINUS: Final = "\N{MINUS SIGN}"


def points(value: float | None) -> str:
    """Signed points.

    >>> points(25.0), points(7.5), points(0.0)
    ('+25', '+7.5', '0')
    """
    if value is None:
        return UNDEFINED
    return f"{round(value, 1) + 0.0:+g}".replace("-", MINUS) if round(value, 1) else "0"


def nearly(value: float | None) -> str:
    """Signed points, whole.

    >>> nearly(19.6)
    '+20'
    """
    return UNDEFINED if value is None else points(round(value))


def total(value: float | None) -> str:
    """A total of points, a plus left out.

    >>> total(35.0), total(12.25)
    ('35', '12.2')
    """
    return UNDEFINED if value is None else f"{round(value, 1) + 0.0:g}".replace("-", MINUS)


def factor(value: float | None) -> str:
    """How many times.

    >>> factor(2.914)[:3]
    '2.9'
    """
    return UNDEFINED if value is None else f"{value:.2g}\N{MULTIPLICATION SIGN}"


def number(value: float | None) -> str:
    """A count a week; tenths where they matter.

    >>> number(3.04), number(41.3)
    ('3.0', '41')
    """
    if value is None:
        return UNDEFINED
    return f"{value:.{0 if abs(value) >= 9.95 or not value else 1}f}".replace("-", MINUS)


def share(value: float | None) -> str:
    """A share in percent, tenths below ten."""
    return percent(value, 1 if value is not None and 0.0 < abs(value) < 0.0995 else 0)


def rank(value: float | None) -> str:
    """ROC-AUC and the like."""
    return UNDEFINED if value is None else f"{value:.3f}".replace("-", MINUS)


def loss(value: float | None) -> str:
    """Log loss."""
    return UNDEFINED if value is None else f"{value:.4f}".replace("-", MINUS)


def more(value: float | None, say: Say) -> str:
    """A difference with its sign; of shares in percentage points.

    >>> more(0.5, number), more(0.04, share)
    ('+0.5', '+4.0 pp')
    """
    told = say(value).replace("%", "pp")
    return f"+{told}" if value is not None and value > 0.0 else told


def span(estimate: Estimate, say: Say) -> str:
    """The interval, in as few signs as say it."""
    if estimate.low is None or estimate.high is None:
        return ""
    low = say(estimate.low).removesuffix(" %").removesuffix("\N{MULTIPLICATION SIGN}")
    return f"{low} to {say(estimate.high)}"


def ends(low: float, high: float, say: Say) -> str:
    """An interval by its ends."""
    return span(Estimate(value=None, low=low, high=high), say)


def odds(log_odds: float | None) -> str:
    """Log-odds as a factor on the odds.

    >>> odds(0.0)[:1]
    '1'
    """
    return factor(None if log_odds is None else math.exp(log_odds))


def told(estimate: Estimate, say: Say) -> str:
    """A value with its interval.

    >>> told(Estimate(value=0.21, low=0.17, high=0.25), share)
    '21 % (17 to 25 %)'
    """
    said, interval = say(estimate.value), span(estimate, say)
    return f"{said} ({interval})" if interval else said


def sure(estimate: Estimate) -> bool:
    """Whether an interval of a difference leaves out 0."""
    return (estimate.low or 0.0) > 0.0 or (estimate.high or 0.0) < 0.0


def rest(sentence: str, title: str) -> str:
    """Sentences without a first one that only repeats their title.

    >>> rest("Asked for a quote. It held for 200 leads.", "asked for a quote")
    'It held for 200 leads.'
    """
    said, follows, after = sentence.partition(". ")
    return after if follows and said.casefold() == title.casefold() else sentence


def line_title(part: Conversion) -> str:
    """Name of the leads on both sides of a threshold."""
    return "all leads" if part.service_line is None else part.service_line or "no service line"


def rule_of(part: Conversion) -> str:
    """Where leads are handed over today."""
    return "today's rule for MQLs" if part.threshold is None else total(part.threshold)


def work(period: Period) -> str:
    """Whose number of leads a week it is at which all are compared."""
    return "sales can work" if period.capacity_per_week is not None else "today's sheet hands over"


def mark(cutoff: Cutoff) -> str:
    """What is special about a threshold."""
    marks = ["today's threshold"] if cutoff.today else []
    return ", ".join([*marks, *(["fills the week of sales"] if cutoff.at_capacity else [])])


def moved(movers: Handover, what: str) -> str:
    """How many move, and how good they are."""
    if not movers.per_week.value:
        return f"None {what}."
    return (
        f"{number(movers.per_week.value)} a week {what}; {told(movers.precision, share)} of those became SQL."
    )


def unseen(period: Period) -> str:
    """How much is known of leads that today's sheet does not hand over."""
    below, above = period.unworked_below, period.unworked_above
    if below is None:
        return "Today's sheet hands over every lead, so nothing hides among the others."
    if not below and not above:
        return "Every lead counts as worked by sales, handed over by today's sheet or not."
    beside = f", against {share(above)} of those it does" if above is not None else ""
    return (
        f"Sales never touched {share(below)} of the leads that today's sheet does not hand over{beside}. "
        "Those have no outcome and are left out; for the others, sales may have tried less hard."
    )

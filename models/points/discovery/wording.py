"""What a rule asks for, in words: for the names and sentences of rules that a machine proposes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from features.definitions import Feature
from features.sentences import Phrases, title
from features.sheet import Decay, RuleTest

MOST_WORDS: Final = 4
"""Of more words than this, the first ones are named and the others counted."""


def said(test: RuleTest, phrases: Phrases, decay: Decay | None = None) -> str:
    """What a test asks for.

    >>> said(RuleTest(event="quote_tool", days=14), {"quote_tool": ("quote", "quotes asked for")})
    'quotes asked for in the last 14 days'
    >>> said(RuleTest(attribute="employees", at_least=200, below=5000), {})
    'employees from 200 to below 5,000'
    """
    if test.attribute is not None:
        return _of_attribute(test, phrases)
    counted = title(Feature("count", test.selection, days=test.days or test.silent_days), phrases)
    if test.silent_days is not None:
        return f"no {counted}"
    often = f"at least {test.times} {counted}" if test.times > 1 else counted
    return f"{often.removesuffix(' so far')}, {wears_off(decay)}" if decay else often


def wears_off(decay: Decay) -> str:
    """How points wear off.

    >>> wears_off(Decay(half_life_days=30))
    'half as much after 30 days'
    """
    if decay.half_life_days is not None:
        return f"half as much after {_days(decay.half_life_days)}"
    if decay.linear_days is not None:
        return f"evenly less until {_days(decay.linear_days)}"
    steps = decay.steps or {}
    return ", ".join(f"{share:.0%} after {_days(days)}" for days, share in steps.items())


def timing(test: RuleTest, decay: Decay | None = None) -> str:
    """When a rule of events counts them.

    >>> timing(RuleTest(event="visit", days=7))
    'in the last 7 days'
    """
    if decay is not None:
        return wears_off(decay)
    if test.silent_days is not None:
        return f"silent for {_days(test.silent_days)}"
    return (
        "so far" if test.days is None else f"in the last {_days(test.days)}".replace("last 1 day", "last day")
    )


def times_as_likely(odds: float) -> str:
    """A factor of odds, never with more digits than it is sure of."""
    return f"{odds:.1f}" if odds >= 0.95 else f"{odds:.2f}"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _of_attribute(test: RuleTest, phrases: Phrases) -> str:
    number = test.has_range
    asked = Feature("latest_number" if number else "latest", field=test.attribute, scope=test.entity)
    name = title(replace(asked, signal="fit"), phrases)
    parts = [f"{name}: {_listed(test.one_of or test.contains, test)}"] if test.has_words else []
    return " and ".join([*parts, f"{name} {_between(test)}"] if number else parts)


def _listed(words: tuple[str, ...], test: RuleTest) -> str:
    named = [*words[:MOST_WORDS]]
    more = len(words) - len(named)
    joined = ", ".join([*named, f"{more} more"]) if more else " or ".join(named)
    return joined if test.one_of else f"has {joined} in it"


def _between(test: RuleTest) -> str:
    if test.at_least is None:
        return f"below {number(test.below or 0.0)}"
    if test.below is None:
        return f"of at least {number(test.at_least)}"
    return f"from {number(test.at_least)} to below {number(test.below)}"


def number(value: float) -> str:
    """A number as people write it; thousands are set apart where there are any.

    >>> number(12500.0), number(0.5)
    ('12,500', '0.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"

"""A plain sentence for every feature: "3 visits to the pricing page in the last 7 days"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from features.definitions import COLUMNS, Feature

Phrases = Mapping[str, tuple[str, str]]
"""Event type, stage or field -> how people say one and many of it."""

MOST_NAMED: Final = 3
"""Of more event types than this, the first ones are named and the others counted."""
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def sentence(feature: Feature, value: float | str | None, phrases: Phrases | None = None) -> str:
    """What the value of a feature says about a lead.

    Args:
        feature: the definition.
        value: its value; ``None`` or NaN is missing; a word for a category.
        phrases: the playbook's words.

    >>> from features.language import count, latest, recency
    >>> [visits], [seen], [industry] = count("pricing_view", days=7), recency(), latest("industry")
    >>> say = {"pricing_view": ("visit to the pricing page", "visits to the pricing page")}
    >>> sentence(visits, 3.0, say)
    '3 visits to the pricing page in the last 7 days'
    >>> sentence(visits, 0.0, say)
    'no visits to the pricing page in the last 7 days'
    >>> sentence(seen, 0.5)
    'last activity 12 hours ago'
    >>> sentence(industry, None)
    'industry is not known'
    """
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    said = _SAY[feature.statistic](feature, None if missing else value, phrases or {})
    return f"{said} (other contacts of the account)" if _is_of_others(feature) else said


def title(feature: Feature, phrases: Phrases | None = None) -> str:
    """What a feature is, without a value; for axes and tables.

    >>> from features.language import count
    >>> title(count("pricing_view", days=7)[0])
    'pricing views in the last 7 days'
    """
    phrases = phrases or {}
    said = _TITLES[feature.statistic](feature, phrases)
    return f"{said} (other contacts of the account)" if _is_of_others(feature) else said


def _is_of_others(feature: Feature) -> bool:
    by_itself = ("latest", "latest_number", "attribute_age", "account_size")
    return feature.scope == "account" and feature.statistic not in by_itself


def _plain(word: str) -> str:
    return word.replace("_", " ")


def _plural(noun: str) -> str:
    if noun.endswith("s"):
        return noun
    if noun.endswith(("sh", "ch", "x")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def _kind(kind: str, phrases: Phrases) -> tuple[str, str]:
    """How people say one and many events of a type."""
    plain = _plain(kind)
    return phrases.get(kind, (plain, _plural(plain)))


def _noun(feature: Feature, phrases: Phrases, *, many: bool) -> str:
    """How people say the rows that a feature counts."""
    said = [_kind(kind, phrases)[many] for kind in feature.where.type]
    if len(said) > MOST_NAMED:
        said = [", ".join(said[: MOST_NAMED - 1]), f"{len(said) - MOST_NAMED + 1} other kinds"]
    parts = [" or ".join(said) if said else ("activity", "activities")[many]]
    wishes = {column: " or ".join(map(_plain, getattr(feature.where, column))) for column in COLUMNS[1:]}
    marks = " and ".join(f"{column} {words}" for column, words in wishes.items() if words)
    parts += [f"with {marks}"] if marks else []
    low, high = feature.where.at_least, feature.where.below
    limits = [f"of at least {low:g}"] if low is not None else []
    limits += [f"below {high:g}"] if high is not None else []
    return " ".join([*parts, " and ".join(limits)]).rstrip()


def _window(days: int | None) -> str:
    if days is None:
        return "so far"
    return "in the last day" if days == 1 else f"in the last {days} days"


def _field(feature: Feature, phrases: Phrases) -> str:
    name = str(feature.field)
    plain = f"{_plain(name)} of the account" if feature.scope == "account" else _plain(name)
    return phrases.get(name, (plain,))[0]


def _ago(days: float) -> str:
    if days < 1 / 24:
        return "less than an hour"
    if days < 2:
        hours = round(days * 24)
        return "1 hour" if hours == 1 else f"{hours} hours"
    return f"{days:.0f} days"


def _amount(value: float) -> str:
    """A number; thousands are set apart from 10,000 on, as four digits may be a year."""
    value = float(str(np.float32(value)))  # the number as it was written, not its nearest float32
    decimals = 0 if abs(value) >= 100 or float(value).is_integer() else 2
    return f"{value:,.{decimals}f}" if abs(value) >= 10_000 else f"{value:.{decimals}f}"


Value = float | str | None
Say = Callable[[Feature, Value, Phrases], str]


def _count(feature: Feature, value: Value, phrases: Phrases) -> str:
    number = int(float(value or 0))
    counted = f"{number:,}" if number else "no"
    return f"{counted} {_noun(feature, phrases, many=number != 1)} {_window(feature.days)}"


def _active_days(feature: Feature, value: Value, phrases: Phrases) -> str:
    number = int(float(value or 0))
    days = "1 day" if number == 1 else f"{number or 'no'} days"
    return f"{days} with {_noun(feature, phrases, many=True)} {_window(feature.days)}"


def _distinct(feature: Feature, value: Value, phrases: Phrases) -> str:
    number = int(float(value or 0))
    field = _plain(str(feature.field))
    words = f"1 {field}" if number == 1 else f"{number or 'no'} different {_plural(field)}"
    return f"{words} among {_noun(feature, phrases, many=True)} {_window(feature.days)}"


def _of_values(what: str) -> Say:
    def say(feature: Feature, value: Value, phrases: Phrases) -> str:
        noun, window = _noun(feature, phrases, many=True), _window(feature.days)
        if value is None:
            return f"no {noun} with a value {window}"
        return f"{what} value of {noun} {window} is {_amount(float(value))}"

    return say


def _trend(feature: Feature, value: Value, phrases: Phrases) -> str:
    rate = float(value or 0.0)
    direction = (
        "about as often as" if abs(rate) < 0.2 else "more often than" if rate > 0 else "less often than"
    )
    noun = _noun(feature, phrases, many=True)
    return f"{noun} {_window(feature.days)} {direction} {_window(feature.versus)}"


def _wearing_off(feature: Feature, phrases: Phrases) -> str:
    """The events, and how each of them comes to be worth less than a new one."""
    days = "day" if feature.days == 1 else f"{feature.days} days"
    how = f"halving every {days}" if feature.statistic == "halving" else f"fading over {days}"
    return f"{_noun(feature, phrases, many=True)}, {how.replace('over day', 'over a day')}"


def _worth(feature: Feature, value: Value, phrases: Phrases) -> str:
    worth = float(value or 0.0)
    if worth == 0.0:
        window = feature.days if feature.statistic == "fading" else None
        return f"no {_noun(feature, phrases, many=True)} {_window(window)}"
    amount = "less than 0.01" if worth < 0.01 else _amount(worth)
    return f"{_wearing_off(feature, phrases)}, are worth {amount} new {'one' if amount == '1' else 'ones'}"


def _since(which: str) -> Say:
    def say(feature: Feature, value: Value, phrases: Phrases) -> str:
        noun = _noun(feature, phrases, many=False)
        return f"no {noun} yet" if value is None else f"{which} {noun} {_ago(float(value))} ago"

    return say


def _time_in_stage(feature: Feature, value: Value, phrases: Phrases) -> str:
    return "no stage yet" if value is None else f"{_ago(float(value))} in the present stage"


def _stage_entries(feature: Feature, value: Value, phrases: Phrases) -> str:
    number = int(float(value or 0))
    times = {1: "once", 2: "twice"}.get(number, f"{number:,} times")
    stage, window = _stages(feature, phrases) or "a stage", _window(feature.days)
    return (
        f"entered {stage} {times} {window}"
        if number
        else f"never entered {stage} {window}".removesuffix(" so far")
    )


def _stages(feature: Feature, phrases: Phrases) -> str:
    return " or ".join(phrases.get(stage, (_plain(stage),))[0] for stage in feature.where.type)


def _latest(feature: Feature, value: Value, phrases: Phrases) -> str:
    name = _field(feature, phrases)
    if value is None:
        return f"{name} is not known"
    return f"{name} is {value if isinstance(value, str) else _amount(float(value))}"


def _attribute_age(feature: Feature, value: Value, phrases: Phrases) -> str:
    name = _field(feature, phrases)
    return f"{name} is not known" if value is None else f"{name} was set {_ago(float(value))} ago"


def _lead_age(feature: Feature, value: Value, phrases: Phrases) -> str:
    return "age not known" if value is None else f"created {_ago(float(value))} ago"


def _created_hour(feature: Feature, value: Value, phrases: Phrases) -> str:
    return f"created between {int(float(value or 0)):02d}:00 and {int(float(value or 0)):02d}:59"


def _created_weekday(feature: Feature, value: Value, phrases: Phrases) -> str:
    return f"created on a {WEEKDAYS[int(float(value or 0))]}"


def _account_size(feature: Feature, value: Value, phrases: Phrases) -> str:
    number = int(float(value or 0))
    return f"{number or 'no'} other contact{'' if number == 1 else 's'} of the account"


_SAY: Final[dict[str, Say]] = {
    "count": _count,
    "active_days": _active_days,
    "distinct": _distinct,
    "total": _of_values("total"),
    "mean": _of_values("mean"),
    "maximum": _of_values("largest"),
    "trend": _trend,
    "fading": _worth,
    "halving": _worth,
    "recency": _since("last"),
    "first_seen": _since("first"),
    "time_in_stage": _time_in_stage,
    "stage_entries": _stage_entries,
    "latest": _latest,
    "latest_number": _latest,
    "attribute_age": _attribute_age,
    "lead_age": _lead_age,
    "created_hour": _created_hour,
    "created_weekday": _created_weekday,
    "account_size": _account_size,
}

_TITLES: Final[dict[str, Callable[[Feature, Phrases], str]]] = {
    "count": lambda f, p: f"{_noun(f, p, many=True)} {_window(f.days)}",
    "active_days": lambda f, p: f"days with {_noun(f, p, many=True)} {_window(f.days)}",
    "distinct": lambda f, p: (
        f"different {_plural(_plain(str(f.field)))} among {_noun(f, p, many=True)} {_window(f.days)}"
    ),
    "total": lambda f, p: f"total value of {_noun(f, p, many=True)} {_window(f.days)}",
    "mean": lambda f, p: f"mean value of {_noun(f, p, many=True)} {_window(f.days)}",
    "maximum": lambda f, p: f"largest value of {_noun(f, p, many=True)} {_window(f.days)}",
    "trend": lambda f, p: f"trend of {_noun(f, p, many=True)}, {f.days} against {f.versus} days",
    "fading": _wearing_off,
    "halving": _wearing_off,
    "recency": lambda f, p: f"time since the last {_noun(f, p, many=False)}",
    "first_seen": lambda f, p: f"time since the first {_noun(f, p, many=False)}",
    "time_in_stage": lambda f, p: "time in the present stage",
    "stage_entries": lambda f, p: f"entries into {_stages(f, p) or 'any stage'} {_window(f.days)}",
    "latest": _field,
    "latest_number": _field,
    "attribute_age": lambda f, p: f"time since {_field(f, p)} was set",
    "lead_age": lambda f, p: "age of the lead",
    "created_hour": lambda f, p: "hour of creation",
    "created_weekday": lambda f, p: "weekday of creation",
    "account_size": lambda f, p: "other contacts of the account",
}

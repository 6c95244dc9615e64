"""The feature language: words that make definitions. Each gives a list, so sets are joined with ``+``.

>>> features = count("pricing_view", days=(7, 30)) + recency() + latest("industry")
>>> [feature.name for feature in features]
['count(pricing_view, 7d)', 'count(pricing_view, 30d)', 'recency(any, all)', 'latest(industry)']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from features.definitions import COLUMNS, EVENT_STATISTICS, WINDOWS, Feature, Signal, Statistic, Where
from features.errors import DefinitionError

Words = str | tuple[str, ...] | None
Days = int | None | tuple[int | None, ...]


def _words(words: Words) -> tuple[str, ...]:
    return () if words is None else (words,) if isinstance(words, str) else tuple(words)


def where(type: Words = None, **others: Any) -> Where:  # noqa: A002 - the column is called type
    """Select rows; ``"any"`` or ``None`` accepts every type.

    >>> str(where("visit", topic=("pricing", "demo")))
    'visit, topic=pricing+demo'
    """
    words: dict[str, Any] = {k: _words(v) if k in COLUMNS else v for k, v in others.items()}
    return Where(type=() if type in ("any", None) else _words(type), **words)


def _windowed(statistic: Statistic, type: Words, days: Days, **rest: Any) -> list[Feature]:  # noqa: A002
    options = {k: rest.pop(k) for k in ("signal", "explicit", "field", "versus") if k in rest}
    rows = where(type, **rest)
    lengths = days if isinstance(days, tuple) else (days,)
    return [Feature(statistic, rows, days=length, **options) for length in lengths]


def count(type: Words = "any", *, days: Days = WINDOWS, **rest: Any) -> list[Feature]:  # noqa: A002
    """How many events; ``rest`` takes topic, channel, campaign, source, at_least, below, signal, explicit."""
    return _windowed("count", type, days, **rest)


def active_days(type: Words = "any", *, days: Days = WINDOWS, **rest: Any) -> list[Feature]:  # noqa: A002
    """On how many UTC days there was an event."""
    return _windowed("active_days", type, days, **rest)


def total(type: Words = "any", *, days: Days = WINDOWS, **rest: Any) -> list[Feature]:  # noqa: A002
    """Sum of the values (each to a millionth, so that the order of rows cannot matter)."""
    return _windowed("total", type, days, **rest)


def mean(type: Words = "any", *, days: Days = WINDOWS, **rest: Any) -> list[Feature]:  # noqa: A002
    """Mean of the values of the events that have one."""
    return _windowed("mean", type, days, **rest)


def maximum(type: Words = "any", *, days: Days = WINDOWS, **rest: Any) -> list[Feature]:  # noqa: A002
    """Largest value."""
    return _windowed("maximum", type, days, **rest)


def distinct(column: str, type: Words = "any", *, days: Days = WINDOWS, **rest: Any) -> list[Feature]:  # noqa: A002
    """How many different words of ``column`` (topic, channel, campaign, source or type)."""
    return _windowed("distinct", type, days, field=column, **rest)


def trend(type: Words = "any", *, days: int = 7, versus: int = 30, **rest: Any) -> list[Feature]:  # noqa: A002
    """Is the lead warming up? log(((short + .5) / days) / ((long + .5) / versus)), 0 without events."""
    return _windowed("trend", type, days, versus=versus, **rest)


def fading(type: Words = "any", *, days: Days, **rest: Any) -> list[Feature]:  # noqa: A002
    """Events of the last ``days``, each worth ``1 - age / days``."""
    return _windowed("fading", type, days, **rest)


def halving(type: Words = "any", *, days: Days, **rest: Any) -> list[Feature]:  # noqa: A002
    """Events of all of the past, each worth ``2 ** -(age / days)``; ``days`` is the half-life."""
    return _windowed("halving", type, days, **rest)


def recency(type: Words = "any", **rest: Any) -> list[Feature]:  # noqa: A002
    """Days since the last event."""
    return _windowed("recency", type, None, **{"signal": "timing", **rest})


def first_seen(type: Words = "any", **rest: Any) -> list[Feature]:  # noqa: A002
    """Days since the first event."""
    return _windowed("first_seen", type, None, **{"signal": "timing", **rest})


def time_in_stage(*, signal: Signal = "timing") -> list[Feature]:
    """Days since the latest stage was entered."""
    return [Feature("time_in_stage", signal=signal)]


def stage_entries(stage: Words = "any", *, days: Days = None, signal: Signal = "timing") -> list[Feature]:
    """How often a stage was entered."""
    return _windowed("stage_entries", stage, days, signal=signal)


def latest(name: str, *, entity: Literal["lead", "account"] = "lead", **rest: Any) -> list[Feature]:
    """The word that an attribute held, as known."""
    return [Feature("latest", field=name, scope=entity, **{"signal": "fit", "explicit": True, **rest})]


def latest_number(name: str, *, entity: Literal["lead", "account"] = "lead", **rest: Any) -> list[Feature]:
    """The number that an attribute held, as known; a value that is no number is missing."""
    return [Feature("latest_number", field=name, scope=entity, **{"signal": "fit", "explicit": True, **rest})]


def attribute_age(name: str, *, entity: Literal["lead", "account"] = "lead", **rest: Any) -> list[Feature]:
    """Days since the value that ``latest`` sees was set."""
    return [Feature("attribute_age", field=name, scope=entity, **{"signal": "timing", **rest})]


def account(features: Sequence[Feature]) -> list[Feature]:
    """The same event statistics over the *other* contacts of the lead's account.

    >>> [feature.name for feature in account(count(days=30))]
    ['account(count(any, 30d))']
    """
    wrong = [feature.name for feature in features if feature.statistic not in EVENT_STATISTICS]
    if wrong:
        raise DefinitionError("only statistics of events have an account side", wrong)
    return [replace(feature, scope="account", signal="account") for feature in features]


def account_size() -> list[Feature]:
    """How many other contacts of the account had been created."""
    return [Feature("account_size", scope="account", signal="account")]


def lead_age() -> list[Feature]:
    """Days since the lead was created."""
    return [Feature("lead_age", signal="timing")]


def created_hour() -> list[Feature]:
    """Hour of the day, in the playbook's time zone, at which the lead was created."""
    return [Feature("created_hour", signal="timing")]


def created_weekday() -> list[Feature]:
    """Day of the week, in the playbook's time zone, on which the lead was created."""
    return [Feature("created_weekday", signal="timing")]

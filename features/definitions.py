"""What a feature is: a definition that says what to look at, never how to compute it.

``features.language`` has the words to write them with; a feature set is a plain list, saved as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal

from typing_extensions import override

from features.errors import DefinitionError

Signal = Literal["fit", "engagement", "intent", "timing", "account"]

SIGNALS: Final[tuple[Signal, ...]] = ("fit", "engagement", "intent", "timing", "account")
WINDOWS: Final[tuple[int | None, ...]] = (1, 7, 30, 90, None)
"""Default windows in days; ``None`` is all of the past."""

COLUMNS: Final = ("type", "topic", "channel", "campaign", "source")
"""Columns of an event that a feature may select on."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which rows count: each named column must hold one of the words, the value must lie in a range.

    An empty tuple accepts every word, missing ones included. ``at_least <= value < below``; a row
    without a value never passes a range.
    """

    type: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    campaign: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    at_least: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise DefinitionError(f"no value is at least {self.at_least:g} and below {self.below:g}")

    @override
    def __str__(self) -> str:
        parts = ["+".join(self.type) or "any"]
        parts += [
            f"{column}={'+'.join(getattr(self, column))}" for column in COLUMNS[1:] if getattr(self, column)
        ]
        parts += [f"value>={_exact(self.at_least)}"] if self.at_least is not None else []
        parts += [f"value<{_exact(self.below)}"] if self.below is not None else []
        return ", ".join(parts)


def _exact(limit: float) -> str:
    """Short where that says it all: two limits never share a name."""
    short = f"{limit:g}"
    return short if float(short) == limit else repr(float(limit))


Statistic = Literal[
    "count", "active_days", "total", "mean", "maximum", "distinct", "trend", "fading", "halving",
    "recency", "first_seen", "time_in_stage", "stage_entries", "latest", "latest_number", "attribute_age",
    "lead_age", "created_hour", "created_weekday", "account_size",
]  # fmt: skip

UNITS: Final[dict[str, str]] = {
    "count": "events",
    "active_days": "days with an event",
    "total": "sum of values",
    "mean": "mean value",
    "maximum": "largest value",
    "distinct": "different words",
    "trend": "log of the short daily rate over the long one, each with half an event added",
    "fading": "events, each worth less the older it is: 1 when new, 0 at the end of the window",
    "halving": "events, each worth half as much after the days named, again after as many, and so on",
    "recency": "days since the last event",
    "first_seen": "days since the first event",
    "time_in_stage": "days since the latest stage was entered",
    "stage_entries": "entries",
    "latest": "word",
    "latest_number": "number",
    "attribute_age": "days since the value was set",
    "lead_age": "days since the lead was created",
    "created_hour": "hour of the day, 0 to 23",
    "created_weekday": "day of the week, Monday is 0",
    "account_size": "other contacts of the account",
}
"""Every statistic of the language and the unit of its value."""

WINDOWED: Final = frozenset(
    {"count", "active_days", "total", "mean", "maximum", "distinct", "trend", "fading", "stage_entries"}
)
ZERO_IF_NONE: Final = frozenset(
    {
        "count",
        "active_days",
        "total",
        "distinct",
        "trend",
        "fading",
        "halving",
        "stage_entries",
        "account_size",
    }
)
"""Statistics that are 0 where there is no evidence; all others are missing (NaN)."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a matrix: a statistic of the rows known before ``as_of``.

    Attributes:
        statistic: what is computed; its unit is in ``UNITS``.
        where: which rows count (for stages: ``where.type`` holds stage names).
        days: length of the window ``[as_of - days, as_of)``; ``None`` is all of the past. For ``halving`` the
            half-life, over all of the past.
        versus: for a trend, the days of the long window.
        field: the column counted by ``distinct``, the attribute read by ``latest``.
        scope: ``lead``: the lead's own rows; ``account``: for events, the rows of the *other*
            contacts of its account; for attributes, the facts of the account.
        signal: the business group. explicit: said on a form (True) or done (False).
    """

    statistic: Statistic
    where: Where = field(default_factory=Where)
    days: int | None = None
    versus: int | None = None
    field: str | None = None
    scope: Literal["lead", "account"] = "lead"
    signal: Signal = "engagement"
    explicit: bool = False

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise DefinitionError(f"feature {self.name} cannot be meant", problems)

    @property
    def name(self) -> str:
        """Column name, computed from the definition; unit and window are in it."""
        inner = [self.field] if self.field else []
        if self.statistic in EVENT_STATISTICS or self.statistic == "stage_entries":
            inner.append(str(self.where))
        if self.statistic in WINDOWED or self.statistic in ("recency", "first_seen"):
            inner.append("all" if self.days is None else f"{self.days}d")
        if self.statistic == "halving":
            inner.append(f"half-life {self.days}d")
        if self.versus is not None:
            inner.append(f"vs {self.versus}d")
        name = f"{self.statistic}({', '.join(inner)})"
        return f"account({name})" if self.scope == "account" else name

    @property
    def is_category(self) -> bool:
        """Whether the value is a word."""
        return self.statistic == "latest"

    @property
    def if_none(self) -> float:
        """Value where there is no evidence."""
        return 0.0 if self.statistic in ZERO_IF_NONE else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Plain data, defaults left out."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "where"}
        where = {
            k: list(v) if isinstance(v, tuple) else v
            for k, v in asdict(self.where).items()
            if v not in ((), None)
        }
        return {k: v for k, v in plain.items() if v is not None} | ({"where": where} if where else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Feature:
        """Inverse of ``to_json``.

        >>> from features.language import count
        >>> [feature] = count("visit", days=7)
        >>> Feature.from_json(feature.to_json()) == feature
        True
        """
        where: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.get("where", {}).items()
        }
        return cls(**{**data, "where": Where(**where)})


EVENT_STATISTICS: Final = frozenset(
    {
        *("count", "active_days", "total", "mean", "maximum", "distinct", "trend"),
        *("fading", "halving", "recency", "first_seen"),
    }
)


_OF_ATTRIBUTES: Final = frozenset({"latest", "latest_number", "attribute_age"})


def _problems(feature: Feature) -> Iterable[str]:
    if feature.statistic not in UNITS:
        yield f"there is no statistic {feature.statistic!r}; there are {', '.join(UNITS)}"
        return
    yield from _missing(feature)
    yield from _without_effect(feature)


def _missing(feature: Feature) -> Iterable[str]:
    if feature.days is not None and feature.days < 1:
        yield f"a window needs at least one day, got {feature.days}"
    if feature.signal not in SIGNALS:
        yield f"there is no signal {feature.signal!r}; there are {', '.join(SIGNALS)}"
    if feature.statistic == "trend" and (
        feature.days is None or feature.versus is None or feature.versus <= feature.days
    ):
        yield "a trend compares a short window with a longer one, both in days"
    if feature.statistic in ("fading", "halving") and feature.days is None:
        yield f"{feature.statistic} needs days"
    if feature.statistic == "distinct" and feature.field not in COLUMNS:
        yield f"distinct counts one of {', '.join(COLUMNS)}, not {feature.field!r}"
    if feature.statistic in _OF_ATTRIBUTES and not feature.field:
        yield "name the attribute"


def _without_effect(feature: Feature) -> Iterable[str]:
    """Parts of a definition that the statistic would not look at: its name would promise what it does not do."""
    statistic = feature.statistic
    if feature.days is not None and statistic not in WINDOWED and statistic != "halving":
        yield f"{statistic} looks at all of the past and takes no window"
    if feature.versus is not None and statistic != "trend":
        yield f"{statistic} takes no second window"
    if feature.field is not None and statistic != "distinct" and statistic not in _OF_ATTRIBUTES:
        yield f"{statistic} reads no field"
    if feature.where != Where() and statistic not in EVENT_STATISTICS | {"stage_entries"}:
        yield f"{statistic} selects no rows"
    if statistic == "stage_entries" and feature.where != Where(type=feature.where.type):
        yield "stage_entries selects stages only"
    if feature.scope not in _scopes(statistic):
        yield f"{statistic} has no {feature.scope} side"


def _scopes(statistic: str) -> tuple[str, ...]:
    if statistic == "account_size":
        return ("account",)
    return ("lead", "account") if statistic in EVENT_STATISTICS | _OF_ATTRIBUTES else ("lead",)


def feature_set(features: Iterable[Feature | Iterable[Feature]]) -> list[Feature]:
    """``features`` in order, each once, lists within unrolled; two definitions under one name are refused.

    >>> from features.language import count, recency
    >>> [feature.name for feature in feature_set([count("visit", days=7), *recency()])]
    ['count(visit, 7d)', 'recency(any, all)']
    """
    by_name: dict[str, Feature] = {}
    flat = [f for part in features for f in ([part] if isinstance(part, Feature) else part)]
    clashes = [f.name for f in flat if by_name.setdefault(f.name, f) != f]
    if clashes:
        raise DefinitionError("one name stands for two definitions", clashes)
    return list(by_name.values())

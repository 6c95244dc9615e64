"""The default feature set: it picks itself from what a history holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from features.attributes import number
from features.definitions import Feature, Signal, feature_set
from features.errors import DefinitionError
from features.history import History, Stream
from features.language import (
    account,
    account_size,
    active_days,
    attribute_age,
    count,
    created_hour,
    created_weekday,
    distinct,
    first_seen,
    latest,
    latest_number,
    lead_age,
    maximum,
    recency,
    stage_entries,
    time_in_stage,
    total,
    trend,
)
from features.matrix import Ints
from features.playbook import Playbook

INTENT_WORDS: Final = (
    "pricing",
    "price",
    "demo",
    "quote",
    "trial",
    "contact",
    "sales",
    "request",
    "buy",
    "sample",
)
"""Parts of an event type that mean intent, where the playbook does not say."""
EXPLICIT_WORDS: Final = ("form", "request", "survey", "reply", "call", "meeting")
"""Parts of an event type that mean the lead said something, where the playbook does not say."""

LEAST_LEADS: Final = 30
"""An event type, topic or channel seen on fewer leads than this gets no feature of its own."""
MOST_TYPES: Final = 40
MOST_TOPICS: Final = 20
MOST_CHANNELS: Final = 10
MOSTLY_NUMBERS: Final = 0.95

Entity = Literal["lead", "account"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a history holds, counted; profiles of buckets add up.

    Attributes:
        types, topics, channels, sources: leads that have such an event.
        valued: leads that have an event of the type with a value.
        fields: (entity, field) -> [rows, rows with a number, entities with more than one row].
        stages: leads that entered the stage. in_accounts: leads that share an account with another.
    """

    types: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    valued: Counter[str] = field(default_factory=Counter)
    fields: Mapping[tuple[Entity, str], tuple[int, int, int]] = field(default_factory=dict)
    stages: Counter[str] = field(default_factory=Counter)
    in_accounts: int = 0

    def __add__(self, other: Profile) -> Profile:
        keys = {**self.fields, **other.fields}
        none = (0, 0, 0)
        fields: dict[tuple[Entity, str], tuple[int, int, int]] = {}
        for key in keys:
            a, b = self.fields.get(key, none), other.fields.get(key, none)
            fields[key] = (a[0] + b[0], a[1] + b[1], a[2] + b[2])
        return Profile(
            self.types + other.types,
            self.topics + other.topics,
            self.channels + other.channels,
            self.sources + other.sources,
            self.valued + other.valued,
            fields,
            self.stages + other.stages,
            self.in_accounts + other.in_accounts,
        )


def profile(history: History) -> Profile:
    """Count what a history holds."""
    events = history.events
    sizes = np.bincount(history.account[history.account >= 0], minlength=len(history.account_ids))
    with_value = np.flatnonzero(~np.isnan(events.value))
    return Profile(
        types=_leads_with(events, "type"),
        topics=_leads_with(events, "topic"),
        channels=_leads_with(events, "channel"),
        sources=_leads_with(events, "source"),
        valued=_leads_with(events, "type", with_value),
        fields={**_fields(history.lead_attributes, "lead"), **_fields(history.account_attributes, "account")},
        stages=_leads_with(history.stages, "type"),
        in_accounts=int(sizes[sizes > 1].sum()),
    )


def _leads_with(stream: Stream, name: str, rows: Ints | slice = slice(None)) -> Counter[str]:
    column = stream.columns[name]
    codes, owner = column.codes[rows].astype(np.int64), stream.owner[rows].astype(np.int64)
    pairs = np.unique(codes * (int(owner.max(initial=0)) + 1) + owner)
    number = np.bincount(pairs // (int(owner.max(initial=0)) + 1), minlength=len(column.words))
    return Counter({word: int(n) for word, n in zip(column.words[1:], number[1:], strict=True) if n})


def _fields(stream: Stream, entity: Entity) -> dict[tuple[Entity, str], tuple[int, int, int]]:
    names, values = stream.columns["field"], stream.columns["value"]
    numeric = ~np.isnan([number(word) for word in values.words])
    entities = np.repeat(np.arange(len(stream.starts) - 1), np.diff(stream.starts))
    found: dict[tuple[Entity, str], tuple[int, int, int]] = {}
    for code, name in enumerate(names.words[1:], start=1):
        rows = np.flatnonzero((names.codes == code) & (values.codes > 0))
        _, per_entity = np.unique(entities[rows], return_counts=True)
        repeated = int((per_entity > 1).sum())
        found[entity, name] = (len(rows), int(numeric[values.codes[rows]].sum()), repeated)
    return found


def catalogue(held: Profile, playbook: Playbook, current_only: Collection[str] = ()) -> list[Feature]:
    """The default features for a history.

    Args:
        held: what the history holds.
        playbook: says what means intent, what is explicit, which fields are excluded or excused.
        current_only: fields of which an export only had today's value; left out unless excused by name.
    """
    refused = set(playbook.attributes.exclude) | (set(current_only) - set(playbook.attributes.excuse))
    return feature_set(
        [
            *_of_any_event(held),
            *_of_types(held, playbook),
            *_of_columns(held),
            *_of_attributes(held, refused),
            *_of_account(held, playbook),
            *_of_time(held, playbook),
        ]
    )


def _common(counts: Mapping[str, int], most: int) -> list[str]:
    """Words on enough leads, the commonest first (ties by name)."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, leads in ranked[:most] if leads >= LEAST_LEADS]


def _of_any_event(held: Profile) -> Iterable[Feature]:
    if not held.types:
        return []
    return [*count(), *active_days(), *trend(), *recency(), *first_seen(), *distinct("type", days=(30, None))]


def signal_of(event_type: str, playbook: Playbook) -> Signal:
    """Intent or engagement: as the playbook lists it, else by the words in the name."""
    if playbook.intent_events:
        return "intent" if event_type in playbook.intent_events else "engagement"
    return "intent" if any(word in event_type.lower() for word in INTENT_WORDS) else "engagement"


def is_explicit(event_type: str, playbook: Playbook) -> bool:
    """Whether the lead said something, as the playbook lists it, else by the words in the name."""
    if playbook.explicit_events:
        return event_type in playbook.explicit_events
    return any(word in event_type.lower() for word in EXPLICIT_WORDS)


def _of_types(held: Profile, playbook: Playbook) -> Iterable[Feature]:
    kinds = {kind: leads for kind, leads in held.types.items() if kind != "any"}  # the word for all of them
    for kind in _common(kinds, MOST_TYPES):
        signal = signal_of(kind, playbook)
        said = is_explicit(kind, playbook)
        yield from count(kind, signal=signal, explicit=said)
        yield from recency(kind, signal=signal, explicit=said)
        if held.valued[kind] >= LEAST_LEADS:
            yield from total(kind, days=(30, None), signal=signal, explicit=said)
            yield from maximum(kind, days=None, signal=signal, explicit=said)


def _of_columns(held: Profile) -> Iterable[Feature]:
    for name, words, most in (("topic", held.topics, MOST_TOPICS), ("channel", held.channels, MOST_CHANNELS)):
        common = _common(words, most)
        for word in common:
            yield from count("any", days=(7, 30, None), **{name: word})
        if len(common) > 1:
            yield from distinct(name, days=(30, None))


def _of_attributes(held: Profile, refused: Collection[str]) -> Iterable[Feature]:
    for (entity, name), (rows, numbers, repeated) in sorted(held.fields.items()):
        if name in refused or rows < LEAST_LEADS:
            continue
        yield from (latest_number if numbers >= MOSTLY_NUMBERS * rows else latest)(name, entity=entity)
        if repeated >= LEAST_LEADS:
            yield from attribute_age(name, entity=entity)


def _of_account(held: Profile, playbook: Playbook) -> Iterable[Feature]:
    if held.in_accounts < LEAST_LEADS:
        return []
    intent = tuple(sorted(kind for kind in held.types if signal_of(kind, playbook) == "intent"))
    of_intent = account(count(intent, days=(30, 90))) if intent else []
    return [*account_size(), *account(count(days=(7, 30, 90)) + active_days(days=30) + recency()), *of_intent]


def _of_time(held: Profile, playbook: Playbook) -> Iterable[Feature]:
    again = [
        stage for stage in playbook.stages_of("recycled", "rejected") if held.stages[stage] >= LEAST_LEADS
    ]
    stages = time_in_stage() if held.stages else []
    return [
        *lead_age(),
        *created_hour(),
        *created_weekday(),
        *stages,
        *(f for s in again for f in stage_entries(s)),
    ]


def why_unusable(field_name: str, playbook: Playbook, current_only: Collection[str]) -> str | None:
    """Why a field may not be read; ``None`` if it may."""
    if field_name in playbook.attributes.exclude:
        return f"the playbook excludes {field_name} ({playbook.attributes.exclude[field_name]})"
    if field_name in set(current_only) - set(playbook.attributes.excuse):
        return (
            f"of {field_name} only today's value was exported, so its past is unknown; excuse it in "
            f"the playbook under attributes.excuse with a reason, or do without it"
        )
    return None


def refuse_unusable(features: Sequence[Feature], playbook: Playbook, current_only: Collection[str]) -> None:
    """Check a feature set made by hand.

    Raises:
        DefinitionError: naming every feature that reads an excluded field, or one without a history.
    """
    asked = [
        (feature.name, why_unusable(str(feature.field), playbook, current_only))
        for feature in features
        if feature.field and feature.statistic != "distinct"
    ]
    problems = [f"{name}: {why}" for name, why in asked if why]
    if problems:
        raise DefinitionError("some features may not be used", problems)

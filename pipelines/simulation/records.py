"""What the systems hold of the simulated company: stage changes, sales touches, facts, with the moment of recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Ints
from pipelines.simulation.behavior import Events
from pipelines.simulation.company import EXPORTED_AT, LINES, SECONDS_PER_DAY
from pipelines.simulation.ids import long_ids
from pipelines.simulation.outcomes import REASONS, Episode
from pipelines.simulation.people import NEVER, Booleans, Generator, People

STATES: Final = (
    "mql",
    "contacted",
    "recycled",
    "reopened",
    "duplicate",
    *(f"rejected: {reason}" for reason in REASONS),
)
VOLUMES: Final = ("low", "medium", "high")
_RECORDING_DAYS: Final = 3.9


@dataclass(frozen=True, slots=True)
class Changes:
    """Status changes, in order of recording; ``state`` is a position in ``STATES``."""

    lead: Ints
    state: Ints
    recorded: Ints


@dataclass(frozen=True, slots=True)
class Acceptances:
    """SQLs: when it happened, and when sales wrote it down."""

    lead: Ints
    happened: Ints
    recorded: Ints


@dataclass(frozen=True, slots=True)
class Touches:
    """Calls and e-mails by sales; ``by_phone`` or by e-mail."""

    events: Events
    by_phone: Booleans


@dataclass(frozen=True, slots=True)
class Facts:
    """The planted back-filled field; ``volume`` is a position in ``VOLUMES``."""

    lead: Ints
    volume: Ints
    dated: Ints
    recorded: Ints


@dataclass(frozen=True, slots=True)
class Records:
    """Everything the exports are written from."""

    people: People
    events: dict[str, Events]
    episodes: Sequence[Episode]
    changes: Changes
    acceptances: Acceptances
    touches: Touches
    back_filled: Facts


def lead_ids(people: People) -> list[str]:
    """Ids of the leads as the history has them: 18 characters in Salesforce, a number in HubSpot."""
    position = np.arange(len(people))
    salesforce = long_ids("00Q", position).to_pylist()
    hubspot = hubspot_numbers(position).tolist()
    return [a if yes else str(b) for a, b, yes in zip(salesforce, hubspot, people.in_salesforce, strict=True)]


def hubspot_numbers(positions: Ints) -> Ints:
    """Record ids of leads."""
    return 19_000_000_101 + positions * 37


def domains(positions: Ints) -> list[str]:
    """Mail domains of accounts: subdomains of example.com, which nobody owns."""
    return [f"lab-{position:06d}.example.com" for position in positions.tolist()]


def keep_records(
    rng: Generator, people: People, events: dict[str, Events], episodes: Sequence[Episode]
) -> Records:
    """What is written down before the export."""
    return Records(
        people=people,
        events={
            name: rows.take((rows.occurred < EXPORTED_AT) & (rows.known < EXPORTED_AT))
            for name, rows in events.items()
        },
        episodes=episodes,
        changes=_changes(people, episodes),
        acceptances=_acceptances(rng, episodes),
        touches=_touches(rng, episodes),
        back_filled=_back_filled(rng, people, episodes),
    )


def _changes(people: People, episodes: Sequence[Episode]) -> Changes:
    first, second = episodes
    reopened = np.where(second.as_of < NEVER, people.returns_at, NEVER)
    moves = [(STATES.index("reopened"), reopened), (STATES.index("duplicate"), first.copied)]
    for episode in episodes:
        moves += [(STATES.index(name), getattr(episode, name)) for name in ("mql", "contacted", "recycled")]
        moves += [
            (STATES.index(f"rejected: {reason}"), np.where(episode.reason == place, episode.rejected, NEVER))
            for place, reason in enumerate(REASONS)
        ]
    leads = np.arange(len(people))
    kept = [(leads[when < EXPORTED_AT], state, when[when < EXPORTED_AT]) for state, when in moves]
    lead = np.concatenate([rows for rows, _, _ in kept])
    state = np.concatenate([np.full(len(rows), state) for rows, state, _ in kept])
    recorded = np.concatenate([when for _, _, when in kept])
    order = np.lexsort((state, lead, recorded))
    return Changes(lead[order], state[order], recorded[order])


def _acceptances(rng: Generator, episodes: Sequence[Episode]) -> Acceptances:
    happened = np.concatenate([episode.sql for episode in episodes])
    lead = np.tile(np.arange(len(happened) // 2), 2)
    recorded = happened + (rng.beta(0.7, 2.0, len(happened)) * _RECORDING_DAYS * SECONDS_PER_DAY).astype(
        np.int64
    )
    kept = np.flatnonzero(recorded < EXPORTED_AT)
    kept = kept[np.lexsort((lead[kept], recorded[kept]))]
    return Acceptances(lead[kept], happened[kept], recorded[kept])


def _touches(rng: Generator, episodes: Sequence[Episode]) -> Touches:
    start = np.concatenate([episode.contacted for episode in episodes])
    lead = np.tile(np.arange(len(start) // 2), 2)
    more = rng.poisson(np.where(start < NEVER, 0.8, 0.0))
    row = np.concatenate([np.flatnonzero(start < NEVER), np.repeat(np.arange(len(start)), more)])
    later = rng.integers(SECONDS_PER_DAY, 14 * SECONDS_PER_DAY, len(row))
    occurred = start[row] + np.where(np.arange(len(row)) < len(row) - more.sum(), 0, later)
    slow = rng.random(len(row)) < 0.2
    known = occurred + np.where(slow, rng.integers(3_600, 3 * SECONDS_PER_DAY, len(row)), 60)
    kept = np.flatnonzero(known < EXPORTED_AT)
    kept = kept[np.lexsort((lead[row[kept]], known[kept]))]
    row = row[kept]
    events = Events(lead[row], occurred[kept], known[kept], np.zeros(len(row), dtype=bool))
    return Touches(events, rng.random(len(row)) < 0.6)


def _back_filled(rng: Generator, people: People, episodes: Sequence[Episode]) -> Facts:
    """Typed in after the outcome of the first episode, for most SQLs and few others, dated to the first day."""
    first = episodes[0]
    horizon = np.array([line.horizon_days for line in LINES])[people.line] * SECONDS_PER_DAY
    accepted = first.sql < first.as_of + horizon
    late = first.as_of + (rng.uniform(0.2, 1.4, len(people)) * horizon).astype(np.int64)
    after = np.maximum(first.sql, first.as_of) + rng.integers(
        SECONDS_PER_DAY, 12 * SECONDS_PER_DAY, len(people)
    )
    recorded = np.where(accepted, after, late)
    filled = rng.random(len(people)) < np.where(accepted, 0.7, 0.1)
    low = rng.choice(3, len(people), p=[0.5, 0.35, 0.15])
    high = rng.choice(3, len(people), p=[0.2, 0.4, 0.4])
    kept = np.flatnonzero(filled & (recorded < EXPORTED_AT))
    kept = kept[np.lexsort((kept, recorded[kept]))]
    return Facts(kept, np.where(accepted, high, low)[kept], people.created[kept], recorded[kept])

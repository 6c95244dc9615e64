"""Which moments we ask about: (lead, as_of) pairs in which the lead is in play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from features.clock import DAY
from features.definitions import Where
from features.episodes import Episodes, matching
from features.history import Codes, History
from features.matrix import Floats, Ints
from features.playbook import AtAge, OnEvent, OnStage, SnapshotPolicy, Weekly

WEEK: Final = 7 * DAY
FIRST_MONDAY: Final = 4 * DAY
"""1970-01-05, a Monday."""
JUST_AFTER: Final = 1
"""A microsecond: evidence must be known strictly before the question."""

Asked = tuple[Ints, Ints, Floats]
"""Positions in the episodes, moments, and how many moments each stands for; of equal length."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Moments at which a lead was in play, in order of (lead, as_of), each once.

    Attributes:
        lead: position in the history. episode: position in the episodes. as_of: instants.
        stands_for: how many moments each stands for: 1, or more where some were drawn from many.
    """

    lead: Codes
    episode: Ints
    as_of: Ints
    stands_for: Floats

    def __len__(self) -> int:
        return len(self.as_of)


def take_snapshots(
    history: History, episodes: Episodes, policies: Sequence[SnapshotPolicy], *, since: int | None, until: int
) -> Snapshots:
    """Moments by all policies together.

    A lead is in play from the start of an episode until the moment at which it closes, that moment included:
    what happens at ``as_of`` is outcome, not evidence. Where a lead is closed and taken up again at one
    moment, that moment asks about the episode that closes.

    Args:
        history: the leads.
        episodes: of these leads.
        policies: when to ask.
        since: leads created before this instant are left out.
        until: no moment lies after this instant (the end of what the export could know).
    """
    asked = [_POLICIES[type(policy)](policy, history, episodes, until) for policy in policies]
    episode, as_of, stands_for = (np.concatenate([part[i] for part in asked]) for i in range(3))
    kept = (as_of >= episodes.start[episode]) & (as_of <= episodes.in_play_until[episode]) & (as_of <= until)
    if since is not None:
        kept &= history.created_at[episodes.lead[episode]] >= since
    episode, as_of, stands_for = episode[kept], as_of[kept], stands_for[kept]
    order = np.lexsort((stands_for, episode, as_of, episodes.lead[episode]))
    episode, as_of, stands_for = episode[order], as_of[order], stands_for[order]
    lead = episodes.lead[episode]
    first = np.ones(len(lead), dtype=np.bool_)
    first[1:] = (lead[1:] != lead[:-1]) | (as_of[1:] != as_of[:-1])
    return Snapshots(lead[first], episode[first], as_of[first], stands_for[first])


def _for_itself(episode: Ints, as_of: Ints) -> Asked:
    return episode, as_of, np.ones(len(as_of))


def _at_age(policy: AtAge, history: History, episodes: Episodes, until: int) -> Asked:
    ages = [round(days * DAY) for days in policy.days]
    everyone = np.arange(len(episodes), dtype=np.int64)
    return _for_itself(np.tile(everyone, len(ages)), np.concatenate([episodes.start + age for age in ages]))


def _on_stage(policy: OnStage, history: History, episodes: Episodes, until: int) -> Asked:
    stages = history.stages
    at = np.flatnonzero(matching(stages, Where(type=policy.stages)))
    moments = np.maximum(stages.occurred_at[at], stages.known_at[at]) + JUST_AFTER
    return _every_episode(episodes, stages.owner[at], moments)


def _on_event(policy: OnEvent, history: History, episodes: Episodes, until: int) -> Asked:
    events = history.events
    at = np.flatnonzero(matching(events, Where(type=policy.types)))
    moments = np.maximum(events.occurred_at[at], events.known_at[at]) + JUST_AFTER
    return _every_episode(episodes, events.owner[at], moments)


def _weekly(policy: Weekly, history: History, episodes: Episodes, until: int) -> Asked:
    """Mondays in play, at most ``per_lead`` of each lead.

    A lead that stays open for long has many, so fewer of them are drawn; each drawn one stands for its share.
    Without that, early Mondays of leads that close soon, for better or worse, would count too much.
    Source: Horvitz and Thompson (1952), *J. Am. Stat. Assoc.* 47.

    The lot of a Monday depends on the lead's id, the week and the seed alone: no other lead and no order of
    rows can change which Mondays of a lead are drawn.
    """
    first = -((FIRST_MONDAY - episodes.start) // WEEK)  # weeks since the first Monday, rounded up
    last = (np.minimum(episodes.in_play_until, until) - FIRST_MONDAY) // WEEK
    number = np.maximum(last - first + 1, 0)
    episode, within = _unrolled(number)
    week = first[episode] + within
    names = np.array([crc32(str(lead).encode()) for lead in history.lead_ids], dtype=np.uint64)
    lot = _mixed(
        names[episodes.lead[episode]] + (week.astype(np.uint64) << np.uint64(32)) + np.uint64(policy.seed)
    )
    order = np.lexsort((lot, episodes.lead[episode]))
    lead = episodes.lead[episode][order]
    starts = np.flatnonzero(np.r_[True, lead[1:] != lead[:-1]]) if len(lead) else np.zeros(0, dtype=np.int64)
    rank = np.arange(len(lead)) - np.repeat(starts, np.diff(np.r_[starts, len(lead)]))
    drawn = rank < policy.per_lead
    of_lead = np.bincount(lead, minlength=len(history))[lead[drawn]]
    stands_for = np.maximum(of_lead / policy.per_lead, 1.0)
    kept = order[drawn]
    return episode[kept], FIRST_MONDAY + week[kept] * WEEK, stands_for


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble numbers evenly. Source: the finalizer of SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _every_episode(episodes: Episodes, lead: Codes, moments: Ints) -> Asked:
    """Each (lead, moment) with every episode of the lead; ``take_snapshots`` keeps the one in play."""
    first = np.searchsorted(episodes.lead, lead).astype(np.int64)
    number = np.searchsorted(episodes.lead, lead, side="right") - first
    question, within = _unrolled(number)
    return _for_itself(first[question] + within, moments[question])


def _unrolled(number: Ints) -> tuple[Ints, Ints]:
    """For groups of these sizes, the group and the place in it of every member.

    >>> [part.tolist() for part in _unrolled(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    group = np.repeat(np.arange(len(number), dtype=np.int64), number)
    return group, np.arange(len(group)) - (np.cumsum(number) - number)[group]


_POLICIES: Final[dict[type[Any], Callable[..., Asked]]] = {
    AtAge: _at_age,
    OnStage: _on_stage,
    OnEvent: _on_event,
    Weekly: _weekly,
}

"""What became of a lead after the question was asked: the one module that looks ahead.

A snapshot is converted iff its episode became an SQL in ``[as_of, as_of + horizon)``. It has a label only
once the whole window, and the lag with which sales records outcomes, has closed by the end of the data:
for converted leads too, since early wins without the late losses of the same days would flatter every new
channel. What happens after the window changes nothing: an SQL, a rejection or the finding that the lead was a
duplicate counts only where it falls inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.clock import DAY, NEVER
from features.definitions import Where
from features.episodes import DUPLICATE, OPEN, RECYCLED, REJECTED, SQL, Episodes, matching
from features.history import Codes, History
from features.matrix import Floats, Ints, Texts
from features.playbook import Playbook, State
from features.snapshots import Snapshots

STATES: Final[tuple[State, ...]] = (
    "converted", "rejected", "recycled", "lapsed", "unworked", "immature", "duplicate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labels:
    """One row per snapshot.

    Attributes:
        state: what became of the lead (``STATES``).
        label: 1.0 converted, 0.0 mature and not, NaN where there is no honest answer (immature, duplicate).
        known_at: instant at which the label was known: window and lag over, and the SQL recorded.
        reason: of a rejection or recycling, "" otherwise. horizon: microseconds, per row.
    """

    state: Texts
    label: Floats
    known_at: Ints
    reason: Texts
    horizon: Ints


def horizons(history: History, playbook: Playbook) -> Ints:
    """Horizon of each lead in microseconds, by its service line; shape (leads,)."""
    lines = history.service_line
    days = np.array([playbook.horizon_of(word or None) for word in lines.words], dtype=np.int64)
    return days[lines.codes] * DAY


def label(
    snapshots: Snapshots, history: History, episodes: Episodes, playbook: Playbook, *, observed_until: int
) -> Labels:
    """Say what became of each snapshot's lead, as far as the data reach."""
    as_of, episode = snapshots.as_of, snapshots.episode
    horizon = horizons(history, playbook)[snapshots.lead]
    closes = as_of + horizon
    converted = (episodes.ending[episode] == SQL) & _between(as_of, episodes.end[episode], closes)
    closing = np.where(
        _between(as_of, episodes.in_play_until[episode], closes), episodes.closing[episode], OPEN
    )
    known_at = closes + playbook.recording_lag_days * DAY
    known_at = np.where(converted, np.maximum(known_at, episodes.end_known_at[episode]), known_at)

    cases = [
        ("duplicate", (closing == DUPLICATE) & ~converted),
        ("immature", known_at > observed_until),
        ("converted", converted),
        ("rejected", closing == REJECTED),
        ("recycled", closing == RECYCLED),
        ("unworked", ~_touched(snapshots, history, playbook, closes)),
    ]
    names, masks = zip(*cases, strict=True)
    state = np.select(masks, names, default="lapsed").astype(object)
    no_answer = np.isin(state, ("duplicate", "immature"))
    answered = np.isin(state, ("rejected", "recycled"))
    return Labels(
        state=state,
        label=np.where(no_answer, np.nan, (state == "converted").astype(np.float64)),
        known_at=known_at,
        reason=np.where(answered, episodes.reason[episode], ""),
        horizon=horizon,
    )


def _between(as_of: Ints, time: Ints, closes: Ints) -> NDArray[np.bool_]:
    return (time >= as_of) & (time < closes)


def _touched(snapshots: Snapshots, history: History, playbook: Playbook, closes: Ints) -> NDArray[np.bool_]:
    """Whether sales did something about the lead in the outcome window."""
    worked = playbook.worked
    if not (worked.stages or worked.events or worked.actors):
        return np.ones(len(snapshots), dtype=np.bool_)
    stages, events = history.stages, history.events
    stage_rows = (
        matching(stages, Where(type=worked.stages))
        if worked.stages
        else np.zeros(len(stages), dtype=np.bool_)
    )
    if worked.actors:
        stage_rows = stage_rows | (stages.columns["actor"].codes > 0)
    event_rows = (
        matching(events, Where(type=worked.events))
        if worked.events
        else np.zeros(len(events), dtype=np.bool_)
    )
    lead = np.concatenate([stages.owner[stage_rows], events.owner[event_rows]])
    time = np.concatenate([stages.occurred_at[stage_rows], events.occurred_at[event_rows]])
    return next_touch(lead, time, snapshots.lead, snapshots.as_of) < closes


def next_touch(lead: Codes, time: Ints, asked_lead: Codes, asked: Ints) -> Ints:
    """First ``time`` of the same lead at or after each ``asked`` moment, ``NEVER`` where there is none.

    >>> next_touch(
    ...     np.array([0, 0, 2]), np.array([5, 9, 1]), np.array([0, 0, 1, 2]), np.array([5, 10, 0, 0])
    ... ).tolist()
    [5, 4611686018427387904, 4611686018427387904, 1]
    """
    order = np.lexsort((time, lead))
    lead, time = lead[order], time[order]
    both = np.lexsort(
        (
            np.r_[np.ones(len(time), dtype=np.int8), np.zeros(len(asked), dtype=np.int8)],
            np.r_[time, asked],
            np.r_[lead, asked_lead],
        )
    )
    is_touch = both < len(time)
    following = np.cumsum(is_touch)  # touches before each question = position of the next one
    at = np.empty(len(asked), dtype=np.int64)
    at[both[~is_touch] - len(time)] = following[~is_touch]
    padded_time, padded_lead = np.append(time, NEVER), np.append(lead, -1)
    return np.where(padded_lead[at] == asked_lead, padded_time[at], NEVER)

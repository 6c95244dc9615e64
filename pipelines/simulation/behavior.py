"""What leads do. Events depend on intent and fit, never on what sales decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats, Ints
from pipelines.simulation.company import KIND_NAMES, KINDS, SECONDS_PER_DAY, Kind
from pipelines.simulation.people import NEVER, SOURCES, Booleans, Generator, People

_MEAN_DAYS: Final = 16.0
"""Interest fades with this mean."""
_SECOND_WAVE: Final = 0.8
"""Size of the second wave of interest, against the first."""
_FIRST_ACT: Final = {
    "web": "application_note",
    "webinar": "webinar_registered",
    "trade show": "trade_show_scan",
}
"""What a lead of each source did in the moment of its creation."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one type, in order of lead and time; seconds since 1970 in UTC.

    Attributes:
        bot: a machine's doing, which the system marks as such and the mapping leaves out.
    """

    lead: Ints
    occurred: Ints
    known: Ints
    bot: Booleans

    def __len__(self) -> int:
        return len(self.lead)

    def take(self, rows: Ints | Booleans) -> Events:
        """Some of the rows."""
        return Events(self.lead[rows], self.occurred[rows], self.known[rows], self.bot[rows])


def draw_events(rng: Generator, people: People) -> dict[str, Events]:
    """All that leads do, by type."""
    waves = [_wave(rng, people, kind) for kind in KINDS]
    drawn = {
        kind.name: _with_first_act(people, kind.name, *wave) for kind, wave in zip(KINDS, waves, strict=True)
    }
    registered = drawn["webinar_registered"]
    came = rng.random(len(registered[0])) < 0.55
    wait = rng.integers(SECONDS_PER_DAY, 8 * SECONDS_PER_DAY, len(came))
    drawn["webinar_attended"] = (registered[0][came], (registered[1] + wait)[came])
    return {name: _finish(rng, people, name, *drawn[name]) for name in KIND_NAMES}


def sorted_events(lead: Ints, occurred: Ints, known: Ints, bot: Booleans) -> Events:
    """Events in order of lead and time."""
    order = np.lexsort((occurred, lead))
    return Events(lead[order], occurred[order], known[order], bot[order])


def together(events: Mapping[str, Events], inside: Booleans, names: Sequence[str]) -> tuple[Events, Ints]:
    """Events of several types of the leads ``inside``, in order of knowledge, with the position of each one's type."""
    parts = [events[name].take(inside[events[name].lead]) for name in names]
    kind = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    columns = [np.concatenate([getattr(part, column) for part in parts]) for column in Events.__slots__]
    order = np.lexsort((kind, columns[0], columns[1], columns[2]))
    return Events(*columns).take(order), kind[order]


def _wave(rng: Generator, people: People, kind: Kind) -> tuple[Ints, Ints]:
    first = rng.poisson(_rate(people, kind))
    second = rng.poisson(np.where(people.returns_at < NEVER, _SECOND_WAVE * _rate(people, kind), 0.0))
    starts = np.concatenate([people.created, people.returns_at])
    row = np.repeat(np.arange(2 * len(people)), np.concatenate([first, second]))
    days = rng.exponential(_MEAN_DAYS, len(row))
    before = rng.random(len(row)) < kind.anonymous
    offset = np.where(before, -days, days) * SECONDS_PER_DAY
    occurred = starts[row] + offset.astype(np.int64)
    return row % len(people), np.where(before, occurred, np.maximum(occurred, starts[row] + 90))


def _rate(people: People, kind: Kind) -> Floats:
    scale = kind.rate * np.exp(kind.intent * people.intent - kind.intent**2 / 2)
    quiet = np.where(people.copy_of >= 0, 0.25, 1.0)
    if kind.name == "careers_view":
        quiet = quiet * np.where(people.contact == 1, 5.0, 1.0)
    if kind.name == "trade_show_scan":
        quiet = quiet * people.in_salesforce
    return scale * quiet


def _with_first_act(people: People, name: str, lead: Ints, occurred: Ints) -> tuple[Ints, Ints]:
    sources = [position for position, source in enumerate(SOURCES) if _FIRST_ACT.get(source) == name]
    acting = np.flatnonzero(np.isin(people.source, sources))
    return np.concatenate([lead, acting]), np.concatenate([occurred, people.created[acting]])


def _finish(rng: Generator, people: People, name: str, lead: Ints, occurred: Ints) -> Events:
    known = occurred
    bot = np.zeros(len(lead), dtype=bool)
    if name == "trade_show_scan":
        occurred = occurred - rng.integers(2 * SECONDS_PER_DAY, 9 * SECONDS_PER_DAY, len(lead))
    if name == "webinar_attended":
        known = occurred + np.where(
            people.in_salesforce[lead], rng.integers(600, 3 * SECONDS_PER_DAY, len(lead)), 0
        )
    if name == "email_open":
        bot = ~people.in_salesforce[lead] & (rng.random(len(lead)) < 0.35)
    if name == "email_click":
        lead, occurred, bot = _repeated(rng, lead, occurred, bot)
        known = occurred
    return sorted_events(lead, occurred, known, bot)


def _repeated(rng: Generator, lead: Ints, occurred: Ints, bot: Booleans) -> tuple[Ints, Ints, Booleans]:
    """One click in eight is reported twice or three times within seconds."""
    times = np.where(rng.random(len(lead)) < 0.125, rng.integers(2, 4, len(lead)), 1)
    row = np.repeat(np.arange(len(lead)), times)
    return lead[row], occurred[row] + rng.integers(0, 9, len(row)) * (np.repeat(times, times) > 1), bot[row]

"""Episodes: the stretches in which a lead was in play, and how each of them ended.

A lead's first episode begins when it is created. It ends when the lead becomes an SQL by the definition
asked for, is rejected, sent back to marketing (recycled) or found to be a duplicate. A lead that is taken
up again afterwards begins a new episode. A rejection that sales takes back, an SQL with nothing in
between, counts as an SQL; both moments are kept, so that an SQL which comes too late for a question
leaves the rejection standing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.clock import NEVER
from features.definitions import COLUMNS, Where
from features.history import Codes, History, Stream
from features.matrix import Ints, Texts
from features.playbook import Condition, Playbook, SqlDefinition

OPEN, SQL, REJECTED, RECYCLED, DUPLICATE = range(5)
ENDINGS: Final = ("open", "sql", "rejected", "recycled", "duplicate")


@dataclass(frozen=True, slots=True)
class Episodes:
    """One row per episode, in order of (lead, number).

    Attributes:
        lead: position in the history. number: 0 for the first episode.
        start: instant, never before the lead was created.
        in_play_until: instant of the first closing, ``NEVER`` while open. closing: position in ``ENDINGS``.
        reason: of a first closing that was no SQL, "" where none was given.
        end: instant of the outcome, later than ``in_play_until`` where a rejection was taken back.
        end_known_at: when the outcome was recorded. ending: position in ``ENDINGS``.
    """

    lead: Codes
    number: Codes
    start: Ints
    in_play_until: Ints
    closing: NDArray[np.int8]
    reason: Texts
    end: Ints
    end_known_at: Ints
    ending: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.lead)


def matching(stream: Stream, selection: Where) -> NDArray[np.bool_]:
    """Which rows of a stream a selection accepts."""
    accepted = np.ones(len(stream), dtype=np.bool_)
    for name in COLUMNS:
        wanted = getattr(selection, name)
        if wanted:
            column = stream.columns[name]
            accepted &= column.accepts(wanted)[column.codes]
    if selection.at_least is not None:
        accepted &= stream.value >= selection.at_least
    if selection.below is not None:
        accepted &= stream.value < selection.below
    return accepted


def episodes(history: History, playbook: Playbook, definition: SqlDefinition) -> Episodes:
    """All episodes of all leads, with SQL as ``definition`` says."""
    rows: list[_Episode] = []
    marks = _marks(history, playbook, definition)
    at = np.searchsorted(marks["lead"], np.arange(len(history) + 1))
    table = list(
        zip(*(marks[name].tolist() for name in ("time", "known", "role", "atom", "reason")), strict=True)
    )
    wanted = _numbered(definition)
    for lead, created in enumerate(history.created_at.tolist()):
        rows.extend(_walk(lead, created, table[at[lead] : at[lead + 1]], wanted))
    reasons = history.stages.columns["reason"].words if "reason" in history.stages.columns else ("",)
    return Episodes(
        lead=np.array([row.lead for row in rows], dtype=np.int32),
        number=np.array([row.number for row in rows], dtype=np.int32),
        start=np.array([row.start for row in rows], dtype=np.int64),
        in_play_until=np.array([row.in_play_until for row in rows], dtype=np.int64),
        closing=np.array([row.closing for row in rows], dtype=np.int8),
        reason=np.array([reasons[row.reason] for row in rows], dtype=object),
        end=np.array([row.end for row in rows], dtype=np.int64),
        end_known_at=np.array([row.known for row in rows], dtype=np.int64),
        ending=np.array([row.ending for row in rows], dtype=np.int8),
    )


@dataclass(slots=True)
class _Episode:
    lead: int
    number: int
    start: int
    in_play_until: int = NEVER
    closing: int = OPEN
    reason: int = 0
    end: int = NEVER
    known: int = NEVER
    ending: int = OPEN
    atoms: set[int] = field(default_factory=set)

    def close(self, ending: int, time: int, known: int, reason: int) -> None:
        if self.closing == OPEN:
            self.in_play_until, self.closing, self.reason = time, ending, reason
        self.ending, self.end, self.known = ending, time, max(time, known)


def _walk(
    lead: int, created: int, marks: list[tuple[Any, ...]], wanted: list[Numbered]
) -> Iterator[_Episode]:
    """Follow one lead through its marks, in order of time."""
    current = _Episode(lead, 0, created)
    returned = False
    for time, known, role, atom, reason in marks:
        if atom >= 0:
            current.atoms.add(atom)
            if current.ending != SQL and any(_true(condition, current.atoms) for condition in wanted):
                current.close(SQL, time, known, 0)
                returned = False
        elif role == OPEN:
            if current.ending != OPEN and (current.ending != SQL or returned):
                yield current
                current, returned = _Episode(lead, current.number + 1, max(time, created)), False
        elif current.ending == OPEN:
            current.close(role, time, known, reason)
        else:
            returned = returned or role in (REJECTED, RECYCLED)
    yield current


Numbered = int | tuple["Numbered", ...]
"""A condition with its single parts numbered in reading order; a tuple holds when all of it does."""


def _numbered(definition: SqlDefinition) -> list[Numbered]:
    numbers = count()

    def number(condition: Condition) -> Numbered:
        return tuple(number(part) for part in condition.all_of) if condition.all_of else next(numbers)

    return [number(condition) for condition in definition.any_of]


def _true(condition: Numbered, atoms: Collection[int]) -> bool:
    if isinstance(condition, tuple):
        return all(_true(part, atoms) for part in condition)
    return condition in atoms


def atoms(definition: SqlDefinition) -> list[Condition]:
    """The single conditions of a definition, in reading order."""

    def leaves(condition: Condition) -> list[Condition]:
        return (
            [leaf for part in condition.all_of for leaf in leaves(part)] if condition.all_of else [condition]
        )

    return [leaf for condition in definition.any_of for leaf in leaves(condition)]


def _marks(history: History, playbook: Playbook, definition: SqlDefinition) -> dict[str, NDArray[Any]]:
    """Rows that can begin or end an episode, sorted by lead and time; ties as the source told them.

    A stage that alone makes an SQL plays no other role. One that is a part of ``all_of`` keeps its own.
    """
    roles = {"open": OPEN, "rejected": REJECTED, "recycled": RECYCLED, "duplicate": DUPLICATE}
    stages = history.stages
    enough = {condition.stage for condition in definition.any_of}
    parts = [
        _rows(stages, Where(type=(stage,)), role=roles[role])
        for stage, role in playbook.stages.items()
        if role in roles and stage not in enough
    ]
    for number, atom in enumerate(atoms(definition)):
        stream = stages if atom.stage else history.events
        parts.append(_rows(stream, _selection(atom), atom=number, after=0 if atom.stage else len(stages)))
    names = ("lead", "time", "known", "row", "role", "atom", "reason")
    marks = {name: np.concatenate([part[c] for part in parts]) for c, name in enumerate(names)}
    order = np.lexsort((marks["row"], marks["known"], marks["time"], marks["lead"]))
    return {name: column[order] for name, column in marks.items()}


def _selection(atom: Condition) -> Where:
    if atom.stage:
        return Where(type=(atom.stage,))
    words = {column: getattr(atom.where, column) for column in COLUMNS[1:]}
    kinds = () if atom.event == "any" else (str(atom.event),)
    return Where(type=kinds, at_least=atom.where.at_least, below=atom.where.below, **words)


def _rows(
    stream: Stream, selection: Where, *, role: int = -1, atom: int = -1, after: int = 0
) -> tuple[NDArray[Any], ...]:
    at = np.flatnonzero(matching(stream, selection))
    reason = (
        stream.columns["reason"].codes[at]
        if "reason" in stream.columns
        else np.zeros(len(at), dtype=np.int32)
    )
    same = np.ones(len(at), dtype=np.int8)
    times = stream.occurred_at[at], stream.known_at[at]
    return stream.owner[at], *times, at + after, same * role, same * atom, reason

"""The rows of one lead, bound to plans of the kernel.

A plan is bound to the words of a history. Here it is bound once to the words that the features themselves
name: to a selection, every other word is as good as none. Only where different words are counted do the
others need codes of their own; those are handed out anew for each lead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np

from features.attributes import tell_one
from features.definitions import COLUMNS
from features.evidence import Event, Fact
from features.history import Coded, Codes, Stream
from features.kernel import NO_ONE, Rows, latest_rows
from features.matrix import Float32s, Floats, Ints
from features.plan import Placed, Plan, Vocabulary, compile_plan

FIRST: Final = np.zeros(1, dtype=np.int32)
"""The only group there is."""
NOBODY: Final = np.full(1, NO_ONE, dtype=np.int32)

SPARE: Final = 8
"""Codes for words that no feature names, in a plan that counts different words; doubled where a lead needs more."""


@dataclass(frozen=True, slots=True)
class BoundEvents:
    """Rows that a plan can sweep."""

    plan: Plan
    rows: Rows


@dataclass(frozen=True, slots=True)
class BoundFacts:
    """Facts that some feature reads, in order; ``values`` as they are written."""

    starts: Ints
    occurred_at: Ints
    known_at: Ints
    field: Codes
    values: Sequence[str | None]


class EventPlans:
    """The features of one stream, and their plans: one for each number of spare codes that a lead needed."""

    def __init__(self, features: Placed) -> None:
        self.features = features
        self._counted = {feature.field for _, feature in features if feature.statistic == "distinct"}
        self._known = {name: _codes(features, name) for name in COLUMNS}
        self._read = [name for name in COLUMNS if len(self._known[name]) > 1 or name in self._counted]
        self._plans: dict[int, Plan] = {}
        self._lock = Lock()

    def bind(self, events: Sequence[Event]) -> BoundEvents | None:
        """Rows in order, or ``None`` where no feature asks or no row answers."""
        if not self.features or not events:
            return None
        told = dict(zip(Event._fields, zip(*events, strict=True), strict=True))
        alone = np.zeros(len(events), dtype=np.int32)
        columns = {name: Coded(alone, ()) for name in COLUMNS}
        spare = 0
        for name in self._read:
            codes, others = self._coded(name, told[name])
            columns[name] = Coded(codes, ())
            spare = max(spare, others)
        times = np.array(told["occurred_at"], dtype=np.int64), np.array(told["known_at"], dtype=np.int64)
        value = floats_of(told["value"])
        stream = Stream.grouped(alone, 1, *times, owner=alone, value=value, columns=columns)
        return BoundEvents(self._plan(spare), Rows.of(stream))

    def _coded(self, name: str, words: Sequence[str | None]) -> tuple[Codes, int]:
        """Codes, and how many words got one that is not the plan's own."""
        known = self._known[name]
        if name not in self._counted:
            return np.array([known.get(word, 0) for word in words], dtype=np.int32), 0
        codes = dict(known)
        coded = np.array([codes.setdefault(word, len(codes)) for word in words], dtype=np.int32)
        return coded, len(codes) - len(known)

    def _plan(self, spare: int) -> Plan:
        room = SPARE
        while room < spare:
            room *= 2
        with self._lock:
            if room not in self._plans:
                self._plans[room] = compile_plan(self.features, self._vocabulary(room))
            return self._plans[room]

    def _vocabulary(self, room: int) -> Vocabulary:
        spare = [None] * room
        return {
            name: (*known, *(spare if name in self._counted else ())) for name, known in self._known.items()
        }


def _text(fact: Fact) -> tuple[bool, str]:
    return fact.value is not None, fact.value or ""


class FactSlots:
    """The features of the attributes of the lead, or of its account."""

    def __init__(self, features: Placed, excused: Collection[str]) -> None:
        fields = list(dict.fromkeys(str(feature.field) for _, feature in features))
        self._slots = {field: slot for slot, field in enumerate(fields)}
        self._slot_of_field = np.arange(len(fields), dtype=np.int64)
        self._excused = np.array([field in excused for field in fields], dtype=np.bool_)
        self._features = [(column, feature, self._slots[str(feature.field)]) for column, feature in features]

    def bind(self, facts: Iterable[Fact]) -> BoundFacts | None:
        """Facts of the fields that some feature reads, in order; ``None`` for no such facts."""
        read = [fact for fact in facts if fact.field in self._slots]
        read.sort(key=_text)  # of equal instants in the order of their text, as in a history
        if not read:
            return None
        fields, words, occurred_at, known_at = zip(*read, strict=True)
        alone = np.zeros(len(read), dtype=np.int32)
        columns = {
            "field": Coded(np.array([self._slots[field] for field in fields], dtype=np.int32), ()),
            "place": Coded(np.arange(len(read), dtype=np.int32), ()),
        }
        times = np.array(occurred_at, dtype=np.int64), np.array(known_at, dtype=np.int64)
        value = np.full(len(read), np.nan)
        stream = Stream.grouped(alone, 1, *times, owner=alone, value=value, columns=columns)
        field = stream.columns["field"].codes
        return BoundFacts(
            starts=stream.starts,
            occurred_at=stream.occurred_at,
            known_at=np.where(self._excused[field], stream.occurred_at, stream.known_at),
            field=field,
            values=[words[place] for place in stream.columns["place"].codes],
        )

    def tell(self, facts: BoundFacts, moment: Ints, values: Float32s, words: list[str | None]) -> None:
        """Write cells and words of the attribute columns."""
        found = np.full((1, len(self._slots)), NO_ONE, dtype=np.int64)
        rows = facts.starts, facts.occurred_at, facts.known_at
        latest_rows(rows, facts.field, self._slot_of_field, (FIRST, moment), found)
        at = found[0].tolist()
        for column, feature, slot in self._features:
            row = at[slot]
            if row >= 0:
                values[0, column], words[column] = tell_one(
                    feature, facts.values[row], facts.occurred_at[row], moment[0]
                )


def _codes(features: Placed, column: str) -> dict[str | None, int]:
    """Codes of the words that the features name in a column; a missing word is 0."""
    named = {word for _, feature in features for word in getattr(feature.where, column)}
    return {word: code for code, word in enumerate((None, *sorted(named)))}


def floats_of(values: Sequence[float | None]) -> Floats:
    """NaN where there is none."""
    return np.array(values, dtype=np.float64)

"""A feature set translated for the kernel: plain arrays, bound to a vocabulary.

The vocabulary is that of a history, or what the features themselves name (``features.online``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.clock import DAY
from features.definitions import COLUMNS, Feature, Where
from features.history import Stream
from features.matrix import Floats, Ints

T = TypeVar("T")
Flags = NDArray[np.bool_]
Vocabulary = Mapping[str, Sequence[str | None]]
"""For each selectable column the word of every code; ``None`` is missing, or a word that no feature names."""

FOREVER: Final = np.iinfo(np.int64).max

OPERATIONS: Final = {
    "count": 0,
    "stage_entries": 0,
    "active_days": 1,
    "total": 2,
    "mean": 3,
    "maximum": 4,
    "distinct": 5,
    "trend": 6,
    "recency": 7,
    "time_in_stage": 7,
    "first_seen": 8,
    "fading": 9,
    "halving": 10,
}
"""Number of each statistic in the kernel; stages are swept as events whose type is the stage."""


Placed = list[tuple[int, Feature]]
"""Features with the column of the matrix that each fills."""

MOMENTS: Final = ("lead_age", "created_hour", "created_weekday", "account_size")
"""Statistics of the lead's own row, and of those of its colleagues."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Which rows each feature of a set is about."""

    events: Placed
    account_events: Placed
    stages: Placed
    facts: Placed
    account_facts: Placed
    moments: Placed

    @classmethod
    def of(cls, features: Sequence[Feature]) -> Sources:
        """The columns are the places in ``features``."""
        found: dict[str, Placed] = {name: [] for name in cls.__slots__}
        for column, feature in enumerate(features):
            found[_source(feature)].append((column, feature))
        return cls(**found)


def _source(feature: Feature) -> str:
    if feature.statistic in MOMENTS:
        return "moments"
    if feature.statistic in ("time_in_stage", "stage_entries"):
        return "stages"
    kind = "facts" if feature.field and feature.statistic != "distinct" else "events"
    return kind if feature.scope == "lead" else f"account_{kind}"


Decays = tuple[Flags, Ints, Ints, Ints]
"""Selectors of which some feature asks for ages; half-lives in microseconds, one for each sum of events that lose
half their worth again and again; the sums of each selector, as starts and slots."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one sweep over a stream has to collect, and where each result goes.

    Attributes:
        windows: ascending lengths in microseconds, the last one endless.
        candidates_start, candidates: for each word of ``type``, the selectors that accept it.
        accept_at: shape (selectors, other columns); start of the selector's table in ``accept`` or -1.
        accept: one flag per word, for every selector and column that is restricted.
        by_type_alone: selectors that restrict nothing but the type.
        low, high: range of values, half open; ranged: whether a value is needed at all.
        wants_days, wants_values: selectors of which some feature asks for days, for values.
        distinct_column: the column of each set of seen words.
        distinct_start, distinct_slots: the sets of each selector.
        decays: for what depends on the age of each event, ``None`` where no feature asks.
        program: shape (features, 5), sorted by its first column: operation, selector (or set, or sum), window,
            other window, output column. operation_starts: where each operation begins in it.
        log_ratio: per feature; for a trend, log(long days / short days).
        most_words: length of the longest word list among the columns.
    """

    windows: Ints
    candidates_start: Ints
    candidates: Ints
    accept_at: Ints
    accept: Flags
    low: Floats
    high: Floats
    ranged: Flags
    distinct_column: Ints
    distinct_start: Ints
    distinct_slots: Ints
    by_type_alone: Flags
    wants_days: Flags
    wants_values: Flags
    decays: Decays | None
    program: Ints
    operation_starts: Ints
    log_ratio: Floats
    most_words: int


def compile_plan(features: Sequence[tuple[int, Feature]], words: Vocabulary) -> Plan:
    """Plan for ``(output column, feature)`` pairs over rows whose codes are positions in ``words``."""
    selections = _unique([feature.where for _, feature in features])
    lengths = sorted({days for _, f in features for days in _windows(f) if days is not None})
    sets = _unique([(f.where, f.field) for _, f in features if f.statistic == "distinct"])
    sums = _unique([(f.where, f.days) for _, f in features if f.statistic == "halving"])
    where_at = {selection: i for i, selection in enumerate(selections)}
    window_at = {days: i for i, days in enumerate(lengths)} | {None: len(lengths)}
    set_at = {pair: i for i, pair in enumerate(sets)}
    sum_at = {pair: i for i, pair in enumerate(sums)}

    program = np.zeros((len(features), 5), dtype=np.int64)
    log_ratio = np.zeros(len(features))
    for row, (column, feature) in enumerate(features):
        target = where_at[feature.where]
        if feature.statistic == "distinct":
            target = set_at[feature.where, feature.field]
        elif feature.statistic == "halving":
            target = sum_at[feature.where, feature.days]
        windows = (window_at[days] for days in _windows(feature))
        program[row] = (OPERATIONS[feature.statistic], target, *windows, column)
        if feature.days and feature.versus:
            log_ratio[row] = np.log(feature.versus / feature.days)

    order = np.argsort(program[:, 0], kind="stable")
    program, log_ratio = program[order], log_ratio[order]
    types = [_accepts(words["type"], selection.type) for selection in selections]
    candidates = [
        [s for s, accepted in enumerate(types) if accepted[word]] for word in range(len(words["type"]))
    ]
    candidates_start, flat_candidates = _ragged(candidates)
    distinct_start, distinct_slots = _slots([where_at[where] for where, _ in sets], len(selections))
    halving_start, halving_slots = _slots([where_at[where] for where, _ in sums], len(selections))
    half_life = np.array([days * DAY for _, days in sums if days is not None], dtype=np.int64)
    wants_ages = _asked_of(program, len(selections), "fading") | (np.diff(halving_start) > 0)
    accept_at, accept = _acceptance(selections, words)
    return Plan(
        windows=np.array([days * DAY for days in lengths] + [FOREVER], dtype=np.int64),
        candidates_start=candidates_start,
        candidates=flat_candidates,
        accept_at=accept_at,
        accept=accept,
        low=np.array([-np.inf if s.at_least is None else s.at_least for s in selections]),
        high=np.array([np.inf if s.below is None else s.below for s in selections]),
        ranged=np.array([s.at_least is not None or s.below is not None for s in selections], dtype=np.bool_),
        distinct_column=np.array([COLUMNS.index(str(name)) for _, name in sets], dtype=np.int64),
        distinct_start=distinct_start,
        distinct_slots=distinct_slots,
        by_type_alone=np.array([selection == Where(type=selection.type) for selection in selections]),
        wants_days=_asked_of(program, len(selections), "active_days"),
        wants_values=_asked_of(program, len(selections), "total", "mean", "maximum"),
        decays=(wants_ages, half_life, halving_start, halving_slots) if wants_ages.any() else None,
        program=program,
        operation_starts=np.searchsorted(program[:, 0], np.arange(len(OPERATIONS) + 1)).astype(np.int64),
        log_ratio=log_ratio,
        most_words=max(map(len, words.values())),
    )


def words_of(stream: Stream) -> Vocabulary:
    """The words of a stream's selectable columns."""
    return {name: (None, *stream.columns[name].words[1:]) for name in COLUMNS if name in stream.columns}


def column_codes(stream: Stream) -> NDArray[np.int32]:
    """Codes of all selectable columns, shape (5, rows); a column that the stream lacks is all missing."""
    missing = np.zeros(len(stream), dtype=np.int32)
    return np.stack([stream.columns[name].codes if name in stream.columns else missing for name in COLUMNS])


def _windows(feature: Feature) -> tuple[int | None, int | None]:
    """Days of its window, and of the other one; a half-life is no window."""
    return (None if feature.statistic == "halving" else feature.days), feature.versus


def _slots(selector_of_slot: Sequence[int], selectors: int) -> tuple[Ints, Ints]:
    """The slots of each selector."""
    slots: list[list[int]] = [[] for _ in range(selectors)]
    for slot, selector in enumerate(selector_of_slot):
        slots[selector].append(slot)
    return _ragged(slots)


def _asked_of(program: Ints, selectors: int, *statistics: str) -> Flags:
    """Which selectors some feature asks one of the statistics of."""
    asked = np.zeros(selectors, dtype=np.bool_)
    operations = [OPERATIONS[statistic] for statistic in statistics]
    asked[program[np.isin(program[:, 0], operations), 1]] = True
    return asked


def _accepts(words: Sequence[str | None], wanted: Sequence[str]) -> Flags:
    """For each word, whether it is among ``wanted``; no wish accepts all, missing ones included."""
    return np.array([not wanted or word in wanted for word in words], dtype=np.bool_)


def _acceptance(selections: Sequence[Where], words: Vocabulary) -> tuple[Ints, Flags]:
    at = np.full((len(selections), len(COLUMNS) - 1), -1, dtype=np.int64)
    tables: list[Flags] = [np.zeros(0, dtype=np.bool_)]
    length = 0
    for s, selection in enumerate(selections):
        for c, name in enumerate(COLUMNS[1:]):
            wanted = getattr(selection, name)
            if not wanted:
                continue
            tables.append(_accepts(words.get(name, (None,)), wanted))
            at[s, c] = length
            length += len(tables[-1])
    return at, np.concatenate(tables)


def _ragged(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    starts = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return starts, np.array([item for part in lists for item in part], dtype=np.int64)


def _unique(items: Sequence[T]) -> list[T]:
    return list(dict.fromkeys(items))

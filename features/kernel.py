"""The one engine: what was known about a lead just before a moment.

Nothing else in the repository compares rows with ``as_of``. A row is visible iff it happened *and* was
known strictly before; a window is half open, ``[as_of - days, as_of)``. The same compiled functions run
for a million leads in a pipeline and for one lead in a request, so the two cannot differ.

Each snapshot walks its group's rows from the newest to the oldest. A row falls in the ring of the
smallest window that holds it; rings are added up at the end. So the cost is one visit per (snapshot,
row), whatever the number of windows and features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from features.clock import DAY
from features.definitions import Feature, feature_set
from features.history import MICRO, Codes, History, Stream
from features.matrix import Floats, Ints, Matrix, Texts
from features.plan import OPERATIONS, column_codes, compile_plan, most_words

NO_ONE = -1
COUNT, ACTIVE_DAYS, TOTAL, MEAN, MAXIMUM, DISTINCT, TREND, RECENCY, FIRST_SEEN = sorted(
    set(OPERATIONS.values())
)


def build(features: Sequence[Feature], history: History, lead_id: Texts, as_of: Ints) -> Matrix:
    """Features of snapshots.

    Args:
        features: the columns wanted.
        history: where the evidence is.
        lead_id: whom we ask about, shape (n,), in any order, repeats allowed.
        as_of: when, shape (n,).

    Returns:
        A matrix of shape (n, features), rows in the order of the snapshots.

    Raises:
        TableError: if a lead is not in the history.
    """
    features = feature_set(features)
    lead = history.lead_rows(lead_id)
    as_of = np.ascontiguousarray(as_of, dtype=np.int64)
    values = np.empty((len(lead), len(features)), order="C")
    values[:] = [feature.if_none for feature in features]
    words: dict[str, tuple[str, ...]] = {}

    nobody = np.full(len(lead), NO_ONE, dtype=np.int32)
    account = history.account[lead]
    places = list(enumerate(features))
    on_stages = [(c, f) for c, f in places if f.statistic in ("time_in_stage", "stage_entries")]
    on_attributes = [(c, f) for c, f in places if f.field and f.statistic != "distinct"]
    on_lead = [(c, f) for c, f in places if f.statistic in _MOMENTS]
    rest = {c for c, _ in on_stages + on_attributes + on_lead}
    on_events = [(c, f) for c, f in places if c not in rest]
    of_lead = [(c, f) for c, f in on_events if f.scope == "lead"]
    of_account = [(c, f) for c, f in on_events if f.scope == "account"]

    _sweep_into(values, of_lead, history.events, lead, nobody, as_of)
    _sweep_into(values, on_stages, history.stages, lead, nobody, as_of)
    if of_account:
        _sweep_into(values, of_account, history.account_events, account, lead, as_of)
    for scope, stream, group in (
        ("lead", history.lead_attributes, lead),
        ("account", history.account_attributes, account),
    ):
        words |= _attributes_into(
            values, [(c, f) for c, f in on_attributes if f.scope == scope], stream, group, as_of
        )
    for column, feature in on_lead:
        values[:, column] = _MOMENTS[feature.statistic](history, lead, as_of)
    return Matrix(tuple(features), values, words)


def _sweep_into(
    values: Floats,
    features: Sequence[tuple[int, Feature]],
    stream: Stream,
    group: Codes,
    excluded: Codes,
    as_of: Ints,
) -> None:
    if not features or not len(stream):
        return
    plan = compile_plan(features, stream)
    amounts = np.where(np.isnan(stream.value), 0.0, stream.value)
    _sweep(
        values,
        (stream.starts, stream.occurred_at, stream.known_at, stream.owner),
        (column_codes(stream), stream.value, np.rint(amounts * MICRO).astype(np.int64)),
        most_words(stream),
        (group, excluded, as_of),
        (plan.windows, plan.candidates_start, plan.candidates, plan.accept_at, plan.accept),
        (plan.low, plan.high, plan.ranged),
        (plan.distinct_column, plan.distinct_start, plan.distinct_slots),
        (plan.program, plan.log_ratio),
    )


@njit(cache=True, nogil=True)
def _first_at_or_after(times, low, high, moment):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """First position in the sorted ``times[low:high]`` that is not before ``moment``."""
    while low < high:
        middle = (low + high) // 2
        if times[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _accepted(selector, row, codes, value, accept_at, accept, ranges):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Whether a selector that accepts the row's type accepts its other columns and value too."""
    low, high, ranged = ranges
    for column in range(accept_at.shape[1]):
        start = accept_at[selector, column]
        if start >= 0 and not accept[start + codes[column + 1, row]]:
            return False
    return not ranged[selector] or (value[row] >= low[selector] and value[row] < high[selector])


@njit(cache=True, nogil=True)
def _note(selector, ring, row, cells, rings, ends, day):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add one row to what a selector has seen; rows come newest first."""
    _, value, millionths = cells
    counts, days, valued, sums, largest = rings
    newest, oldest, last_day = ends
    if newest[selector] < 0:
        newest[selector] = row
        last_day[selector] = day + 1
    oldest[selector] = row
    counts[selector, ring] += 1
    if day != last_day[selector]:
        days[selector, ring] += 1
        last_day[selector] = day
    if not np.isnan(value[row]):
        valued[selector, ring] += 1
        sums[selector, ring] += millionths[row]
        largest[selector, ring] = max(largest[selector, ring], value[row])


@njit(cache=True, nogil=True)
def _add_up(rings, different):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Turn rings into windows: each window holds the rings of all shorter ones."""
    counts, days, valued, sums, largest = rings
    for s in range(counts.shape[0]):
        for ring in range(1, counts.shape[1]):
            counts[s, ring] += counts[s, ring - 1]
            days[s, ring] += days[s, ring - 1]
            valued[s, ring] += valued[s, ring - 1]
            sums[s, ring] += sums[s, ring - 1]
            largest[s, ring] = max(largest[s, ring], largest[s, ring - 1])
    for d in range(different.shape[0]):
        for ring in range(1, different.shape[1]):
            different[d, ring] += different[d, ring - 1]


@njit(cache=True, nogil=True)
def _clear(rings, newest, different):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    counts, days, valued, sums, largest = rings
    for s in range(counts.shape[0]):
        newest[s] = -1
        for ring in range(counts.shape[1]):
            counts[s, ring] = 0
            days[s, ring] = 0
            valued[s, ring] = 0
            sums[s, ring] = 0
            largest[s, ring] = -np.inf
    for d in range(different.shape[0]):
        for ring in range(different.shape[1]):
            different[d, ring] = 0


@njit(cache=True, nogil=True)
def _answer(values, output, rings, ends, different, moment, occurred_at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the features of one snapshot; ``values`` is its row, filled with what no evidence means."""
    program, log_ratio = output
    counts, days, valued, sums, largest = rings
    newest, oldest, _ = ends
    for f in range(program.shape[0]):
        operation, s, window, versus, column = (
            program[f, 0],
            program[f, 1],
            program[f, 2],
            program[f, 3],
            program[f, 4],
        )
        if operation == DISTINCT:
            values[column] = different[s, window]
        elif newest[s] < 0:
            continue
        elif operation == COUNT:
            values[column] = counts[s, window]
        elif operation == ACTIVE_DAYS:
            values[column] = days[s, window]
        elif operation == TOTAL:
            values[column] = sums[s, window] / MICRO
        elif operation == MEAN and valued[s, window] > 0:
            values[column] = sums[s, window] / MICRO / valued[s, window]
        elif operation == MAXIMUM and valued[s, window] > 0:
            values[column] = largest[s, window]
        elif operation == TREND and counts[s, versus] > 0:
            values[column] = np.log((counts[s, window] + 0.5) / (counts[s, versus] + 0.5)) + log_ratio[f]
        elif operation == RECENCY:
            values[column] = (moment - occurred_at[newest[s]]) / DAY
        elif operation == FIRST_SEEN:
            values[column] = (moment - occurred_at[oldest[s]]) / DAY


@njit(cache=True, nogil=True)
def _sweep(values, rows, cells, most_words, snapshots, selection, ranges, sets, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fill ``values`` for every snapshot; the arguments are the fields of ``Stream`` and ``Plan``."""
    starts, occurred_at, known_at, owner = rows
    codes, value, _ = cells
    group, excluded, as_of = snapshots
    windows, candidates_start, candidates, accept_at, accept = selection
    distinct_column, distinct_start, distinct_slots = sets

    shape = (ranges[0].shape[0], windows.shape[0])
    rings = (
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.float64),
    )
    ends = (np.zeros(shape[0], np.int64), np.zeros(shape[0], np.int64), np.zeros(shape[0], np.int64))
    different = np.zeros((distinct_column.shape[0], shape[1]), np.int64)
    seen = np.full((distinct_column.shape[0], most_words), -1, np.int64)

    for snapshot in range(as_of.shape[0]):
        if group[snapshot] < 0:
            continue
        moment = as_of[snapshot]
        first = starts[group[snapshot]]
        end = _first_at_or_after(occurred_at, first, starts[group[snapshot] + 1], moment)
        if first == end:
            continue
        _clear(rings, ends[0], different)
        for row in range(end - 1, first - 1, -1):
            if known_at[row] >= moment or owner[row] == excluded[snapshot]:
                continue
            ring = 0
            while moment - occurred_at[row] > windows[ring]:
                ring += 1
            kind = codes[0, row]
            for candidate in range(candidates_start[kind], candidates_start[kind + 1]):
                s = candidates[candidate]
                if not _accepted(s, row, codes, value, accept_at, accept, ranges):
                    continue
                _note(s, ring, row, cells, rings, ends, occurred_at[row] // DAY)
                for slot in range(distinct_start[s], distinct_start[s + 1]):
                    d = distinct_slots[slot]
                    word = codes[distinct_column[d], row]
                    if word > 0 and seen[d, word] != snapshot:
                        seen[d, word] = snapshot
                        different[d, ring] += 1
        _add_up(rings, different)
        _answer(values[snapshot], output, rings, ends, different, moment, occurred_at)


@njit(cache=True, nogil=True)
def _latest(rows, field, slot_of_field, snapshots, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Position of the newest visible row of each wanted field, into ``found`` of shape (snapshots, slots)."""
    starts, occurred_at, known_at = rows
    group, as_of = snapshots
    for snapshot in range(len(as_of)):
        if group[snapshot] < 0:
            continue
        moment = as_of[snapshot]
        first = starts[group[snapshot]]
        end = _first_at_or_after(occurred_at, first, starts[group[snapshot] + 1], moment)
        for row in range(end - 1, first - 1, -1):
            slot = slot_of_field[field[row]]
            if slot >= 0 and found[snapshot, slot] < 0 and known_at[row] < moment:
                found[snapshot, slot] = row


def _attributes_into(
    values: Floats, features: Sequence[tuple[int, Feature]], stream: Stream, group: Codes, as_of: Ints
) -> dict[str, tuple[str, ...]]:
    """Fill the attribute columns; returns the words of the category columns."""
    if not features:
        return {}
    wanted = list(dict.fromkeys(str(feature.field) for _, feature in features))
    field, text = stream.columns["field"], stream.columns["value"]
    slots = {name: slot for slot, name in enumerate(wanted)}
    slot_of_field = np.array([slots.get(name, -1) for name in field.words], dtype=np.int64)
    found = np.full((len(as_of), len(wanted)), -1, dtype=np.int64)
    rows = stream.starts, stream.occurred_at, stream.known_at
    _latest(rows, field.codes, slot_of_field, (group, as_of), found)

    words: dict[str, tuple[str, ...]] = {}
    for column, feature in features:
        at = found[:, slots[str(feature.field)]]
        has = at >= 0
        if feature.statistic == "attribute_age":
            values[has, column] = (as_of[has] - stream.occurred_at[at[has]]) / DAY
            continue
        codes = np.zeros(len(as_of), dtype=np.int64)
        codes[has] = text.codes[at[has]]
        used, position = np.unique(codes, return_inverse=True)
        named = [(i, text.words[code]) for i, code in enumerate(used) if code > 0]
        lookup = np.full(len(used), np.nan)
        if feature.is_category:
            words[feature.name] = tuple(sorted(word for _, word in named))
            order = {word: float(i) for i, word in enumerate(words[feature.name])}
            lookup[[i for i, _ in named]] = [order[word] for _, word in named]
        else:
            lookup[[i for i, _ in named]] = [_number(word) for _, word in named]
        values[:, column] = lookup[position]
    return words


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        return np.nan
    return number if np.isfinite(number) else np.nan


def _lead_age(history: History, lead: Codes, as_of: Ints) -> Floats:
    return (as_of - history.created_at[lead]) / DAY


def _local_created(history: History, lead: Codes) -> pa.Array:
    return pa.array(history.created_at[lead], pa.timestamp("us", tz=history.time_zone))


def _created_hour(history: History, lead: Codes, as_of: Ints) -> Floats:
    return np.asarray(pc.hour(_local_created(history, lead)), dtype=np.float64)


def _created_weekday(history: History, lead: Codes, as_of: Ints) -> Floats:
    return np.asarray(pc.day_of_week(_local_created(history, lead)), dtype=np.float64)


def _account_size(history: History, lead: Codes, as_of: Ints) -> Floats:
    starts, created = history.account_members
    size: Floats = _others_created(starts, created, history.account[lead], history.created_at[lead], as_of)
    return size


@njit(cache=True, nogil=True)
def _others_created(starts, created, account, own, as_of):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Leads of the account created before each moment, the lead itself left out."""
    size = np.zeros(len(as_of))
    for snapshot in range(len(as_of)):
        if account[snapshot] < 0:
            continue
        first = starts[account[snapshot]]
        end = _first_at_or_after(created, first, starts[account[snapshot] + 1], as_of[snapshot])
        size[snapshot] = end - first - (own[snapshot] < as_of[snapshot])
    return size


_MOMENTS = {
    "lead_age": _lead_age,
    "created_hour": _created_hour,
    "created_weekday": _created_weekday,
    "account_size": _account_size,
}

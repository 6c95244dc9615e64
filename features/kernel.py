"""The one engine: what was known about a lead just before a moment.

Nothing else in the repository compares rows with ``as_of``. A row is visible iff it happened *and* was
known strictly before; a window is half open, ``[as_of - days, as_of)``. The same compiled functions run
for a million leads in a pipeline and for one lead in a request, so the two cannot differ.

Each snapshot walks its group's rows from the newest to the oldest. A row falls in the ring of the
smallest window that holds it; rings are added up at the end. So the cost is one visit per (snapshot,
row), whatever the number of windows and features.

Sums are of whole numbers, so that the order of rows cannot matter. Only the sums of ``halving`` are of floats:
they are added from the newest row to the oldest, and rows of one instant add the same number, so there the
order in which rows come cannot matter either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from features.attributes import tell
from features.clock import DAY
from features.definitions import Feature, feature_set
from features.history import MICRO, Codes, History, Stream
from features.matrix import Float32s, Floats, Ints, Matrix, Texts
from features.moments import age, local_hour, local_weekday
from features.plan import OPERATIONS, Decays, Placed, Plan, Sources, column_codes, compile_plan, words_of

NO_ONE = -1
COUNT, ACTIVE_DAYS, TOTAL, MEAN, MAXIMUM, DISTINCT, TREND, RECENCY, FIRST_SEEN, FADING, HALVING = sorted(
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
    return build_at(features, history, history.lead_rows(lead_id), as_of)


def build_at(features: Sequence[Feature], history: History, lead: Codes, as_of: Ints) -> Matrix:
    """``build`` for leads named by their position in the history."""
    features = feature_set(features)
    as_of = np.ascontiguousarray(as_of, dtype=np.int64)
    values = np.empty((len(lead), len(features)), dtype=np.float32)
    values[:] = [feature.if_none for feature in features]
    nobody = np.full(len(lead), NO_ONE, dtype=np.int32)
    account = history.account[lead]

    about = Sources.of(features)
    _sweep_into(values, about.events, history.events, lead, nobody, as_of)
    _sweep_into(values, about.stages, history.stages, lead, nobody, as_of)
    if about.account_events:
        _sweep_into(values, about.account_events, history.account_events, account, lead, as_of)
    words = _attributes_into(values, about.facts, history.lead_attributes, lead, as_of)
    words |= _attributes_into(values, about.account_facts, history.account_attributes, account, as_of)
    for column, feature in about.moments:
        values[:, column] = _MOMENTS[feature.statistic](history, lead, as_of)
    return Matrix(tuple(features), values, words)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a stream as the sweep reads them.

    Attributes:
        starts, occurred_at, known_at, owner, value: as in ``Stream``.
        codes: of all selectable columns, shape (columns, rows).
        millionths: values as whole millionths, 0 where there is none.
    """

    starts: Ints
    occurred_at: Ints
    known_at: Ints
    owner: Codes
    codes: Codes
    value: Floats
    millionths: Ints

    @classmethod
    def of(cls, stream: Stream) -> Rows:
        """Rows of a stream."""
        amounts = np.where(np.isnan(stream.value), 0.0, stream.value)
        return cls(
            starts=stream.starts,
            occurred_at=stream.occurred_at,
            known_at=stream.known_at,
            owner=stream.owner,
            codes=column_codes(stream),
            value=stream.value,
            millionths=np.rint(amounts * MICRO).astype(np.int64),
        )


def sweep(values: Float32s, plan: Plan, rows: Rows, snapshots: tuple[Codes, Codes, Ints]) -> None:
    """Write what rows say into ``values``, which holds what no evidence means.

    Args:
        values: shape (snapshots, features of the matrix); the plan names the columns to write.
        plan: bound to the words that the codes of ``rows`` stand for.
        rows: grouped by lead or account.
        snapshots: the group asked about (-1 for none), the owner whose rows do not count, and the moment.
    """
    _sweep(
        values,
        (rows.starts, rows.occurred_at, rows.known_at, rows.owner),
        (rows.codes, rows.value, rows.millionths),
        plan.most_words,
        snapshots,
        (
            plan.windows,
            plan.candidates_start,
            plan.candidates,
            plan.accept_at,
            plan.accept,
            plan.by_type_alone,
        ),
        (plan.wants_days, plan.wants_values),
        (plan.low, plan.high, plan.ranged),
        (plan.distinct_column, plan.distinct_start, plan.distinct_slots),
        _with_sums(plan),
        (plan.program, plan.operation_starts, plan.log_ratio),
    )


def _with_sums(plan: Plan) -> tuple[Decays, tuple[Ints, Ints, Floats]] | None:
    """What depends on ages, and room for its sums: two for each ring, one for each half-life."""
    if plan.decays is None:
        return None
    rings = len(plan.windows), len(plan.by_type_alone)
    _, half_life, _, _ = plan.decays
    sums = np.zeros(rings, dtype=np.int64), np.zeros(rings, dtype=np.int64), np.zeros(len(half_life))
    return plan.decays, sums


def _sweep_into(
    values: Float32s,
    features: Placed,
    stream: Stream,
    group: Codes,
    excluded: Codes,
    as_of: Ints,
) -> None:
    if features and len(stream):
        plan = compile_plan(features, words_of(stream))
        sweep(values, plan, Rows.of(stream), (group, excluded, as_of))


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


@njit(cache=True, nogil=True, inline="always")
def _accepted(selector, row, codes, value, accept_at, accept, ranges):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Whether a selector that accepts the row's type accepts its other columns and value too."""
    low, high, ranged = ranges
    for column in range(accept_at.shape[1]):
        start = accept_at[selector, column]
        if start >= 0 and not accept[start + codes[column + 1, row]]:
            return False
    return not ranged[selector] or (value[row] >= low[selector] and value[row] < high[selector])


@njit(cache=True, nogil=True, inline="always")
def _add_up(ring):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Turn rings into windows, in place: each window holds the rings of all shorter ones."""
    for window in range(1, ring.shape[0]):
        for selector in range(ring.shape[1]):
            ring[window, selector] += ring[window - 1, selector]


@njit(cache=True, nogil=True, inline="always")
def _answer(values, program, starts, log_ratio, rings, ends, moment, occurred_at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the features of one snapshot; ``values`` is its row, filled with what no evidence means."""
    counts, days, valued, sums, largest, different = rings
    newest, oldest = ends
    for f in range(starts[COUNT], starts[COUNT + 1]):
        values[program[f, 4]] = counts[program[f, 2], program[f, 1]]
    for f in range(starts[ACTIVE_DAYS], starts[ACTIVE_DAYS + 1]):
        values[program[f, 4]] = days[program[f, 2], program[f, 1]]
    for f in range(starts[TOTAL], starts[TOTAL + 1]):
        values[program[f, 4]] = sums[program[f, 2], program[f, 1]] / MICRO
    for f in range(starts[MEAN], starts[MEAN + 1]):
        if valued[program[f, 2], program[f, 1]] > 0:
            total = sums[program[f, 2], program[f, 1]] / MICRO
            values[program[f, 4]] = total / valued[program[f, 2], program[f, 1]]
    for f in range(starts[MAXIMUM], starts[MAXIMUM + 1]):
        if valued[program[f, 2], program[f, 1]] > 0:
            values[program[f, 4]] = largest[program[f, 2], program[f, 1]]
    for f in range(starts[DISTINCT], starts[DISTINCT + 1]):
        values[program[f, 4]] = different[program[f, 2], program[f, 1]]
    for f in range(starts[TREND], starts[TREND + 1]):
        short, long = counts[program[f, 2], program[f, 1]], counts[program[f, 3], program[f, 1]]
        if long > 0:
            values[program[f, 4]] = np.log((short + 0.5) / (long + 0.5)) + log_ratio[f]
    for f in range(starts[RECENCY], starts[RECENCY + 1]):
        if newest[program[f, 1]] >= 0:
            values[program[f, 4]] = (moment - occurred_at[newest[program[f, 1]]]) / DAY
    for f in range(starts[FIRST_SEEN], starts[FIRST_SEEN + 1]):
        if newest[program[f, 1]] >= 0:
            values[program[f, 4]] = (moment - occurred_at[oldest[program[f, 1]]]) / DAY


@njit(cache=True, nogil=True, inline="always")
def _clear_worth(decays):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Nothing has been added up yet."""
    _, (begun, to_come, halved) = decays
    begun[:] = 0
    to_come[:] = 0
    halved[:] = 0.0


@njit(cache=True, nogil=True, inline="always")
def _add_worth(decays, ring, selector, age):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add an event of some age to the sums of a selector.

    An age is kept in two parts: the days begun since the event, and the microseconds of the last of them that
    are to come. Of whole ages in microseconds, some thousands of old events would overflow.
    """
    (wants_ages, half_life, halving_start, halving_slots), (begun, to_come, halved) = decays
    if wants_ages[selector]:
        days_begun = (age + DAY - 1) // DAY
        begun[ring, selector] += days_begun
        to_come[ring, selector] += days_begun * DAY - age
        for at in range(halving_start[selector], halving_start[selector + 1]):
            slot = halving_slots[at]
            halved[slot] += 2.0 ** -(age / half_life[slot])


@njit(cache=True, nogil=True, inline="always")
def _answer_worth(values, program, starts, windows, counts, decays):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the features of one snapshot that depend on the age of each event; ``counts`` are of windows."""
    _, (begun, to_come, halved) = decays
    _add_up(begun)
    _add_up(to_come)
    for f in range(starts[FADING], starts[FADING + 1]):
        length = windows[program[f, 2]] // DAY
        # Neither part is negative, so nothing cancels: an event just before its end keeps all its digits.
        whole_days = counts[program[f, 2], program[f, 1]] * length - begun[program[f, 2], program[f, 1]]
        values[program[f, 4]] = (whole_days + to_come[program[f, 2], program[f, 1]] / DAY) / length
    for f in range(starts[HALVING], starts[HALVING + 1]):
        values[program[f, 4]] = halved[program[f, 1]]


@njit(cache=True, nogil=True)
def _sweep(values, rows, cells, most_words, snapshots, selection, wants, ranges, sets, decays, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fill ``values`` for every snapshot; the arguments are the fields of ``Stream`` and ``Plan``.

    Rings are arrays of shape (windows, selectors). What no feature asks for is not collected;
    where ``decays`` is ``None``, what depends on it is not even compiled.
    """
    starts, occurred_at, known_at, owner = rows
    codes, value, millionths = cells
    group, excluded, as_of = snapshots
    windows, candidates_start, candidates, accept_at, accept, by_type_alone = selection
    wants_days, wants_values = wants
    distinct_column, distinct_start, distinct_slots = sets
    program, operation_starts, log_ratio = output
    any_days, any_values = wants_days.any(), wants_values.any()

    shape = (windows.shape[0], wants_days.shape[0])
    counts, days, valued = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    sums, largest = np.zeros(shape, np.int64), np.zeros(shape, np.float64)
    different = np.zeros((shape[0], distinct_column.shape[0]), np.int32)
    newest, oldest, last_day = (
        np.zeros(shape[1], np.int64),
        np.zeros(shape[1], np.int64),
        np.zeros(shape[1], np.int64),
    )
    seen = np.full((distinct_column.shape[0], most_words), -1, np.int64)

    for snapshot in range(as_of.shape[0]):
        if group[snapshot] < 0:
            continue
        moment = as_of[snapshot]
        first = starts[group[snapshot]]
        end = _first_at_or_after(occurred_at, first, starts[group[snapshot] + 1], moment)
        if first == end:
            continue
        counts[:] = 0
        different[:] = 0
        newest[:] = -1
        if any_days:
            days[:] = 0
        if decays is not None:
            _clear_worth(decays)
        if any_values:
            valued[:] = 0
            sums[:] = 0
            largest[:] = -np.inf
        ring = 0
        for row in range(end - 1, first - 1, -1):
            if known_at[row] >= moment or owner[row] == excluded[snapshot]:
                continue
            while moment - occurred_at[row] > windows[ring]:
                ring += 1
            day = occurred_at[row] // DAY
            kind = codes[0, row]
            for candidate in range(candidates_start[kind], candidates_start[kind + 1]):
                s = candidates[candidate]
                if not by_type_alone[s] and not _accepted(s, row, codes, value, accept_at, accept, ranges):
                    continue
                if newest[s] < 0:
                    newest[s] = row
                    last_day[s] = day + 1
                oldest[s] = row
                counts[ring, s] += 1
                if wants_days[s]:
                    days[ring, s] += day != last_day[s]
                    last_day[s] = day
                if wants_values[s] and not np.isnan(value[row]):
                    valued[ring, s] += 1
                    sums[ring, s] += millionths[row]
                    largest[ring, s] = max(largest[ring, s], value[row])
                if decays is not None:
                    _add_worth(decays, ring, s, moment - occurred_at[row])
                for slot in range(distinct_start[s], distinct_start[s + 1]):
                    d = distinct_slots[slot]
                    word = codes[distinct_column[d], row]
                    if word > 0 and seen[d, word] != snapshot:
                        seen[d, word] = snapshot
                        different[ring, d] += 1
        _add_up(counts)
        _add_up(different)
        if any_days:
            _add_up(days)
        if any_values:
            _add_up(valued)
            _add_up(sums)
            for window in range(1, shape[0]):
                for s in range(shape[1]):
                    largest[window, s] = max(largest[window, s], largest[window - 1, s])
        rings = (counts, days, valued, sums, largest, different)
        ends = (newest, oldest)
        _answer(values[snapshot], program, operation_starts, log_ratio, rings, ends, moment, occurred_at)
        if decays is not None:
            _answer_worth(values[snapshot], program, operation_starts, windows, counts, decays)


@njit(cache=True, nogil=True)
def latest_rows(rows, field, slot_of_field, snapshots, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
    values: Float32s, features: Placed, stream: Stream, group: Codes, as_of: Ints
) -> dict[str, tuple[str, ...]]:
    """Fill the attribute columns; returns the words of the category columns."""
    if not features:
        return {}
    wanted = list(dict.fromkeys(str(feature.field) for _, feature in features))
    field = stream.columns["field"]
    slots = {name: slot for slot, name in enumerate(wanted)}
    slot_of_field = np.array([slots.get(name, -1) for name in field.words], dtype=np.int64)
    found = np.full((len(as_of), len(wanted)), -1, dtype=np.int64)
    rows = stream.starts, stream.occurred_at, stream.known_at
    latest_rows(rows, field.codes, slot_of_field, (group, as_of), found)
    words: dict[str, tuple[str, ...]] = {}
    for column, feature in features:
        told = tell(feature, stream, found[:, slots[str(feature.field)]], as_of)
        values[:, column] = told.values
        if feature.is_category:
            words[feature.name] = told.words
    return words


def _lead_age(history: History, lead: Codes, as_of: Ints) -> Floats:
    return age(as_of, history.created_at[lead])


def _created_hour(history: History, lead: Codes, as_of: Ints) -> Floats:
    return local_hour(history.created_at[lead], history.time_zone)


def _created_weekday(history: History, lead: Codes, as_of: Ints) -> Floats:
    return local_weekday(history.created_at[lead], history.time_zone)


def _account_size(history: History, lead: Codes, as_of: Ints) -> Floats:
    starts, created = history.account_members
    size: Floats = others_created(starts, created, history.account[lead], history.created_at[lead], as_of)
    return size


@njit(cache=True, nogil=True)
def others_created(starts, created, account, own, as_of):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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

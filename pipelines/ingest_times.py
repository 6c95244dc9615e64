"""Texts to instants, a whole column at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.clock import DAY, HOUR, SECOND
from pipelines.ingest_formats import Layout, layout
from pipelines.ingest_zones import Ints, Mask, OnAmbiguous, OnNonexistent, next_midnight, place

_SHAPE_OF = np.arange(256, dtype=np.uint8)
_SHAPE_OF[ord("0") : ord("9") + 1] = ord("0")
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_MINUTE = 60 * SECOND

Codes = NDArray[np.uint8]
REASONS = (
    "",
    "missing_time",
    "bad_time",
    "implausible_time",
    "naive_time",
    "ambiguous_time",
    "nonexistent_time",
)
"""Why a text is no instant; the empty word where it is one."""
MISSING, BAD, IMPLAUSIBLE, NAIVE, AMBIGUOUS, NONEXISTENT = range(1, 7)


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of a column are to be read."""

    date_formats: tuple[str, ...] = ("iso",)
    zone: str | None = None
    whole_days: bool = False
    on_ambiguous: OnAmbiguous = "earlier"
    on_nonexistent: OnNonexistent = "shift_forward"


@dataclass(frozen=True, slots=True)
class Times:
    """One entry per text. ``day_over`` is the instant itself; of a whole day, the next local midnight."""

    instant: Ints
    day_over: Ints
    reason: Codes
    naive: Mask
    ambiguous: Mask
    nonexistent: Mask


@dataclass(slots=True)
class _Wall:
    """What is written: wall time, its distance from UTC where written, whether it is only a day."""

    local: Ints
    offset: Ints
    zoned: Mask
    whole_day: Mask
    reason: Codes


def read_times(texts: pa.StringArray, clock: Clock) -> Times:
    """Instants of ``texts``.

    A text without a time of day is a whole day, whatever the column promises: it happened when the
    day began and is known when the day is over. Years outside 1900 to 2100 are implausible: exports
    write 9999-12-31 for "never".

    >>> times = read_times(
    ...     pa.array(["2018-02-01", "2018-02-01T10:00:00-02:00"]), Clock(zone="America/Sao_Paulo")
    ... )
    >>> (times.day_over - times.instant).tolist()
    [86400000000, 0]
    """
    wall = _read_wall(texts, clock)
    placed = _placed(wall, clock.zone)
    return placed if clock.zone is None else _with_policy(placed, clock)


def _read_wall(texts: pa.StringArray, clock: Clock) -> _Wall:
    count = len(texts)
    wall = _Wall(
        np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, bool),
        np.full(count, MISSING, np.uint8),
    )  # fmt: skip
    data, starts, shapes = _shapes(texts)
    order = np.argsort(shapes.indices.fill_null(-1).to_numpy(), kind="stable")
    sizes = np.bincount(shapes.indices.drop_null().to_numpy(), minlength=len(shapes.dictionary))
    ends = np.cumsum(sizes) + texts.null_count
    for shape, end, size in zip(shapes.dictionary.to_pylist(), ends, sizes, strict=True):
        rows = order[end - size : end]
        found = layout(shape.decode("latin-1"), clock.date_formats)
        if found is None:
            wall.reason[rows] = BAD
        else:
            _fill(wall, rows, found, _numbers(data, starts[rows], found))
    if clock.whole_days:
        wall.whole_day[:] = True
        wall.local -= wall.local % DAY
    return wall


def _shapes(texts: pa.StringArray) -> tuple[NDArray[np.uint8], Ints, pa.DictionaryArray]:
    flat = pa.concat_arrays([texts.cast(pa.large_binary())])  # offset 0, own buffers
    valid, offsets, data = flat.buffers()
    starts = np.frombuffer(offsets, np.int64)[: len(flat) + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    masked = pa.py_buffer(_SHAPE_OF[raw])
    shaped = pa.Array.from_buffers(pa.large_binary(), len(flat), [valid, offsets, masked])
    return raw, starts[:-1], shaped.dictionary_encode()


def _numbers(data: NDArray[np.uint8], starts: Ints, found: Layout) -> dict[str, Ints]:
    numbers: dict[str, Ints] = {}
    for name, first, length in found.spans:
        value = np.zeros(len(starts), np.int64)
        for place_ in range(first, first + length):
            value = value * 10 + (data[starts + place_].astype(np.int64) - ord("0"))
        numbers[name] = value * 10 ** (6 - length) if name == "fraction" and length <= 6 else value
        if name == "fraction" and length > 6:
            numbers[name] = value // 10 ** (length - 6)
    return numbers


def _fill(wall: _Wall, rows: Ints, found: Layout, numbers: dict[str, Ints]) -> None:
    if found.epoch is not None:
        local, reason = _from_epoch(numbers["epoch"], found.epoch)
        wall.zoned[rows] = True
    else:
        local, reason = _from_calendar(numbers, found)
        wall.zoned[rows] = found.zone_sign is not None
        wall.offset[rows] = _zone_offset(numbers, found.zone_sign or 0)
    wall.local[rows] = local
    wall.reason[rows] = reason
    wall.whole_day[rows] = not found.has_clock


def _from_epoch(number: Ints, unit: int) -> tuple[Ints, Codes]:
    plausible = number < 2**62 // unit
    local = np.where(plausible, number, 0) * unit
    last = np.datetime64(f"{_LAST_YEAR + 1}-01-01", "us").astype(np.int64)
    return local, np.where(plausible & (local < last), 0, IMPLAUSIBLE).astype(np.uint8)


def _from_calendar(numbers: dict[str, Ints], found: Layout) -> tuple[Ints, Codes]:
    day = numbers["day"]
    zero = np.zeros_like(day)
    year = numbers["year"] if "year" in numbers else _full_year(numbers["short_year"])
    month = numbers.get("month", zero + (found.month or 0))
    hour, hour_fits = _hour(numbers, found, zero)
    minute, second = numbers.get("minute", zero), numbers.get("second", zero)
    good = (month >= 1) & (month <= 12) & hour_fits & (minute < 60) & (second < 60)
    months = (np.clip(year, 1, 9999) - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - first
    good &= (day >= 1) & (day <= length)
    local = (
        (first + day - 1) * DAY
        + hour * HOUR
        + minute * _MINUTE
        + second * SECOND
        + numbers.get("fraction", zero)
    )
    plausible = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR)
    reason = np.where(good, np.where(plausible, 0, IMPLAUSIBLE), BAD).astype(np.uint8)
    return np.where(reason == 0, local, 0), reason


def _full_year(short: Ints) -> Ints:
    """POSIX: 69 to 99 are of the last century."""
    return np.where(short >= 69, short + 1900, short + 2000)


def _hour(numbers: dict[str, Ints], found: Layout, zero: Ints) -> tuple[Ints, Mask]:
    if "hour12" not in numbers:
        hour = numbers.get("hour", zero)
        return hour, hour < 24
    twelve = numbers["hour12"]
    return twelve % 12 + (12 if found.afternoon else 0), (twelve >= 1) & (twelve <= 12)


def _zone_offset(numbers: dict[str, Ints], sign: int) -> Ints | int:
    if "zone_hour" not in numbers:
        return 0
    return sign * (numbers["zone_hour"] * HOUR + numbers.get("zone_minute", 0) * _MINUTE)


def _placed(wall: _Wall, zone: str | None) -> Times:
    """Stamps that name their distance from UTC, and whole days; the rest waits for the zone."""
    instant = wall.local - wall.offset
    good = wall.reason == 0
    by_zone = good & (~wall.zoned | wall.whole_day) if zone is not None else np.zeros(len(good), bool)
    clockless = good & ~wall.zoned
    reason = wall.reason.copy()
    day_over = np.where(wall.whole_day, instant + DAY, instant)
    none = np.zeros(len(good), bool)
    if zone is None:
        reason[clockless] = NAIVE
        return Times(instant, day_over, reason, clockless, none, none)
    placed = place(wall.local[by_zone], zone)
    ambiguous, nonexistent, later = none.copy(), none.copy(), instant.copy()
    instant[by_zone], later[by_zone] = placed.earlier, placed.later
    timed = ~wall.whole_day[by_zone]
    ambiguous[by_zone], nonexistent[by_zone] = placed.ambiguous & timed, placed.nonexistent & timed
    days = by_zone & wall.whole_day
    day_over = later
    day_over[days] = next_midnight(wall.local[days], zone)
    return Times(instant, day_over, reason, clockless, ambiguous, nonexistent)


def _with_policy(times: Times, clock: Clock) -> Times:
    """``times`` holds the earlier instant, and the later one in ``day_over``, of what came twice."""
    instant, day_over, reason = times.instant, times.day_over, times.reason
    if clock.on_ambiguous == "later":
        instant[times.ambiguous] = day_over[times.ambiguous]
    day_over[times.ambiguous] = instant[times.ambiguous]
    if clock.on_ambiguous == "quarantine":
        reason[times.ambiguous] = AMBIGUOUS
    if clock.on_nonexistent == "quarantine":
        reason[times.nonexistent] = NONEXISTENT
    return Times(instant, day_over, reason, times.naive, times.ambiguous, times.nonexistent)

"""Local wall time to UTC, by a stated policy where the clocks jump."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from features.clock import DAY, SECOND

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
OnAmbiguous = Literal["earlier", "later", "quarantine"]
OnNonexistent = Literal["shift_forward", "quarantine"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Placed:
    """Instants of local times. A local time may come twice (``ambiguous``) or never (``nonexistent``).

    ``earlier`` and ``later`` differ only where ambiguous; a time that never came is the moment of the jump.
    """

    earlier: Ints
    later: Ints
    ambiguous: Mask
    nonexistent: Mask


def place(local: Ints, zone: str) -> Placed:
    """Instants of ``local``, microseconds of the wall clock since 1970 as if it were UTC.

    >>> spring = place(np.array([1301193000_000000]), "Europe/Amsterdam")  # 2011-03-27T02:30, skipped
    >>> spring.nonexistent.tolist(), spring.earlier.tolist()
    ([True], [1301187600000000])
    """
    if not len(local):
        empty = np.zeros(0, np.int64)
        return Placed(empty, empty, empty.astype(bool), empty.astype(bool))
    moments, offsets = _transitions(zone, _year(local.min()) - 1, _year(local.max()) + 1)
    before = local - _offset(local - DAY, moments, offsets)
    after = local - _offset(local + DAY, moments, offsets)
    before_holds = before + _offset(before, moments, offsets) == local
    after_holds = after + _offset(after, moments, offsets) == local
    nonexistent = ~before_holds & ~after_holds
    first = np.where(before_holds, before, after)
    last = np.where(after_holds, after, before)
    if nonexistent.any():
        jump = moments[np.searchsorted(moments, local[nonexistent] - DAY)]
        first[nonexistent] = last[nonexistent] = jump
    return Placed(first, last, first != last, nonexistent)


def next_midnight(day: Ints, zone: str) -> Ints:
    """Instant at which the local day that begins at wall time ``day`` is over.

    Where midnight comes twice it is the later one: nothing is known too early.
    """
    return place(day + DAY, zone).later


def _offset(instants: Ints, moments: Ints, offsets: Ints) -> Ints:
    return offsets[np.searchsorted(moments, instants, side="right")]


def _year(instant: int) -> int:
    return (_EPOCH + timedelta(days=int(instant) // DAY)).year


@lru_cache(maxsize=32)
def _transitions(zone: str, first_year: int, last_year: int) -> tuple[Ints, Ints]:
    """Moments at which the offset changes, and the offsets before, between and after them."""
    info = ZoneInfo(zone)
    days = np.arange(_day_number(first_year), _day_number(last_year + 1))
    daily = np.array([_offset_at(info, int(day) * 86_400) for day in days])
    changes = np.flatnonzero(daily[1:] != daily[:-1])
    moments = [_bisect(info, int(days[change]) * 86_400) for change in changes]
    offsets = np.concatenate([daily[:1], daily[changes + 1]])
    return np.array(moments, np.int64) * SECOND, offsets.astype(np.int64) * SECOND


def _day_number(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH).days


def _offset_at(info: ZoneInfo, second: int) -> int:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(info).utcoffset()
    return 0 if offset is None else offset.days * 86_400 + offset.seconds


def _bisect(info: ZoneInfo, low: int) -> int:
    """First second of the day after ``low`` at which the new offset holds."""
    high, old = low + 86_400, _offset_at(info, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset_at(info, middle) == old else (low, middle)
    return high

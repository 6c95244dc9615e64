"""The values of a row as they are kept beside an answer, so that it can be computed again to the bit."""

from __future__ import annotations

import numpy as np
import orjson

from features.online import Row
from serving.randomness import random_bits


def values_of(row: Row) -> bytes:
    """The values as float32, the lowest byte first; NaN included."""
    return np.ascontiguousarray(row.values, dtype="<f4").tobytes()


def words_of(row: Row) -> str:
    """The words of the category columns by position, as JSON."""
    return orjson.dumps({str(at): word for at, word in enumerate(row.words) if word is not None}).decode()


def row_of(values: bytes, words: str) -> Row:
    """Inverse of ``values_of`` and ``words_of``."""
    numbers = np.frombuffer(values, dtype="<f4").astype(np.float32)
    said: dict[str, str] = orjson.loads(words)
    return Row(numbers, tuple(said.get(str(at)) for at in range(len(numbers))))


def prediction_id(now: int) -> str:
    """A UUID of version 7: in order of time, otherwise random. ``now`` is in microseconds.

    Source: RFC 9562, section 5.7.

    >>> prediction_id(1_700_000_000_000_000)[:15]
    '018bcfe5-6800-7'
    """
    chance = random_bits(74)
    number = (now // 1_000) << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

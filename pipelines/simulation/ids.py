"""Identifiers as the systems write them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from features.matrix import Ints

_DIGITS: Final = np.frombuffer(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8
)
_CHECK: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)
_STRIDE: Final = 1_000_003
"""Odd and prime to 62, so that neighbors look different and nothing collides."""


def short_ids(prefix: str, numbers: Ints) -> pa.Array:
    """Salesforce ids of 15 characters, in which upper and lower case differ."""
    return _texts(_characters(prefix, numbers))


def long_ids(prefix: str, numbers: Ints) -> pa.Array:
    """The same ids with their 3 check characters, which hold the case of the first 15.

    >>> long_ids("00Q", np.array([0, 1])).to_pylist()
    ['00Q5eA000000000EBA', '00Q5eA000004C95EBE']
    """
    short = _characters(prefix, numbers)
    upper = (short >= ord("A")) & (short <= ord("Z"))
    weights = 1 << np.arange(5)
    checks = [_CHECK[upper[:, start : start + 5] @ weights] for start in (0, 5, 10)]
    return _texts(np.column_stack([short, *checks]))


def _characters(prefix: str, numbers: Ints) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    head = np.frombuffer(f"{prefix}5eA".encode(), dtype=np.uint8)
    body = np.empty((len(numbers), 15), dtype=np.uint8)
    body[:, :6] = head
    rest = np.asarray(numbers, dtype=np.int64) * _STRIDE
    for place in range(14, 5, -1):
        rest, digit = np.divmod(rest, 62)
        body[:, place] = _DIGITS[digit]
    return body


def _texts(characters: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> pa.Array:
    count, width = characters.shape
    offsets = pa.array(np.arange(count + 1, dtype=np.int64) * width)
    data = pa.py_buffer(np.ascontiguousarray(characters, dtype=np.uint8))
    return pa.LargeStringArray.from_buffers(count, offsets.buffers()[1], data)

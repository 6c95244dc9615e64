"""From the newest known row of an attribute to a column of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.definitions import Feature
from features.history import Stream
from features.matrix import Floats, Ints
from features.moments import age

LARGEST: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Told:
    """A column: values of shape (snapshots,), and for a category the words that its cells are positions in."""

    values: Floats
    words: tuple[str, ...] = ()


def tell(feature: Feature, stream: Stream, row: Ints, as_of: Ints) -> Told:
    """What the newest row known to each snapshot says; ``row`` is its position in ``stream``, -1 for none."""
    has = row >= 0
    if feature.statistic == "attribute_age":
        ages = np.full(len(row), np.nan)
        ages[has] = age(as_of[has], stream.occurred_at[row[has]])
        return Told(ages)
    text = stream.columns["value"]
    codes = np.zeros(len(row), dtype=np.int64)
    codes[has] = text.codes[row[has]]
    used, position = np.unique(codes, return_inverse=True)
    named = [(at, text.words[code]) for at, code in enumerate(used) if code > 0]
    lookup = np.full(len(used), np.nan)
    if not feature.is_category:
        lookup[[at for at, _ in named]] = [number(word) for _, word in named]
        return Told(lookup[position])
    words = tuple(sorted(word for _, word in named))
    order = {word: float(at) for at, word in enumerate(words)}
    lookup[[at for at, _ in named]] = [order[word] for _, word in named]
    return Told(lookup[position], words)


def tell_one(
    feature: Feature, value: str | None, occurred_at: np.int64, as_of: np.int64
) -> tuple[float, str | None]:
    """``tell`` for one snapshot and the row that it sees: the cell, and the word of a category."""
    if feature.statistic == "attribute_age":
        return float(age(as_of, occurred_at)), None
    if value is None:
        return np.nan, None
    return (0.0, value) if feature.is_category else (number(value), None)


def number(word: str) -> float:
    """The number that a word says, NaN if it says none that a matrix can hold.

    >>> number("1200"), number("about 1200"), number("9e99")
    (1200.0, nan, nan)
    """
    try:
        found = float(word)
    except ValueError:
        return np.nan
    return found if abs(found) <= LARGEST else np.nan

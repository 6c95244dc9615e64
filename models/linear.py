"""Numbers ready for a straight line: signed logarithms, bent at a few knots, with flags for what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from features.matrix import Float32s, Floats

KNOTS: Final = 6
"""Bends per number: enough for a bump over the hours of a day, few enough for a hundred conversions."""
LEAST_MISSING: Final = 5
"""Rows that must lack (and have) a number before its absence is a term."""


@dataclass(frozen=True, slots=True)
class Term:
    """One column of the design: ``(clip(log(x), low, high) - knot)+``, centered and scaled.

    A missing ``x`` gives 0, the mean; or, in a missing flag (``low > high``), the 1.

    Attributes:
        column: position in the encoded matrix.
        low, high: range seen in training, after the logarithm; what lies outside is brought to it.
        knot: where the line starts to rise; ``low`` for the whole range.
        center, scale: mean and standard deviation in training.
    """

    column: int
    low: float
    high: float
    knot: float
    center: float
    scale: float

    @property
    def is_missing_flag(self) -> bool:
        """Whether the term tells that the number is absent."""
        return self.low > self.high

    def values(self, encoded: Float32s) -> Floats:
        """Shape (rows,)."""
        raw = encoded[:, self.column].astype(np.float64)
        if self.is_missing_flag:
            return (np.isnan(raw) - self.center) / self.scale
        bent = np.maximum(np.clip(signed_log(raw), self.low, self.high) - self.knot, 0.0)
        return np.nan_to_num((bent - self.center) / self.scale, nan=0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def signed_log(x: Floats) -> Floats:
    """``log(1 + |x|)`` with the sign of ``x``: ten visits are not ten times one visit."""
    return np.sign(x) * np.log1p(np.abs(x))


def terms_of(encoded: Float32s) -> tuple[Term, ...]:
    """Terms for every column of the training rows; a column without variation has none."""
    return tuple(term for column in range(encoded.shape[1]) for term in _terms(encoded, column))


def design(terms: tuple[Term, ...], encoded: Float32s) -> Floats:
    """Shape (rows, terms); in training every column has mean 0 and, over the rows that have it, deviation 1."""
    filled = np.empty((len(encoded), len(terms)))
    for at, term in enumerate(terms):
        filled[:, at] = term.values(encoded)
    return filled


def _terms(encoded: Float32s, column: int) -> Iterator[Term]:
    raw = encoded[:, column].astype(np.float64)
    missing = np.isnan(raw)
    if LEAST_MISSING <= missing.sum() <= len(raw) - LEAST_MISSING:
        yield Term(column, 1.0, 0.0, 0.0, float(missing.mean()), float(missing.std()))
    logs = signed_log(raw[~missing])
    distinct = len(np.unique(logs))
    if distinct < 2:
        return
    low, high = float(logs.min()), float(logs.max())
    for knot in (low, *(_knots(logs) if distinct >= KNOTS + 3 else ())):
        bent = np.maximum(logs - knot, 0.0)
        if bent.std() > 0.0:
            yield Term(column, low, high, knot, float(bent.mean()), float(bent.std()))


def _knots(logs: Floats) -> list[float]:
    inner = np.unique(np.quantile(logs, np.linspace(0, 1, KNOTS + 2)[1:-1]))
    return [float(knot) for knot in inner if logs.min() < knot < logs.max()]

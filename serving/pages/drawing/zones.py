"""The bands along an axis of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from serving.pages.drawing.svg import Scale

LOWEST: Final = "D"
"""What lies below the last limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a band begins, in points."""

    band: str
    points: float


@dataclass(frozen=True, slots=True)
class Zone:
    """The stretch of an axis that belongs to a band, in pixels; ``start`` may be above ``end``."""

    band: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        """Pixel of its name."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> float:
        """In pixels."""
        return abs(self.end - self.start)


def zones(limits: Sequence[Limit], scale: Scale) -> tuple[Zone, ...]:
    """The bands that are seen on a scale, lowest first. None where nothing is known of the bands.

    >>> zones([Limit("A", 60), Limit("B", 40), Limit("C", 20)], Scale(30, 70, 0, 40))
    (Zone(band='C', start=0.0, end=10.0), Zone(band='B', start=10.0, end=30.0), Zone(band='A', start=30.0, end=40.0))
    """
    if not limits:
        return ()
    begins = sorted(((limit.points, limit.band) for limit in limits), key=lambda begin: begin[0])
    edges = [(scale.low, LOWEST), *begins, (scale.high, "")]
    return tuple(
        Zone(band, float(scale(max(low, scale.low))), float(scale(min(high, scale.high))))
        for (low, band), (high, _) in pairwise(edges)
        if max(low, scale.low) < min(high, scale.high)
    )

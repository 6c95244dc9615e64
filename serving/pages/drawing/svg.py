"""A few lines of SVG: a scale and marks. Colors and fonts come from the style sheet by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from typing_extensions import override

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from ``low..high`` to the pixels ``start..end``.

    >>> Scale(0, 10, 100, 200)(5)
    150.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixel of a value."""
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished drawing, with a name and a description for those who cannot see it."""

    name: str
    title: str
    description: str
    size: tuple[float, float]
    marks: tuple[str, ...]
    look: str = ""

    @override
    def __str__(self) -> str:
        width, height = self.size
        name = escape(self.name)
        return (
            f'<svg role="img" aria-labelledby="{name}-t {name}-d" viewBox="0 0 {width:g} {height:g}" '
            f'class="chart {escape(self.look)}"><title id="{name}-t">{escape(self.title)}</title>'
            f'<desc id="{name}-d">{escape(self.description)}</desc>{"".join(self.marks)}</svg>'
        )


def line(points: Sequence[Point], look: str) -> str:
    """A polyline."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{look}" points="{path}"/>'


def rect(corner: Point, size: Point, look: str) -> str:
    """A rectangle from its upper left corner."""
    return (
        f'<rect class="{look}" x="{corner[0]:.1f}" y="{corner[1]:.1f}" '
        f'width="{max(size[0], 0.0):.1f}" height="{max(size[1], 0.0):.1f}" rx="1.5"/>'
    )


def dot(at: Point, radius: float, look: str) -> str:
    """A circle."""
    return f'<circle class="{look}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"/>'


def text(at: Point, words: str, look: str) -> str:
    """Words at a baseline point."""
    return f'<text class="{look}" x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(words)}</text>'

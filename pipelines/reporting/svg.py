"""A few lines of SVG: scales, axes and marks. Colors and fonts come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from typing_extensions import override

Point = tuple[float, float]
Format = Callable[[float], str]


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

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside, about that many.

        >>> Scale(0, 0.83, 0, 1).ticks(4)
        [0.0, 0.2, 0.4, 0.6, 0.8]
        """
        span = (self.high - self.low) or 1.0
        power = 10.0 ** math.floor(math.log10(span / about))
        step = next((m * power for m in (1, 2, 5) if span / (m * power) <= about * 1.4), 10 * power)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """The plotting area of a chart of ``width`` by ``height``: two scales and room for the labels."""

    width: float
    height: float
    x: Scale
    y: Scale

    @classmethod
    def of(
        cls, x: tuple[float, float], y: tuple[float, float], size: tuple[float, float] = (480, 330)
    ) -> Frame:
        """Margins for a y axis on the left and an x axis with a title below."""
        width, height = size
        return cls(width, height, Scale(*x, 50, width - 14), Scale(*y, height - 46, 16))

    def axes(self, titles: tuple[str, str], formats: tuple[Format, Format]) -> str:
        """Grid lines, tick labels and axis titles."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        parts = [line([(left, self.y(t)), (right, self.y(t))], "grid") for t in self.y.ticks()]
        parts += [text((left - 7, self.y(t) + 4), formats[1](t), "tick end") for t in self.y.ticks()]
        parts += [text((self.x(t), bottom + 18), formats[0](t), "tick middle") for t in self.x.ticks()]
        parts += [line([(left, bottom), (right, bottom)], "axis")]
        parts += [text(((left + right) / 2, bottom + 38), titles[0], "label middle")]
        parts += [text((left, top - 5), titles[1], "label")]
        return "".join(parts)

    def path(self, xs: Sequence[float | None], ys: Sequence[float | None], look: str) -> str:
        """A line through the points that are defined."""
        points = [
            (self.x(a), self.y(b)) for a, b in zip(xs, ys, strict=True) if a is not None and b is not None
        ]
        return line(points, look)


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished drawing with a name and a description for those who cannot see it."""

    name: str
    title: str
    description: str
    size: tuple[float, float]
    marks: Iterable[str] = field(repr=False)

    @override
    def __str__(self) -> str:
        width, height = self.size
        return (
            f'<svg role="img" aria-labelledby="{escape(self.name)}-t {escape(self.name)}-d" '
            f'viewBox="0 0 {width:g} {height:g}" class="chart" style="max-width:{width * 1.25:g}px">'
            f'<title id="{escape(self.name)}-t">{escape(self.title)}</title>'
            f'<desc id="{escape(self.name)}-d">{escape(self.description)}</desc>{"".join(self.marks)}</svg>'
        )


def line(points: Sequence[Point], look: str) -> str:
    """A polyline."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{look}" points="{path}"/>'


def rect(corner: Point, size: Point, look: str) -> str:
    """A rectangle from its upper left corner."""
    return (
        f'<rect class="{look}" x="{corner[0]:.1f}" y="{corner[1]:.1f}" '
        f'width="{max(size[0], 0.0):.1f}" height="{max(size[1], 0.0):.1f}"/>'
    )


def dot(at: Point, radius: float, look: str) -> str:
    """A circle."""
    return f'<circle class="{look}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"/>'


def text(at: Point, words: str, look: str) -> str:
    """Words at a baseline point."""
    return f'<text class="{look}" x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(words)}</text>'

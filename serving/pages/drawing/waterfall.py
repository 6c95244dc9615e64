"""From the base to the score: one bar per signal, each beginning where the one before it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from serving.pages import words
from serving.pages.drawing.svg import Chart, Scale, dot, line, rect, text
from serving.pages.drawing.zones import Limit, zones

ROW: Final = 34
BAR: Final = 18
TOP: Final = 34
"""Room for the names of the bands."""
LEAST_NAME: Final = 16
LEAST_FULL_NAME: Final = 52
"""Pixels that the name of a band takes."""
LEAST_BAR: Final = 1.5
"""A contribution too small to draw is still a line."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one signal adds, in points."""

    name: str
    points: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What is drawn. ``base`` and the steps add up to ``total`` (points)."""

    base: float
    steps: tuple[Step, ...]
    total: float
    limits: tuple[Limit, ...] = ()

    @property
    def edges(self) -> tuple[float, ...]:
        """Where each bar begins, and where the last one ends; shape (steps + 1,)."""
        return tuple(accumulate((step.points for step in self.steps), initial=self.base))


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels of a drawing: names to the left of ``names``, bars up to ``bars``, numbers up to ``width``."""

    width: float
    names: float
    bars: float


WIDE: Final = Layout(760, 150, 690)
NARROW: Final = Layout(360, 104, 304)


def draw(name: str, waterfall: Waterfall, layout: Layout) -> Chart:
    """The drawing; whoever cannot see it has the table beside it."""
    scale = _scale(waterfall, layout)
    rows = len(waterfall.steps) + 2
    height = TOP + rows * ROW + 6
    marks = [*_bands(waterfall.limits, scale, height), *_ends(waterfall, scale, layout)]
    for row, (step, (start, end)) in enumerate(
        zip(waterfall.steps, pairwise(waterfall.edges), strict=True), start=1
    ):
        marks += _step(step, (scale(start), scale(end)), row, layout)
    look = "wide" if layout.width > 500 else "narrow"
    return Chart(
        name, "How the points come about", _said(waterfall), (layout.width, height), tuple(marks), look
    )


def _scale(waterfall: Waterfall, layout: Layout) -> Scale:
    """Wide enough for every bar, and for the limit of the next band on either side where it is near."""
    low, high = min(waterfall.edges), max(waterfall.edges)
    room = max(high - low, 6.0)
    near = [limit.points for limit in waterfall.limits if low - room < limit.points < high + room]
    low, high = min([low, *near]), max([high, *near])
    edge = 0.06 * max(high - low, 6.0)
    return Scale(low - edge, high + edge, layout.names + 8, layout.bars)


def _bands(limits: Sequence[Limit], scale: Scale, height: float) -> list[str]:
    """The bands above, with a line where each begins; a name that has no room is left out."""
    seen = zones(limits, scale)
    marks = [line([(zone.start, 8), (zone.start, height - 4)], "limit") for zone in seen[1:]]
    for zone in seen:
        if zone.length >= LEAST_NAME:
            name = f"band {zone.band}" if zone.length >= LEAST_FULL_NAME else zone.band
            marks.append(text((zone.middle, 18), name, "tick middle"))
    return marks


def _ends(waterfall: Waterfall, scale: Scale, layout: Layout) -> list[str]:
    """The first and the last row: a dot on the scale, with its number."""
    marks = []
    rows = (
        (0, "Start", waterfall.base, "end-dot start"),
        (len(waterfall.steps) + 1, "This lead", waterfall.total, "end-dot"),
    )
    for row, name, value, look in rows:
        middle = _middle(row)
        marks += [
            text((layout.names, middle + 4), name, "name end strong"),
            dot((scale(value), middle), 6, look),
            text((layout.width - 2, middle + 4), words.points(value), "value end strong"),
        ]
    foot = _middle(len(waterfall.steps) + 1)
    marks.append(
        line([(scale(waterfall.total), foot - ROW + BAR / 2), (scale(waterfall.total), foot - 7)], "join")
    )
    return marks


def _step(step: Step, ends: tuple[float, float], row: int, layout: Layout) -> list[str]:
    left, right = min(ends), max(ends)
    middle = _middle(row)
    above = _middle(row - 1) + (BAR / 2 if row > 1 else 7)
    look = "bar for" if step.points > 0 else "bar against"
    return [
        line([(ends[0], above), (ends[0], middle - BAR / 2)], "join"),
        text((layout.names, middle + 4), step.name, "name end"),
        rect((left, middle - BAR / 2), (max(right - left, LEAST_BAR), BAR), look),
        text((layout.width - 2, middle + 4), words.signed(step.points), "value end"),
    ]


def _middle(row: int) -> float:
    return TOP + row * ROW + ROW / 2


def _said(waterfall: Waterfall) -> str:
    told = [f"{step.name} {words.signed(step.points)}" for step in waterfall.steps]
    first, last = words.points(waterfall.base), words.points(waterfall.total)
    return "; ".join([f"Start at {first} points", *told, f"in all {last} points."])

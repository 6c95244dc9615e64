"""The points of a lead over time, with the limits of the bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from features.clock import DAY, iso
from serving.pages import words
from serving.pages.drawing.svg import Chart, Scale, dot, line, text
from serving.pages.drawing.zones import Limit, zones

HEIGHT: Final = 200
WIDE: Final = 600.0
NARROW: Final = 360.0
LEAST_NAME: Final = 14
"""Pixels that the name of a band takes."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A recorded score: instant (microseconds), points, and the bundle that gave it."""

    at: int
    points: float
    bundle: str


def draw(name: str, course: Sequence[Moment], limits: Sequence[Limit], zone: ZoneInfo, width: float) -> Chart:
    """The drawing. ``course`` has at least one moment, in order of time."""
    across, down = _scales(course, limits, width)
    points = [(across(moment.at), down(moment.points)) for moment in course]
    marks = [*_bands(limits, across, down), *_days(course, across, zone)]
    marks += [line([(x, down.end), (x, down.start)], "changed") for x in _changes(course, across)]
    marks += [line(points, "course")] if len(points) > 1 else []
    marks += [dot(point, 3.2, "moment") for point in points[:-1]]
    marks += [dot(points[-1], 5, "end-dot")]
    last = words.whole_points(course[-1].points)
    marks.append(text((points[-1][0] + 9, points[-1][1] + 4), last, "value strong"))
    look = "wide" if width > 500 else "narrow"
    return Chart(name, "Points over time", _said(course, zone), (width, HEIGHT), tuple(marks), look)


def _scales(course: Sequence[Moment], limits: Sequence[Limit], width: float) -> tuple[Scale, Scale]:
    values = [moment.points for moment in course]
    low, high = min(values), max(values)
    room = max(high - low, 10.0)
    near = [limit.points for limit in limits if low - room < limit.points < high + room]
    low, high = min([low, *near]), max([high, *near])
    edge = 0.1 * max(high - low, 10.0)
    start, end = course[0].at, course[-1].at
    if start == end:
        start, end = start - DAY, end + DAY
    return Scale(start, end, 56, width - 42), Scale(low - edge, high + edge, HEIGHT - 26, 12)


def _bands(limits: Sequence[Limit], across: Scale, down: Scale) -> list[str]:
    """The bands at the left, with a line where each begins; a name that has no room is left out."""
    seen = zones(limits, down)
    marks = [line([(across.start, zone.start), (across.end, zone.start)], "limit") for zone in seen[1:]]
    marks += [
        text((across.start - 8, zone.middle + 4), f"band {zone.band}", "tick end")
        for zone in seen
        if zone.length >= LEAST_NAME
    ]
    return marks


def _days(course: Sequence[Moment], across: Scale, zone: ZoneInfo) -> list[str]:
    first, last = (words.day(iso(moment.at), zone) for moment in (course[0], course[-1]))
    marks = [line([(across.start, HEIGHT - 26), (across.end, HEIGHT - 26)], "axis")]
    if first == last:
        return [*marks, text(((across.start + across.end) / 2, HEIGHT - 8), first, "tick middle")]
    return [
        *marks,
        text((across.start, HEIGHT - 8), first, "tick"),
        text((across.end, HEIGHT - 8), last, "tick end"),
    ]


def _changes(course: Sequence[Moment], across: Scale) -> list[float]:
    """Where another model took over."""
    return [
        (across(before.at) + across(after.at)) / 2
        for before, after in pairwise(course)
        if before.bundle != after.bundle
    ]


def _said(course: Sequence[Moment], zone: ZoneInfo) -> str:
    first, last = course[0], course[-1]
    told = f"{words.points(last.points)} points on {words.day(iso(last.at), zone)}"
    if len(course) == 1:
        return f"One score so far: {told}."
    began = f"{words.points(first.points)} points on {words.day(iso(first.at), zone)}"
    return f"{len(course)} scores, from {began} to {told}."

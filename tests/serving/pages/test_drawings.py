from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import DAY
from serving.pages import words
from serving.pages.drawing import course, waterfall
from serving.pages.drawing.course import Moment
from serving.pages.drawing.svg import Chart, Scale
from serving.pages.drawing.waterfall import NARROW, WIDE, Layout, Step, Waterfall
from serving.pages.drawing.zones import Limit, zones
from serving.pages.views import answer as answers

LIMITS = (Limit("A", 61.0), Limit("B", 39.6), Limit("C", 14.0))
POINTS = st.floats(-60, 60)
ZONE = ZoneInfo("Europe/Berlin")


def parse(chart: Chart) -> ET.Element:
    return ET.fromstring(str(chart))  # noqa: S314 - drawn a line above


def looks(drawing: ET.Element, tag: str, look: str) -> list[ET.Element]:
    return [one for one in drawing.iter(tag) if look in one.get("class", "").split()]


def test_the_waterfall_ends_at_the_score_of_the_answer(answer: dict[str, Any]) -> None:
    drawing = answers.waterfall(answer)
    assert drawing.edges[0] == answer["base"]["points"]
    assert drawing.edges[-1] == pytest.approx(answer["points"], abs=1e-6)


def test_each_number_of_the_answer_stands_in_the_drawing(answer: dict[str, Any]) -> None:
    drawing = parse(waterfall.draw("w", answers.waterfall(answer), WIDE))
    told = [one.text for one in looks(drawing, "text", "value")]
    parts = [words.signed(part["points"]) for part in answer["reasons"]["by_signal"]]
    assert sorted(told, key=str) == sorted(["31.4", "55.2", *parts], key=str)
    said = drawing.findtext("desc") or ""
    assert all(part in said for part in [*parts, "31.4", "55.2"])


@given(st.floats(-20, 120), st.lists(POINTS, max_size=8), st.sampled_from([WIDE, NARROW]))
def test_bars_meet_and_stay_inside(base: float, points: list[float], layout: Layout) -> None:
    steps = tuple(Step(f"signal {at}", value) for at, value in enumerate(points))
    drawn = Waterfall(base, steps, base + sum(points), LIMITS)
    drawing = parse(waterfall.draw("w", drawn, layout))
    bars = looks(drawing, "rect", "bar")
    assert len(bars) == len(points)
    for bar, value in zip(bars, points, strict=True):
        assert bar.get("class") == ("bar for" if value > 0 else "bar against")
        left, wide = float(bar.get("x", "")), float(bar.get("width", ""))
        assert layout.names <= left <= left + wide <= layout.bars + 2
    ends = []  # where each bar begins and ends on its way
    for bar, value in zip(bars, points, strict=True):
        left, wide = float(bar.get("x", "")), float(bar.get("width", ""))
        ends.append((left, left + wide) if value > 0 else (left + wide, left))
    for (_, end), (start, _) in pairwise(ends):
        assert abs(end - start) <= waterfall.LEAST_BAR + 0.2


@given(
    st.lists(st.floats(0, 100), min_size=3, max_size=3, unique=True).map(sorted),
    st.floats(0, 50),
    st.floats(51, 100),
)
def test_zones_join_and_cover_the_scale(limits: list[float], low: float, high: float) -> None:
    scale = Scale(low, high, 100, 400)
    seen = zones([Limit(band, at) for band, at in zip("CBA", limits, strict=True)], scale)
    assert seen[0].start == pytest.approx(100)
    assert seen[-1].end == pytest.approx(400)
    assert all(one.end == pytest.approx(other.start) for one, other in pairwise(seen))
    assert [zone.band for zone in seen] == sorted({zone.band for zone in seen}, reverse=True)


@given(st.lists(st.floats(0, 100), min_size=3, max_size=3).map(sorted), st.floats(0, 100))
def test_names_of_bands_do_not_overlap(limits: list[float], base: float) -> None:
    steps = (Step("one", 12.0), Step("two", -7.0))
    begins = tuple(Limit(band, at) for band, at in zip("CBA", limits, strict=True))
    drawing = parse(waterfall.draw("w", Waterfall(base, steps, base + 5, begins), NARROW))
    names = [(float(one.get("x", "")), 7.0 * len(one.text or "")) for one in looks(drawing, "text", "tick")]
    for (left, wide), (right, other) in pairwise(sorted(names)):
        assert left + wide / 2 <= right - other / 2


def test_a_course_of_one_score_is_a_dot() -> None:
    drawing = parse(course.draw("c", [Moment(10 * DAY, 42.0, "one")], LIMITS, ZONE, course.WIDE))
    assert looks(drawing, "polyline", "course") == []
    assert len(looks(drawing, "circle", "end-dot")) == 1
    assert "One score so far: 42.0 points" in (drawing.findtext("desc") or "")


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=30), st.booleans())
def test_a_course_stays_inside(points: list[float], same_moment: bool) -> None:
    moments = [Moment(0 if same_moment else at * DAY, value, "b") for at, value in enumerate(points)]
    drawing = parse(course.draw("c", moments, LIMITS, ZONE, course.NARROW))
    for one in drawing.iter("circle"):
        assert 0 <= float(one.get("cx", "")) <= course.NARROW
        assert 0 <= float(one.get("cy", "")) <= course.HEIGHT


def test_a_course_marks_where_another_model_took_over() -> None:
    moments = [Moment(0, 1.0, "a"), Moment(DAY, 2.0, "a"), Moment(2 * DAY, 3.0, "b")]
    drawing = parse(course.draw("c", moments, (), ZONE, course.WIDE))
    [changed] = looks(drawing, "polyline", "changed")
    across = [float(one.get("cx", "")) for one in drawing.iter("circle")]
    at = float(changed.get("points", "").split(",")[0])
    assert across[1] < at < across[2]


def test_words_of_others_are_inert_and_nothing_is_styled_inline() -> None:
    hostile = "<script>alert(1)</script>\"'"
    drawn = str(waterfall.draw("w", Waterfall(1, (Step(hostile, 2.0),), 3.0), WIDE))
    assert "<script" not in drawn
    assert not re.search(r"\bstyle=|\bon\w+=", drawn)
    [name] = [one.text for one in ET.fromstring(drawn).iter("text") if "script" in (one.text or "")]  # noqa: S314
    assert name == hostile

"""Clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine

from features.clock import DAY, SECOND, micros
from serving.clock import StartedAt, SystemClock, clock_of

MOMENT = datetime(2025, 8, 31, 12, tzinfo=UTC)


def test_the_clock_of_the_machine_tells_its_time_in_utc():
    with time_machine.travel(MOMENT, tick=False):
        assert SystemClock().now() == micros(MOMENT)


def test_a_demo_clock_starts_where_it_is_told_and_then_runs():
    clock = StartedAt(MOMENT)
    first = clock.now()
    time.sleep(0.01)
    assert 0 <= first - micros(MOMENT) < 60 * SECOND
    assert clock.now() - first >= 10_000


def test_a_demo_clock_does_not_mind_when_the_machine_is_set_back():
    clock = StartedAt(MOMENT)
    before = clock.now()
    with time_machine.travel(datetime(2001, 1, 1, tzinfo=UTC)):
        assert clock.now() >= before


def test_the_zone_of_the_moment_is_minded():
    east = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert abs(StartedAt(east).now() - micros(MOMENT)) < 60 * SECOND


def test_the_settings_choose_the_clock():
    assert isinstance(clock_of(None), SystemClock)
    assert abs(clock_of(MOMENT).now() - micros(MOMENT)) < DAY


def test_a_moment_without_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        StartedAt(MOMENT.replace(tzinfo=None))

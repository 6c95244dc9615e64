"""Instants and their texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import DAY, HOUR, NEVER, SECOND, iso, micros


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])))
def test_an_instant_survives_being_written_and_read(moment):
    assert datetime.fromisoformat(iso(micros(moment))) == moment


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00Z", id="the beginning"),
        pytest.param(-1, "1969-12-31T23:59:59.999999Z", id="a microsecond before"),
        pytest.param(59 * 365 * DAY + 1, "2028-12-17T00:00:00.000001Z", id="a microsecond after midnight"),
    ],
)
def test_the_text_of_an_instant(instant, text):
    assert iso(instant) == text
    assert micros(datetime.fromisoformat(text)) == instant


def test_a_moment_without_a_zone_is_refused_with_a_way_out():
    with pytest.raises(ValueError, match=r"2026-03-01T09:30:00 has no time zone; .* 2026-03-01T09:30:00Z"):
        micros(datetime(2026, 3, 1, 9, 30))  # noqa: DTZ001 - that is the point


def test_lengths():
    assert (SECOND, HOUR, DAY) == (10**6, 3_600 * 10**6, 86_400 * 10**6)
    assert micros(datetime.max.replace(tzinfo=UTC)) < NEVER < 2**63

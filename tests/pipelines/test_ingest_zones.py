"""Local time to UTC, against the standard library, one moment at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import iso, micros
from pipelines.ingest_zones import next_midnight, place

ZONES = (
    "Europe/Amsterdam",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/New_York",
)


def wall(text: str) -> np.ndarray:
    return np.array([micros(datetime.fromisoformat(text).replace(tzinfo=UTC))])


@pytest.mark.parametrize(
    ("zone", "local", "earlier", "later"),
    [
        pytest.param(
            "Europe/Amsterdam",
            "2011-10-30T02:30",
            "2011-10-30T00:30:00Z",
            "2011-10-30T01:30:00Z",
            id="an hour that comes twice in autumn",
        ),
        pytest.param(
            "Europe/Amsterdam",
            "2011-10-30T02:00",
            "2011-10-30T00:00:00Z",
            "2011-10-30T01:00:00Z",
            id="the first moment that comes twice",
        ),
        pytest.param(
            "Europe/Amsterdam",
            "2011-10-30T03:00",
            "2011-10-30T02:00:00Z",
            "2011-10-30T02:00:00Z",
            id="the first moment after it comes once",
        ),
        pytest.param(
            "Europe/Amsterdam",
            "2011-03-27T02:00",
            "2011-03-27T01:00:00Z",
            "2011-03-27T01:00:00Z",
            id="the first moment that is skipped in spring",
        ),
        pytest.param(
            "Europe/Amsterdam",
            "2011-03-27T02:59",
            "2011-03-27T01:00:00Z",
            "2011-03-27T01:00:00Z",
            id="a skipped moment is the jump",
        ),
        pytest.param(
            "Europe/Dublin",
            "2020-10-25T01:30",
            "2020-10-25T00:30:00Z",
            "2020-10-25T01:30:00Z",
            id="Dublin, whose winter is called daylight saving",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2021-04-04T01:45",
            "2021-04-03T14:45:00Z",
            "2021-04-03T15:15:00Z",
            id="a change of half an hour",
        ),
        pytest.param(
            "America/Sao_Paulo",
            "2018-11-04T00:00",
            "2018-11-04T03:00:00Z",
            "2018-11-04T03:00:00Z",
            id="a midnight that is skipped",
        ),
    ],
)
def test_where_the_clocks_jump(zone, local, earlier, later):
    placed = place(wall(local), zone)
    assert (iso(placed.earlier[0]), iso(placed.later[0])) == (earlier, later)
    assert placed.ambiguous[0] == (earlier != later)


def test_a_day_that_begins_at_one_ends_at_midnight():
    assert iso(next_midnight(wall("2018-11-04"), "America/Sao_Paulo")[0]) == "2018-11-05T02:00:00Z"


def test_a_day_before_a_skipped_midnight_ends_at_the_jump():
    assert iso(next_midnight(wall("2018-11-03"), "America/Sao_Paulo")[0]) == "2018-11-04T03:00:00Z"


@settings(max_examples=25)
@given(
    zone=st.sampled_from(ZONES),
    moments=st.lists(st.datetimes(datetime(1970, 6, 1), datetime(2037, 1, 1)), min_size=20, max_size=200),  # noqa: DTZ001
)
def test_agrees_with_the_standard_library(zone, moments):
    placed = place(np.array([micros(moment.replace(tzinfo=UTC)) for moment in moments]), zone)
    info = ZoneInfo(zone)
    for number, moment in enumerate(moments):
        both = [moment.replace(tzinfo=info, fold=fold).astimezone(UTC) for fold in (0, 1)]
        exists = both[0].astimezone(info).replace(tzinfo=None) == moment
        assert placed.nonexistent[number] == (not exists)
        if exists:
            assert [placed.earlier[number], placed.later[number]] == [micros(instant) for instant in both]
        else:
            before, after = (
                datetime.fromtimestamp(int(placed.earlier[number]) / 1e6 + d, UTC) for d in (-1, 1)
            )
            jump = after.astimezone(info).utcoffset() - before.astimezone(info).utcoffset()
            assert jump > timedelta(0)
            assert micros(min(both)) <= placed.earlier[number] <= micros(max(both))

"""Texts to instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import iso, micros
from features.errors import DefinitionError
from pipelines.ingest_formats import pattern
from pipelines.ingest_times import REASONS, Clock, read_times


def read(text: str | None, **clock: object) -> str:
    """ISO text of the instant, or the reason why there is none."""
    times = read_times(pa.array([text], pa.string()), Clock(**clock))
    return REASONS[times.reason[0]] or iso(times.instant[0])


@pytest.mark.parametrize(
    ("text", "formats", "said"),
    [
        ("2024-03-01T08:05:09Z", "iso", "2024-03-01T08:05:09Z"),
        ("2024-03-01 08:05:09.25+0530", "iso", "2024-03-01T02:35:09.250000Z"),
        ("2024-03-01T08:05:09,123456789-03", "iso", "2024-03-01T11:05:09.123456Z"),
        ("2024-03-01 3:05:09 UTC", "iso", "2024-03-01T03:05:09Z"),
        ("2024-03-01T08:05+00:00", "iso", "2024-03-01T08:05:00Z"),
        ("01/03/2024 08:05 -0800", "%d/%m/%Y %H:%M %z", "2024-03-01T16:05:00Z"),
        ("1. Mar 24 12:05 AM Z", "%d. %b %y %I:%M %p %Z", "2024-03-01T00:05:00Z"),
        ("March 1, 1999 12:05 pm Z", "%B %d, %Y %I:%M %p %Z", "1999-03-01T12:05:00Z"),
        ("1709280309250", "epoch_ms", "2024-03-01T08:05:09.250000Z"),
        ("1709280309", "epoch_s", "2024-03-01T08:05:09Z"),
    ],
)
def test_a_moment(text, formats, said):
    assert read(text, date_formats=(formats,)) == said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(None, "missing_time", id="nothing"),
        pytest.param("", "bad_time", id="an empty text"),
        pytest.param("yesterday", "bad_time", id="a word"),
        pytest.param("2024-02-30T00:00Z", "bad_time", id="the 30th of February"),
        pytest.param("2023-02-29T00:00Z", "bad_time", id="the 29th of February of a common year"),
        pytest.param("2024-13-01T00:00Z", "bad_time", id="month 13"),
        pytest.param("2024-00-01T00:00Z", "bad_time", id="month 0"),
        pytest.param("2024-01-00T00:00Z", "bad_time", id="day 0"),
        pytest.param("2024-01-01T24:00Z", "bad_time", id="hour 24"),
        pytest.param("2024-01-01T00:60Z", "bad_time", id="minute 60"),
        pytest.param("2024-01-01T00:00:60Z", "bad_time", id="second 60"),
        pytest.param("2024-01-01T00:00Z and more", "bad_time", id="something behind"),
        pytest.param("\u0662024-01-01T00:00Z", "bad_time", id="a digit of another script"),
        pytest.param("9999-12-31T00:00Z", "implausible_time", id="a year that means never"),
        pytest.param("1899-12-30T00:00Z", "implausible_time", id="a spreadsheet's zero"),
        pytest.param("2024-03-01T08:05", "naive_time", id="no zone, and the source has none"),
    ],
)  # fmt: skip
def test_no_moment(text, reason):
    assert read(text) == reason


@pytest.mark.parametrize(
    ("policy", "twice"),
    [
        ("earlier", "2024-10-27T00:30:00Z"),
        ("later", "2024-10-27T01:30:00Z"),
        ("quarantine", "ambiguous_time"),
    ],
)
def test_an_hour_that_comes_twice_follows_the_policy(policy, twice):
    assert read("2024-10-27 02:30", zone="Europe/Berlin", on_ambiguous=policy) == twice


@pytest.mark.parametrize(
    ("policy", "never"), [("shift_forward", "2024-03-31T01:00:00Z"), ("quarantine", "nonexistent_time")]
)
def test_an_hour_that_never_comes_follows_the_policy(policy, never):
    assert read("2024-03-31 02:30", zone="Europe/Berlin", on_nonexistent=policy) == never


def test_a_written_offset_wins_over_the_zone_of_the_source():
    assert (
        read("2024-10-27T02:30+01:00", zone="Europe/Berlin", on_ambiguous="quarantine")
        == "2024-10-27T01:30:00Z"
    )


@pytest.mark.parametrize("text", ["2018-02-17", "2018-02-17 23:10:00", "2018-02-17T23:10:00+09:00"])
def test_a_day_is_known_when_it_is_over(text):
    """The clocks of São Paulo went back at the end of this day: it had 25 hours."""
    times = read_times(pa.array([text]), Clock(zone="America/Sao_Paulo", whole_days=True))
    assert (iso(times.instant[0]), iso(times.day_over[0])) == ("2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z")


def test_counts_what_the_policy_decided():
    texts = ["2024-10-27 02:30", "2024-03-31 02:30", "2024-01-01 00:00", "2024-10-27T02:30Z", "2024-10-27"]
    times = read_times(pa.array(texts), Clock(zone="Europe/Berlin"))
    assert (times.ambiguous.tolist(), times.nonexistent.tolist()) == (
        [True, *[False] * 4],
        [False, True, *[False] * 3],
    )
    assert times.naive.tolist() == [True, True, True, False, True]


@pytest.mark.parametrize("wrong", ["%Q", "%Y-%m", "%Y %y %m %d %Y", "text"])
def test_refuses_a_format_that_says_no_date(wrong):
    with pytest.raises(DefinitionError, match="date format"):
        pattern(wrong)


FIRST, LAST = datetime(1901, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  # hypothesis adds the zone
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.datetimes(FIRST, LAST, timezones=OFFSETS), st.sampled_from("T ")),
        min_size=1,
        max_size=100,
    )
)
def test_reads_every_iso_stamp_as_the_standard_library_does(stamps):
    texts = [moment.isoformat(separator) for moment, separator in stamps]
    times = read_times(pa.array(texts), Clock())
    assert not times.reason.any()
    assert times.instant.tolist() == [micros(moment.astimezone(UTC)) for moment, _ in stamps]


@settings(max_examples=50)
@given(
    st.lists(
        st.none()
        | st.text(max_size=12)
        | st.from_regex(r"\d{1,4}-\d{1,2}-\d{1,2}( \d{1,2}:\d\d)?", fullmatch=True)
    )
)
def test_any_text_is_a_moment_or_has_a_reason(texts):
    times = read_times(pa.array(texts, pa.string()), Clock(zone="Europe/Berlin"))
    for text, reason in zip(texts, times.reason.tolist(), strict=True):
        assert (REASONS[reason] == "missing_time") == (text is None)
        if text is not None and reason == 0:
            padded = "-".join(part.zfill(2) for part in text.split(" ")[0].split("-"))
            assert datetime.fromisoformat(padded)

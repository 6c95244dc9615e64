"""Every comparison of the kernel has an example that knows on which side the boundary lies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from features.definitions import Feature
from features.kernel import build
from features.language import (
    account,
    account_size,
    attribute_age,
    count,
    distinct,
    first_seen,
    latest,
    latest_number,
    lead_age,
    maximum,
    mean,
    recency,
    stage_entries,
    time_in_stage,
    total,
    trend,
)
from tests import builders
from tests.builders import at

NOON = "2026-03-10T12:00"
LEADS = "lead account created \n ann acme 2026-03-01 \n bo acme 2026-03-02 \n cy - 2026-03-03"
NAN = float("nan")


def values(features: list[Feature], lead: str = "ann", as_of: str | int = NOON, **written: Any) -> list[Any]:
    """The features of one lead at one moment; words for categories."""
    history = builders.history(**{"leads": LEADS, **written})
    moment = at(as_of) if isinstance(as_of, str) else as_of
    matrix = build(features, history, np.array([lead], dtype=object), np.array([moment]))
    return [
        matrix.texts(feature.name)[0] if feature.is_category else float(matrix.column(feature.name)[0])
        for feature in features
    ]


def events(*rows: str) -> str:
    """Events of ann: type, at, known, value, topic."""
    return "lead type at known value topic\n" + "\n".join(f"ann {row}" for row in rows)


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        pytest.param("visit 2026-03-10T11:59:59.999999 - - -", 1.0, id="a microsecond before"),
        pytest.param("visit 2026-03-10T12:00 - - -", 0.0, id="at the very moment"),
        pytest.param(
            "visit 2026-03-09 2026-03-10T11:59:59.999999 - -", 1.0, id="learned a microsecond before"
        ),
        pytest.param("visit 2026-03-09 2026-03-10T12:00 - -", 0.0, id="learned at the very moment"),
        pytest.param("visit 2026-03-03T12:00 - - -", 1.0, id="exactly a week before"),
        pytest.param("visit 2026-03-03T11:59:59.999999 - - -", 0.0, id="a microsecond more"),
    ],
)
def test_what_lies_in_a_week(row, counted):
    assert values(count(days=7), events=events(row)) == [counted]


def test_the_first_event_of_all_is_seen():
    assert values(recency() + first_seen() + count(days=1), events=events("visit 2026-03-10T00:00 - - -")) == [
        0.5, 0.5, 1.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "selection", "counted"),
    [
        pytest.param("visit 2026-03-09 - - price", {"topic": "price"}, 1.0, id="the topic asked for"),
        pytest.param("visit 2026-03-09 - - demo", {"topic": "price"}, 0.0, id="another topic"),
        pytest.param("visit 2026-03-09 - - -", {"topic": "price"}, 0.0, id="no topic"),
        pytest.param("visit 2026-03-09 - 5 -", {"at_least": 5}, 1.0, id="a value exactly at the least"),
        pytest.param("visit 2026-03-09 - 4.99 -", {"at_least": 5}, 0.0, id="a value below the least"),
        pytest.param("visit 2026-03-09 - 5 -", {"below": 5}, 0.0, id="a value exactly at the limit"),
        pytest.param("visit 2026-03-09 - 4.99 -", {"below": 5}, 1.0, id="a value below the limit"),
        pytest.param("visit 2026-03-09 - - -", {"below": 5}, 0.0, id="no value"),
    ],
)
def test_which_rows_count(row, selection, counted):
    assert values(count("visit", days=7, **selection), events=events(row)) == [counted]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(["buy 2026-03-09 - - -"], [NAN, NAN, 0.0], id="an event without a value has no mean"),
        pytest.param(["buy 2026-03-09 - -2 -"], [-2.0, -2.0, -2.0], id="one value"),
        pytest.param(
            ["buy 2026-03-09 - -2 -", "buy 2026-03-08 - - -", "buy 2026-03-07 - 5 -"],
            [1.5, 5.0, 3.0],
            id="the mean is over the events that have a value",
        ),
    ],
)
def test_values(written, expected):
    features = mean(days=7) + maximum(days=7) + total(days=7)
    np.testing.assert_array_equal(values(features, events=events(*written)), expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2026-03-09", math.log(30 / 7), id="one event this week is a rise"),
        pytest.param(
            "2026-02-20", math.log(0.5 / 1.5) + math.log(30 / 7), id="one event weeks ago is a fall"
        ),
        pytest.param("2026-01-01", 0.0, id="an event older than both windows says nothing"),
    ],
)
def test_a_trend(day, expected):
    assert values(trend(), events=events(f"visit {day} - - -")) == [pytest.approx(expected)]


def test_missing_words_are_not_counted_as_a_word():
    rows = [f"visit 2026-03-0{day} - - {topic}" for day, topic in ((5, "a"), (6, "-"), (7, "b"), (8, "a"))]
    assert values(distinct("topic", days=30), events=events(*rows)) == [2.0]


def test_stages_are_swept_like_events():
    stages = "lead stage at \n ann new 2026-03-01 \n ann mql 2026-03-08T12:00 \n ann sql 2026-03-10T12:00"
    assert values(time_in_stage() + stage_entries() + stage_entries("sql"), stages=stages) == [2.0, 2.0, 0.0]


ROWS = "lead type at \n bo visit 2026-03-09 \n ann visit 2026-03-09 \n cy visit 2026-03-09"


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        pytest.param("ann", [1.0, 1.0], id="the other contact's events, not its own"),
        pytest.param("bo", [1.0, 1.0], id="and the other way round"),
        pytest.param("cy", [0.0, 0.0], id="a lead without an account has no others"),
    ],
)
def test_the_other_contacts_of_the_account(lead, expected):
    assert values(account(count(days=7)) + account_size(), lead, events=ROWS) == expected


@pytest.mark.parametrize(
    ("lead", "as_of", "size"),
    [
        pytest.param("ann", "2026-03-02", 0.0, id="a contact created at the moment does not count"),
        pytest.param("ann", "2026-03-02T00:00:00.000001", 1.0, id="one created a microsecond before does"),
        pytest.param("bo", "2026-03-02", 1.0, id="the lead itself is not counted, not even at its creation"),
        pytest.param("bo", "2026-03-01", 0.0, id="nor before it"),
    ],
)
def test_how_many_others_there_are(lead, as_of, size):
    assert values(account_size(), lead, as_of) == [size]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(["9 2026-03-09T12:00 -"], ["9", 9.0, 1.0], id="the only fact"),
        pytest.param(["9 2026-03-08 -", "10 2026-03-09T12:00 -"], ["10", 10.0, 1.0], id="the newest"),
        pytest.param(
            ["9 2026-03-08T12:00 -", "10 2026-03-10T12:00 -"], ["9", 9.0, 2.0], id="not that of the moment"
        ),
        pytest.param(
            ["9 2026-03-08T12:00 -", "10 2026-03-09 2026-03-10T12:00"],
            ["9", 9.0, 2.0],
            id="nor one learned then",
        ),
        pytest.param(
            ["9 2026-03-08T12:00 -", "10 2026-03-09T12:00 2026-03-10T11:59:59.999999"],
            ["10", 10.0, 1.0],
            id="one learned a microsecond before",
        ),
        pytest.param(
            ["9 2026-03-08 -", "- 2026-03-09T12:00 -"], [None, NAN, 1.0], id="a value that was emptied"
        ),
        pytest.param(["big 2026-03-09T12:00 -"], ["big", NAN, 1.0], id="a word is no number"),
    ],
)
@pytest.mark.parametrize("entity", ["lead", "account"])
def test_facts_as_known(rows, expected, entity):
    owner = {"lead": "ann", "account": "acme"}[entity]
    told = "\n".join(f"{entity} {owner} size {row}" for row in rows)
    features = [
        feature for made in (latest, latest_number, attribute_age) for feature in made("size", entity=entity)
    ]
    found = values(features, attributes="entity id field value at known\n" + told)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1:], expected[1:])


def test_a_fact_of_the_account_is_no_fact_of_a_lead_without_one():
    facts = "entity id field value at \n account acme size 9 2026-03-08"
    [word, number, age] = values(
        latest("size", entity="account") + latest_number("size", entity="account") + attribute_age("size"),
        "cy",
        attributes=facts,
    )
    assert word is None
    assert math.isnan(number)
    assert math.isnan(age)


def test_the_age_of_a_lead_may_be_below_zero_before_it_exists():
    assert values(lead_age(), as_of="2026-02-28T12:00") == [-0.5]

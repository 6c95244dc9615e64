"""How outcomes ripen: against sums on paper and a slow twin, and what follows for the horizon."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import DAY, HOUR, NEVER
from models.maturity import LEAST_SQLS, LONGEST, Maturity, maturity

UNTIL = 1000 * DAY

Lead = tuple[int, int | None, bool]
"""Days before the end of the data at which it came, days until it closed (None: open), whether as an SQL."""


def curve(*leads: Lead) -> Maturity:
    start = np.array([UNTIL - came * DAY for came, _, _ in leads], dtype=np.int64)
    end = np.array(
        [NEVER if closed is None else UNTIL - (came - closed) * DAY for came, closed, _ in leads],
        dtype=np.int64,
    )
    return maturity(start, end, np.array([won for _, _, won in leads], dtype=np.bool_), observed_until=UNTIL)


def twin(leads: list[Lead]) -> list[float]:
    """Day by day, lead by lead."""
    longest = min(max(came for came, _, _ in leads), LONGEST)
    share, in_play, told = 0.0, 1.0, []
    for day in range(longest + 1):
        at_risk = won = closed = 0
        for came, end, converted in leads:
            left = came if end is None else end
            at_risk += left >= day
            closed += end == day
            won += end == day and converted
        share += in_play * won / at_risk if at_risk else 0.0
        in_play *= 1.0 - closed / at_risk if at_risk else 1.0
        told.append(share)
    return told


def test_with_everybody_followed_to_the_end_it_is_the_plain_share():
    found = curve((30, 2, True), (30, 5, True), (30, 9, False), (30, 30, False))
    assert found.share[[1, 2, 4, 5, 30]].tolist() == [0.0, 0.25, 0.25, 0.5, 0.5]
    assert (found.leads, found.converted, found.followed) == (4, 2, 30)


def test_on_paper_with_one_of_each_kind():
    """Day 1: one of 5 converts. Day 2: one of 4 is rejected. Day 3: one is censored. Day 4: one of 2 converts."""
    found = curve((9, 1, True), (9, 2, False), (3, None, False), (9, 4, True), (9, None, False))
    assert found.share[:5] == pytest.approx([0.0, 1 / 5, 1 / 5, 1 / 5, 1 / 5 + (4 / 5) * (3 / 4) * (1 / 2)])
    assert found.share[-1] == found.share[4]


def test_an_open_lead_is_censored_not_lost():
    """Followed for 3 days, the open lead says nothing about day 5, where one of one converts."""
    assert curve((10, 5, True), (3, None, False)).share[[4, 5]].tolist() == [0.0, 1.0]


def test_a_rejected_lead_is_lost_not_censored():
    assert curve((10, 5, True), (10, 3, False)).share[[4, 5]].tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        pytest.param(UNTIL, 1, id="at the very end of the data counts"),
        pytest.param(UNTIL + 1, 0, id="a microsecond later was not seen"),
    ],
)
def test_what_lies_behind_the_end_of_the_data_was_not_seen(end, counts):
    found = maturity(np.array([UNTIL - DAY]), np.array([end]), np.array([True]), observed_until=UNTIL)
    assert found.converted == counts
    assert found.share[-1] == counts


def test_an_age_is_counted_in_whole_days():
    start = np.array([UNTIL - 9 * DAY])
    found = maturity(start, start + 2 * DAY - HOUR, np.array([True]), observed_until=UNTIL)
    assert found.share[:3].tolist() == [0.0, 1.0, 1.0]


def test_an_sql_after_a_year_is_another_story():
    found = curve((800, LONGEST + 1, True), (800, LONGEST, True))
    assert found.followed == LONGEST
    assert found.share[-1] == 0.5


leads = st.integers(0, 500).flatmap(
    lambda came: st.tuples(st.just(came), st.none() | st.integers(0, came), st.booleans())
)


@given(
    st.lists(
        leads.map(lambda lead: lead if lead[1] is not None else (*lead[:2], False)), min_size=1, max_size=60
    )
)
def test_it_agrees_with_the_slow_twin(many):
    found = curve(*many)
    assert found.share == pytest.approx(twin(many), abs=1e-12)
    assert (np.diff(found.share) >= 0).all()
    assert found.share[-1] <= 1.0 + 1e-12


def test_no_lead_at_all_gives_an_empty_answer():
    found = curve()
    assert (found.leads, found.converted, found.horizon) == (0, 0, None)
    assert isnan(found.caught(30))


def test_the_horizon_is_the_shortest_that_catches_four_fifths():
    early, late = (400, 20, True), (400, 50, True)
    assert curve(*[early] * 15, *[late] * 5).caught(30) == pytest.approx(0.75)
    assert curve(*[early] * 15, *[late] * 5).horizon == 60
    assert curve(*[early] * 16, *[late] * 4).horizon == 30, "exactly four fifths are enough"


@pytest.mark.parametrize(
    ("many", "horizon"),
    [
        pytest.param([(400, 20, True)] * LEAST_SQLS, 30, id="enough SQLs"),
        pytest.param([(400, 20, True)] * (LEAST_SQLS - 1), None, id="one SQL too few"),
        pytest.param([(400, 300, True)] * 50, None, id="later than any horizon that people can work with"),
        pytest.param([(25, 20, True)] * 50, None, id="the data are younger than the shortest horizon"),
    ],
)
def test_where_the_data_cannot_tell_no_horizon_is_proposed(many, horizon):
    assert curve(*many).horizon == horizon


def test_a_horizon_catches_what_a_label_of_that_horizon_counts():
    """``[as_of, as_of + 30 days)``: an SQL on day 30 is too late."""
    assert curve(*[(400, 29, True)] * 3, (400, 30, True)).caught(30) == 0.75
    assert curve((29, 29, True)).caught(30) == 1.0, "the follow-up ends before the horizon does"

"""Which moments we ask about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.clock import DAY, iso
from features.episodes import episodes
from features.history import History
from features.kernel import build
from features.language import count, stage_entries
from features.snapshots import Snapshots, take_snapshots
from tests import builders
from tests.builders import at, playbook

LEAD = "lead created \n ann 2026-03-02"  # a Monday
UNTIL = "2026-06-01"


def asked(history: History, *policies: dict[str, Any], until: str = UNTIL, **changes: Any) -> Snapshots:
    agreed = playbook(snapshots=list(policies), **changes)
    in_play = episodes(history, agreed, agreed.definition())
    return take_snapshots(history, in_play, agreed.snapshots, since=agreed.since_instant, until=at(until))


def moments(stages: str, *policies: dict[str, Any], **more: Any) -> list[str]:
    """Moments of the one lead, without the year and without what is zero."""
    history = builders.history(leads=LEAD, stages=stages, events=more.pop("events", ""))
    found = asked(history, *policies, **more)
    return [iso(moment)[5:].removesuffix("T00:00:00Z").removesuffix("Z") for moment in found.as_of.tolist()]


def ages(*days: float) -> dict[str, Any]:
    return {"policy": "age", "days": days}


WEEKLY = {"policy": "weekly", "per_lead": 100}


@pytest.mark.parametrize(
    ("stages", "days", "expected"),
    [
        pytest.param("", [0], ["03-02"], id="at creation"),
        pytest.param("", [1, 14], ["03-03", "03-16"], id="at two ages"),
        pytest.param("", [1.25], ["03-03T06:00:00"], id="at six in the morning of the next day"),
        pytest.param("", [14, 1, 14], ["03-03", "03-16"], id="in order of time, each once"),
        pytest.param("", [91], ["06-01"], id="at the end of the data"),
        pytest.param("", [92], [], id="not after the end of the data"),
        pytest.param(
            "ann sql 2026-03-12", [9, 10, 11], ["03-11", "03-12"], id="up to the sql, that moment included"
        ),
        pytest.param("ann rejected 2026-03-12", [10, 11], ["03-12"], id="up to a rejection"),
        pytest.param("ann sql 2026-03-01", [0], [], id="not if it was an sql before it was created"),
        pytest.param("ann sql 2026-03-02", [0, 1], ["03-02"], id="an sql at creation is still asked about"),
        pytest.param(
            "ann rejected 2026-03-05 \n ann sql 2026-03-20",
            [5],
            [],
            id="not between a rejection and its taking back",
        ),
        pytest.param(
            "ann recycled 2026-03-05 \n ann mql 2026-03-10",
            [1, 6, 8],
            ["03-03", "03-11", "03-16", "03-18"],
            id="ages count anew when a lead is taken up again",
        ),
        pytest.param(
            "ann recycled 2026-03-05 \n ann mql 2026-03-10",
            [4],
            ["03-14"],
            id="not while it lies with marketing",
        ),
    ],
)
def test_at_fixed_ages(stages, days, expected):
    assert moments(f"lead stage at \n {stages}", ages(*days)) == expected


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param("ann mql 2026-03-05 -", ["03-05T00:00:00.000001"], id="just after it is entered"),
        pytest.param("ann mql 2026-03-05 2026-03-07", ["03-07T00:00:00.000001"], id="just after it is known"),
        pytest.param("ann mql 2026-03-05 2026-03-04", ["03-05T00:00:00.000001"], id="planned ahead"),
        pytest.param("ann contacted 2026-03-05 -", [], id="not at another stage"),
        pytest.param("ann mql 2026-03-01 -", [], id="not before the lead was created"),
        pytest.param("ann mql 2026-03-02 -", ["03-02T00:00:00.000001"], id="with the creation"),
        pytest.param("ann sql 2026-03-04 - \n ann mql 2026-03-05 -", [], id="not once it is an sql"),
        pytest.param(
            "ann mql 2026-03-04 2026-03-09 \n ann sql 2026-03-06 -", [], id="not if known after the sql"
        ),
        pytest.param(
            "ann mql 2026-03-03 - \n ann mql 2026-03-04 -",
            ["03-03T00:00:00.000001", "03-04T00:00:00.000001"],
            id="at every entry",
        ),
        pytest.param(
            "ann recycled 2026-03-04 - \n ann mql 2026-03-08 -",
            ["03-08T00:00:00.000001"],
            id="at the entry that takes the lead up again",
        ),
        pytest.param("ann mql 2026-05-31T23:59:59.999999 -", ["06-01"], id="at the last moment of the data"),
        pytest.param("ann mql 2026-06-01 -", [], id="not after the last moment"),
    ],
)
def test_on_entering_a_stage(stages, expected):
    assert moments(f"lead stage at known \n {stages}", {"policy": "stage", "stages": ["mql"]}) == expected


def test_at_chosen_events():
    events = """
        lead type  at         known
        ann  demo  2026-03-04 2026-03-06
        ann  visit 2026-03-05 2026-03-05
        ann  quote 2026-03-09 2026-03-09
        ann  demo  2026-03-21 2026-03-21
    """
    found = moments(
        "lead stage at \n ann sql 2026-03-20", {"policy": "event", "types": ["demo", "quote"]}, events=events
    )
    assert found == ["03-06T00:00:00.000001", "03-09T00:00:00.000001"]


def test_what_makes_us_ask_is_seen_when_we_ask():
    history = builders.history(
        leads=LEAD,
        events="lead type at known \n ann demo 2026-03-04 2026-03-06",
        stages="lead stage at \n ann mql 2026-03-05",
    )
    found = asked(history, {"policy": "event", "types": ["demo"]}, {"policy": "stage", "stages": ["mql"]})
    features = count("demo", days=None) + stage_entries("mql")
    seen = build(features, history, history.lead_ids[found.lead], found.as_of)
    assert seen.values.tolist() == [[0.0, 1.0], [1.0, 1.0]]  # the demo was recorded a day after the stage


@pytest.mark.parametrize(
    ("created", "stages", "expected"),
    [
        pytest.param("2026-05-18", "", ["05-18", "05-25", "06-01"], id="a Monday at midnight is the first"),
        pytest.param(
            "2026-05-18T00:00:00.000001", "", ["05-25", "06-01"], id="a moment later it is the next"
        ),
        pytest.param("2026-05-19", "", ["05-25", "06-01"], id="from the next Monday on"),
        pytest.param(
            "2026-05-17", "ann sql 2026-05-25", ["05-18", "05-25"], id="the Monday of the sql included"
        ),
        pytest.param("2026-05-17", "ann sql 2026-05-24T23:59", ["05-18"], id="none after the sql"),
        pytest.param("2026-05-19", "ann sql 2026-05-20", [], id="a lead that saw no Monday"),
        pytest.param("1969-12-28", "ann sql 1970-01-06", ["12-29", "01-05"], id="before 1970"),
        pytest.param(
            "2026-05-04",
            "ann recycled 2026-05-05 \n ann mql 2026-05-23",
            ["05-04", "05-25", "06-01"],
            id="not while it lies with marketing",
        ),
        pytest.param(
            "2026-05-04",
            "ann recycled 2026-05-11 \n ann mql 2026-05-11",
            ["05-04", "05-11", "05-18", "05-25", "06-01"],
            id="closed and taken up on a Monday, asked once",
        ),
    ],
)
def test_every_monday_while_it_is_open(created, stages, expected):
    history = builders.history(leads=f"lead created \n ann {created}", stages=f"lead stage at \n {stages}")
    assert [iso(moment)[5:10] for moment in asked(history, WEEKLY).as_of.tolist()] == expected


def test_the_moment_of_closing_and_reopening_asks_about_the_episode_that_closes():
    stages = "lead stage at \n ann recycled 2026-03-09 \n ann mql 2026-03-09"
    history = builders.history(leads=LEAD, stages=stages)
    for policies in ((WEEKLY,), (ages(0), WEEKLY), (WEEKLY, ages(0))):
        found = asked(history, *policies)
        assert dict(zip(found.as_of.tolist(), found.episode.tolist(), strict=True))[at("2026-03-09")] == 0


MANY = [
    {"lead": f"lead-{number}", "created": at("2026-01-01") + number * 7 * 3_600_000_000}
    for number in range(60)
]


def thinned(leads: list[builders.Row], per_lead: int = 3, seed: int = 0, **more: Any) -> dict[str, list[int]]:
    history = builders.history(leads=leads, **more)
    found = asked(history, {"policy": "weekly", "per_lead": per_lead, "seed": seed})
    drawn: dict[str, list[int]] = {}
    for lead, moment in zip(history.lead_ids[found.lead], found.as_of.tolist(), strict=True):
        drawn.setdefault(lead, []).append(moment)
    return drawn


def test_weeks_are_thinned_to_as_many_as_agreed():
    assert {len(weeks) for weeks in thinned(MANY).values()} == {3}
    assert {len(weeks) for weeks in thinned(MANY, per_lead=1).values()} == {1}


def test_fewer_weeks_than_agreed_are_all_kept():
    assert {len(weeks) for weeks in thinned(MANY, per_lead=40).values()} <= set(range(19, 23))


def test_a_smaller_draw_is_part_of_a_larger_one():
    one, three = thinned(MANY, per_lead=1), thinned(MANY, per_lead=3)
    assert all(set(one[lead]) <= set(three[lead]) for lead in one)


def test_the_draw_of_a_lead_hangs_on_no_other_lead_nor_on_order():
    whole = thinned(MANY)
    assert thinned(MANY[::-1]) == whole
    alone = thinned(MANY[7:20:4])
    assert alone == {lead: whole[lead] for lead in alone}


def test_another_seed_draws_other_weeks():
    assert thinned(MANY, seed=1) != thinned(MANY, seed=0)
    assert thinned(MANY, seed=1) == thinned(MANY, seed=1)


def test_the_draw_favors_no_week_of_the_open_ones():
    """Leads created at one moment: the drawn ranks spread evenly over the 21 open weeks."""
    same = [{"lead": f"lead-{number}", "created": "2026-01-05"} for number in range(1_500)]
    drawn = np.concatenate(list(thinned(same, per_lead=2).values()))
    weeks = (drawn - at("2026-01-05")) // (7 * DAY)
    counts = np.bincount(weeks, minlength=22)
    expected = 3_000 / 22
    assert len(counts) == 22
    assert ((counts - expected) ** 2 / expected).sum() < 46.8  # chi-square with 21 degrees, one in a thousand


def test_the_drawn_weeks_of_a_lead_stand_for_all_of_them():
    history = builders.history(leads=MANY)
    drawn, every = (asked(history, {"policy": "weekly", "per_lead": per_lead}) for per_lead in (3, 100))
    together = np.bincount(drawn.lead, weights=drawn.stands_for)
    np.testing.assert_allclose(together, np.bincount(every.lead))
    assert set(every.stands_for) == {1.0}


def test_the_thinning_counts_the_weeks_of_all_episodes_of_a_lead():
    stages = "lead stage at \n ann recycled 2026-03-25 \n ann mql 2026-04-02"
    history = builders.history(leads=LEAD, stages=stages)
    found = asked(history, {"policy": "weekly", "per_lead": 5})
    assert len(found) == 5
    assert set(found.episode.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("created", "number"),
    [
        pytest.param("2026-03-01T23:59:59.999999", 0, id="created the moment before is left out"),
        pytest.param("2026-03-02", 1, id="created on that day counts"),
    ],
)
def test_leads_created_before_the_agreed_day_are_left_out(created, number):
    history = builders.history(leads=f"lead created \n ann {created}")
    assert len(asked(history, ages(1), since="2026-03-02")) == number


def test_a_late_episode_of_an_early_lead_is_left_out_too():
    history = builders.history(
        leads=LEAD, stages="lead stage at \n ann recycled 2026-03-05 \n ann mql 2026-04-10"
    )
    assert len(asked(history, ages(1), since="2026-04-01")) == 0


def test_policies_together_ask_each_moment_once_in_order_of_lead_and_time():
    history = builders.history(leads="lead created \n bo 2026-03-02 \n ann 2026-03-02")
    found = asked(history, ages(21, 7), WEEKLY, ages(7), until="2026-03-25")
    assert history.lead_ids[found.lead].tolist() == ["ann"] * 4 + ["bo"] * 4
    assert np.diff(found.as_of[:4]).tolist() == [7 * DAY] * 3
    assert len(found) == 8


def test_no_leads_no_questions():
    nobody = builders.history()
    event, stage = {"policy": "event", "types": ["demo"]}, {"policy": "stage", "stages": ["mql"]}
    assert len(asked(nobody, ages(1), WEEKLY, event, stage)) == 0

"""What became of a lead after the question was asked: every boundary has a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from features.clock import DAY, iso
from features.episodes import episodes
from features.history import History
from features.labels import horizons, label
from features.snapshots import take_snapshots
from tests import builders
from tests.builders import at, playbook, sql

LEAD = "lead line created \n ann - 2026-03-01"
FAR = "2026-12-31"
NAN = float("nan")


@dataclass(frozen=True)
class Told:
    """A label in words."""

    state: str
    label: float
    known: str
    reason: str


def told(history: History, until: str = FAR, version: str | None = None, **changes: Any) -> list[Told]:
    """Labels of all snapshots; by default of one at creation, with ten days to come."""
    agreed = playbook(**changes)
    in_play = episodes(history, agreed, agreed.definition(version))
    asked = take_snapshots(history, in_play, agreed.snapshots, since=None, until=at(until))
    labels = label(asked, history, in_play, agreed, observed_until=at(until))
    known = [
        iso(moment)[5:].removesuffix("T00:00:00Z").removesuffix("Z") for moment in labels.known_at.tolist()
    ]
    return [Told(*row) for row in zip(labels.state, labels.label, known, labels.reason, strict=True)]


def ann(stages: str = "", events: str = "", **more: Any) -> Told:
    """The label of one lead created on 1 March; its window is over on 11 March."""
    history = builders.history(leads=LEAD, stages=stages, events=events)
    [only] = told(history, **more)
    return only


@pytest.mark.parametrize(
    ("stages", "state"),
    [
        pytest.param("", "lapsed", id="nothing happens"),
        pytest.param("sql 2026-03-01", "converted", id="an sql at the very moment of asking counts"),
        pytest.param("sql 2026-03-10T23:59:59.999999", "converted", id="an sql just before the end counts"),
        pytest.param("sql 2026-03-11", "lapsed", id="an sql at the end of the window does not"),
        pytest.param("mql 2026-03-02 sql 2026-03-04", "converted", id="by way of mql"),
        pytest.param("mql 2026-03-04", "lapsed", id="an mql is no sql"),
        pytest.param("rejected 2026-03-01", "rejected", id="a rejection at the moment of asking counts"),
        pytest.param(
            "rejected 2026-03-10T23:59:59.999999", "rejected", id="a rejection just before the end counts"
        ),
        pytest.param("rejected 2026-03-11", "lapsed", id="a rejection at the end of the window does not"),
        pytest.param("recycled 2026-03-05", "recycled", id="sent back to marketing"),
        pytest.param("recycled 2026-03-11", "lapsed", id="sent back after the window"),
        pytest.param("duplicate 2026-03-10", "duplicate", id="found to be a copy"),
        pytest.param("duplicate 2026-03-11", "lapsed", id="found to be a copy after the window"),
        pytest.param(
            "rejected 2026-03-04 sql 2026-03-08", "converted", id="a rejection taken back in the window"
        ),
        pytest.param(
            "rejected 2026-03-04 sql 2026-03-11", "rejected", id="a rejection taken back too late stands"
        ),
        pytest.param("rejected 2026-03-11 sql 2026-03-12", "lapsed", id="all of it after the window"),
        pytest.param("recycled 2026-03-04 sql 2026-05-01", "recycled", id="sent back, and an sql much later"),
        pytest.param("duplicate 2026-03-04 sql 2026-03-08", "converted", id="no copy after all"),
        pytest.param(
            "duplicate 2026-03-04 sql 2026-03-11", "duplicate", id="no copy after all, but too late"
        ),
        pytest.param("sql 2026-03-04 rejected 2026-03-05", "converted", id="an sql that is lost later"),
        pytest.param("sql 2026-03-05 rejected 2026-03-05", "converted", id="sql and rejected at one moment"),
        pytest.param("rejected 2026-03-05 sql 2026-03-05", "converted", id="rejected and sql at one moment"),
    ],
)
def test_what_becomes_of_a_lead_asked_about_on_1_march(stages, state):
    words = stages.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    got = ann([{"lead": "ann", "stage": stage, "at": moment} for stage, moment in pairs])
    assert got.state == state
    assert got.label == pytest.approx(
        NAN if state == "duplicate" else float(state == "converted"), nan_ok=True
    )


def test_an_sql_of_the_next_episode_does_not_convert_the_one_before():
    history = builders.history(
        leads=LEAD,
        stages="lead stage at \n ann rejected 2026-03-04 \n ann mql 2026-03-06 \n ann sql 2026-03-08",
    )
    assert [row.state for row in told(history)] == ["rejected", "converted"]


@pytest.mark.parametrize(
    ("until", "state"),
    [
        pytest.param("2026-03-13T23:59:59.999999", "immature", id="a moment before window and lag are over"),
        pytest.param("2026-03-14", "lapsed", id="when window and lag are over"),
    ],
)
@pytest.mark.parametrize("stage", ["", "rejected", "recycled", "sql"])
def test_a_label_waits_for_window_and_lag_whatever_happened(stage, until, state):
    stages = f"lead stage at \n ann {stage} 2026-03-03" if stage else ""
    got = ann(stages, until=until, recording_lag_days=3)
    named = {"sql": "converted", "": "lapsed"}.get(stage, stage)
    assert got.state == (named if state == "lapsed" else "immature")
    assert np.isnan(got.label) == (state == "immature")
    assert got.known == "03-14"


def test_without_a_lag_the_end_of_the_window_is_enough():
    assert ann(until="2026-03-11").state == "lapsed"
    assert ann(until="2026-03-10T23:59:59.999999").state == "immature"


@pytest.mark.parametrize(
    ("recorded", "until", "state", "known"),
    [
        pytest.param("2026-03-06", FAR, "converted", "03-12", id="recorded in time"),
        pytest.param("2026-03-12", "2026-03-12", "converted", "03-12", id="recorded as the lag ends"),
        pytest.param("2026-03-20", FAR, "converted", "03-20", id="recorded late, so known late"),
        pytest.param(
            "2026-03-20", "2026-03-20", "converted", "03-20", id="recorded with the last of the data"
        ),
        pytest.param("2026-03-20", "2026-03-19", "immature", "03-20", id="not yet recorded"),
    ],
)
def test_a_conversion_is_known_once_it_is_recorded(recorded, until, state, known):
    got = ann(f"lead stage at known \n ann sql 2026-03-05 {recorded}", until=until, recording_lag_days=1)
    assert (got.state, got.known) == (state, known)


def test_a_late_record_of_an_sql_after_the_window_does_not_delay_the_label():
    got = ann("lead stage at known \n ann sql 2026-03-15 2026-04-20", until="2026-03-11")
    assert (got.state, got.known) == ("lapsed", "03-11")


def test_a_copy_has_no_label_even_before_its_window_is_over():
    got = ann("lead stage at \n ann duplicate 2026-03-03", until="2026-03-05")
    assert got.state == "duplicate"
    assert np.isnan(got.label)


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        pytest.param("ann rejected 2026-03-05 budget", "budget", id="of a rejection"),
        pytest.param("ann recycled 2026-03-05 timing", "timing", id="of sending back"),
        pytest.param("ann rejected 2026-03-05 -", "", id="none given"),
        pytest.param("ann rejected 2026-03-12 budget", "", id="not of one after the window"),
        pytest.param(
            "ann rejected 2026-03-05 budget \n ann sql 2026-03-07 fit", "", id="not of one taken back"
        ),
        pytest.param(
            "ann rejected 2026-03-05 budget \n ann sql 2026-03-20 fit",
            "budget",
            id="of one taken back too late",
        ),
        pytest.param("ann sql 2026-03-05 fit", "", id="an sql needs none"),
        pytest.param("ann duplicate 2026-03-05 merged", "", id="nor does a copy"),
    ],
)
def test_the_reason(stages, reason):
    assert ann(f"lead stage at reason \n {stages}").reason == reason


WORKED = {"stages": ["contacted"], "events": ["call"], "actors": True}


@pytest.mark.parametrize(
    ("stages", "events", "state"),
    [
        pytest.param("", "", "unworked", id="nobody did anything"),
        pytest.param("", "ann visit 2026-03-03", "unworked", id="what the lead does is no work"),
        pytest.param("ann mql 2026-03-03 -", "", "unworked", id="a stage that says nothing of sales"),
        pytest.param("ann contacted 2026-03-03 -", "", "lapsed", id="a stage that shows work"),
        pytest.param("ann mql 2026-03-03 eve", "", "lapsed", id="a stage entered by a person"),
        pytest.param("", "ann call 2026-03-03", "lapsed", id="an event that shows work"),
        pytest.param("", "ann call 2026-03-01", "lapsed", id="work at the moment of asking counts"),
        pytest.param(
            "", "ann call 2026-02-28T23:59:59.999999", "unworked", id="work a moment before does not"
        ),
        pytest.param(
            "", "ann call 2026-03-10T23:59:59.999999", "lapsed", id="work just before the end counts"
        ),
        pytest.param("", "ann call 2026-03-11", "unworked", id="work at the end of the window does not"),
        pytest.param("", "bo call 2026-03-03", "unworked", id="work on another lead does not"),
        pytest.param("ann sql 2026-03-03 -", "", "converted", id="an sql needs no other proof"),
        pytest.param("ann rejected 2026-03-03 -", "", "rejected", id="nor does a rejection"),
        pytest.param("ann recycled 2026-03-03 -", "", "recycled", id="nor does sending back"),
        pytest.param(
            "ann rejected 2026-03-11 -", "", "unworked", id="a rejection after the window is no proof"
        ),
    ],
)
def test_a_lead_that_sales_never_touched_is_no_lost_lead(stages, events, state):
    history = builders.history(
        leads="lead created \n ann 2026-03-01 \n bo 2026-03-01",
        stages=f"lead stage at actor \n {stages}",
        events=f"lead type at \n {events}",
    )
    assert told(history, worked=WORKED)[0].state == state


@pytest.mark.parametrize("kind", ["stages", "events", "actors"])
def test_each_proof_of_work_stands_alone(kind):
    history = builders.history(
        leads="lead created \n ann 2026-03-01 \n bo 2026-03-01 \n cy 2026-03-01 \n di 2026-03-01",
        stages="lead stage at actor \n ann contacted 2026-03-03 - \n cy mql 2026-03-03 eve",
        events="lead type at \n bo call 2026-03-03",
    )
    states = dict(zip("abcd", (row.state for row in told(history, worked={kind: WORKED[kind]})), strict=True))
    assert [lead for lead, state in states.items() if state == "lapsed"] == [
        {"stages": "a", "events": "b", "actors": "c"}[kind]
    ]


def test_where_nobody_says_what_work_is_every_lead_counts_as_worked():
    assert ann().state == "lapsed"


def test_an_immature_row_is_never_called_unworked():
    assert ann(until="2026-03-05", worked=WORKED).state == "immature"


def test_an_unworked_lead_has_a_label_but_does_not_train():
    got = ann(worked=WORKED)
    assert got.label == 0.0
    assert "unworked" not in playbook().train_on


@pytest.mark.parametrize(
    ("line", "sql_on", "state"),
    [
        pytest.param("loans", "2026-03-30", "converted", id="a long horizon of its own"),
        pytest.param("loans", "2026-03-31", "lapsed", id="which is half open too"),
        pytest.param("cards", "2026-03-05", "lapsed", id="a short one"),
        pytest.param("cars", "2026-03-10", "converted", id="a line without one has the common horizon"),
        pytest.param("boats", "2026-03-11", "lapsed", id="so has a line that the playbook does not know"),
        pytest.param("-", "2026-03-10", "converted", id="so has a lead without a line"),
    ],
)
def test_each_service_line_has_its_horizon(line, sql_on, state):
    history = builders.history(
        leads=f"lead line created \n ann {line} 2026-03-01", stages=f"lead stage at \n ann sql {sql_on}"
    )
    lines = {"loans": {"horizon_days": 30}, "cards": {"horizon_days": 3}, "cars": {}}
    [only] = told(history, service_lines=lines)
    assert only.state == state


def test_horizons_are_given_per_lead():
    history = builders.history(leads="lead line created \n ann loans 2026-03-01 \n bo - 2026-03-01")
    agreed = playbook(service_lines={"loans": {"horizon_days": 30}})
    assert (horizons(history, agreed) / DAY).tolist() == [30, 10]


def test_a_row_matures_with_its_own_horizon():
    history = builders.history(leads="lead line created \n ann loans 2026-03-01 \n bo - 2026-03-01")
    lines = {"loans": {"horizon_days": 30}}
    assert [row.state for row in told(history, "2026-03-20", service_lines=lines)] == ["immature", "lapsed"]


def test_each_version_of_the_definition_labels_in_its_way():
    history = builders.history(
        leads=LEAD, events="lead type at \n ann demo 2026-03-04", stages="lead stage at \n ann sql 2026-03-20"
    )
    versions = [
        sql({"stage": "sql"}, version="new", since="2026-06-01"),
        sql({"stage": "sql"}, {"event": "demo"}, version="old"),
    ]
    states = {name: told(history, version=name, sql=versions)[0].state for name in ("old", "new", None)}
    assert states == {"old": "converted", "new": "lapsed", None: "lapsed"}


def test_the_window_of_all_of_closes_with_its_last_part():
    both = sql({"all_of": [{"stage": "mql"}, {"event": "demo"}]})
    for day, state in (("2026-03-10", "converted"), ("2026-03-11", "lapsed")):
        got = ann("lead stage at \n ann mql 2026-03-02", f"lead type at \n ann demo {day}", sql=[both])
        assert got.state == state


def test_snapshots_of_one_lead_see_the_same_sql_from_different_distances():
    history = builders.history(leads=LEAD, stages="lead stage at \n ann sql 2026-03-16")
    policy = {"policy": "age", "days": [0, 5, 5.5, 15, 16]}
    assert [row.state for row in told(history, snapshots=policy)] == ["lapsed", "lapsed", *["converted"] * 2]


def test_no_snapshots_no_labels():
    assert told(builders.history(), worked=WORKED) == []

"""What a report tells of the data."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from features.language import count
from features.playbook import Attributes, Worked
from features.sheet import Sheet
from models.splits import forward_split
from pipelines.reporting.facts import data_facts, funnel, notes, question
from pipelines.training_set import training_set

FEW = count("web_visit", days=7)


@pytest.fixture(scope="module")
def steps(examples):
    return {step.step: step for step in funnel(examples, forward_split(examples.dataset()))}


def asked_of(vendor, **changes):
    """Snapshots by the vendor's playbook with ``changes``."""
    return training_set(vendor.history, vendor.playbook.model_copy(update=changes), FEW)


def assert_adds_up(found) -> None:
    """Within a unit each step is what was left of the one before, less what it took out."""
    split = forward_split(found.dataset())
    steps = funnel(found, split)
    leads, snapshots = steps[:2], steps[2:5]
    for before, after in [*pairwise(leads), *pairwise(snapshots)]:
        assert after.rows == before.rows - sum(after.excluded.values()), after.step
        assert after.unit == before.unit
        assert all(after.excluded.values()), "a reason that took nothing out is not told"
    assert steps[5].rows == len(split.test) == steps[4].excluded["kept back for the test"]


def test_each_step_is_the_one_before_less_what_was_excluded(examples):
    assert_adds_up(examples)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"since": date(2024, 3, 1)}, id="with early leads left out"),
        pytest.param({"train_on": ("converted", "rejected")}, id="with fewer states that train"),
        pytest.param({"train_on": ("converted", "lapsed", "unworked")}, id="with leads that nobody worked"),
    ],
)
def test_it_adds_up_whatever_the_playbook_says(vendor, changes):
    assert_adds_up(asked_of(vendor, **changes))


def test_the_funnel_counts_leads_then_snapshots(steps, examples):
    assert steps["leads in the history"].rows == 1200
    assert steps["leads that were in play when asked"].rows == len(set(examples.lead_id))
    assert steps["snapshots"].rows == len(examples)


def test_reasons_for_leaving_out_are_in_words(steps, examples):
    states = Counter(examples.state)
    assert steps["snapshots with an honest label"].excluded == {
        "window or recording lag not over yet": states["immature"],
        "sales never touched the lead": states["unworked"],
        "copy of another lead": states["duplicate"],
    }


def test_leads_from_before_the_playbook_begins_are_told_apart(vendor):
    found = asked_of(vendor, since=date(2024, 3, 1))
    step = funnel(found, forward_split(found.dataset()))[1]
    assert step.excluded["created before 2024-03-01"] == found.leads - found.entitled > 0


def test_the_question_names_definition_and_horizons(vendor, examples):
    assert question(examples) == (
        "Does this lead become an SQL (definition 'accepted-by-sales') within 30 to 90 days, by service line?"
    )
    plain = asked_of(vendor, service_lines={})
    assert question(plain).endswith("(definition 'accepted-by-sales') within 60 days?")


def told(found) -> dict[str, tuple[str, str]]:
    return {note.subject: (note.level, note.text) for note in notes(found)}


def test_excluded_fields_and_other_definitions_are_noted(examples):
    found = told(examples)
    assert found["rating"] == (
        "note",
        "excluded by the playbook: typed in by sales, and the export holds only today's value",
    )
    level, text = found["definition of an SQL"]
    assert level == "note"
    assert "'asked-or-accepted' would label it otherwise" in text


@pytest.mark.parametrize(
    ("attributes", "level", "start"),
    [
        pytest.param({}, "ok", "left out: only today's value", id="a field without history is left out"),
        pytest.param(
            {"excuse": {"rating": "set once"}}, "warn", "no history, excused: set once", id="or excused"
        ),
    ],
)
def test_a_field_of_which_only_todays_value_is_known_is_told(vendor, attributes, level, start):
    found = told(asked_of(vendor, attributes=Attributes(**attributes)))["rating"]
    assert found[0] == level
    assert found[1].startswith(start)


@pytest.mark.parametrize(
    ("unworked", "warned"),
    [pytest.param(20, False, id="a fifth is quiet"), pytest.param(21, True, id="more than a fifth is told")],
)
def test_many_unworked_leads_limit_what_the_model_speaks_of(examples, unworked, warned):
    state = np.array(
        ["unworked"] * unworked + ["lapsed"] * (100 - unworked) + ["immature"] * 100, dtype=object
    )
    assert ("unworked leads" in told(replace(examples, state=state))) == warned


def test_a_rule_that_can_never_give_points_is_told(examples):
    rules = (
        {"name": "prices", "points": 1, "when": {"event": "pricing_viwe", "days": 7}},
        {"name": "mail", "points": 1, "when": {"attribute": "email_kin", "one_of": ["free"]}},
        {"name": "anything", "points": 1, "when": {"event": "any"}},
        {"name": "visit", "points": 1, "when": {"event": "web_visit"}},
    )
    sheet = Sheet.model_validate({"rules": rules})
    found = notes(replace(examples, playbook=examples.playbook.model_copy(update={"sheet": sheet})))
    assert [(note.subject, note.text) for note in found if note.level == "warn"] == [
        ("rule 'prices'", "never gives points: the history holds no event 'pricing_viwe'"),
        ("rule 'mail'", "never gives points: the history holds no attribute 'email_kin'"),
    ]


def test_a_playbook_that_does_not_say_what_worked_means_is_noted(examples):
    silent = replace(examples, playbook=examples.playbook.model_copy(update={"worked": Worked()}))
    assert "worked leads" in {note.subject for note in notes(silent)}
    assert "worked leads" not in {note.subject for note in notes(examples)}


def test_all_of_it_comes_together(examples):
    split = forward_split(examples.dataset())
    data = data_facts(examples, split)
    assert data.label_states == examples.label_states
    assert data.funnel == funnel(examples, split)
    assert (data.notes, data.question) == (notes(examples), question(examples))

"""The card says what has to be known, and only that."""

from __future__ import annotations

import dataclasses

import pytest

from features.playbook import parse_playbook
from models import card
from models.bands import quantile_limits, tabulate
from models.scale import default_scale
from tests.models.bundles import CANARIES, PLAYBOOK, REPORT, Outcomes, dataset, origin


@pytest.fixture(scope="module")
def render():
    train = dataset(400)
    probability = train.label * 0.5 + 0.1
    bands = tabulate(
        Outcomes(probability, train.label, train.weight, train.as_of), quantile_limits(probability)
    )

    def text(report=REPORT, playbook=PLAYBOOK, **changes):
        made = dataclasses.replace(origin(train, "logistic"), **changes)
        return card.render(made, report, parse_playbook(playbook), bands, default_scale(0.2))

    return text


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param("within 60 days (genomics: 120 days)", id="horizons"),
        pytest.param("at an age of 1 day; open leads only", id="when it asks"),
        pytest.param("stage 'sql' entered (definition 'v1', in force from 2020-01-01)", id="what an SQL is"),
        pytest.param("2 days of recording lag", id="when a label is known"),
        pytest.param("asked about from 2024-10-04 to 2025-07-30", id="period"),
        pytest.param("| unworked | 500 | no | never touched by sales |", id="what does not train"),
        pytest.param("| converted | 400 | yes |", id="what trains"),
        pytest.param("**left out**: closed_reason (written when the lead is closed)", id="excluded field"),
        pytest.param("only its value of today is known**: country (never edited)", id="excused field"),
        pytest.param("**never named in a reason**: email (names a person)", id="withheld field"),
        pytest.param("**stopped**: sales_stage: only its value of today is known", id="refused field"),
        pytest.param("from 2025-03-01 on", id="where the test begins"),
        pytest.param("| ROC-AUC | 0.712 | 0.680 to 0.740 |", id="metric with interval"),
        pytest.param(
            "| calibration slope (1 is right) | not defined |  |", id="a metric that is not defined"
        ),
        pytest.param("| sheet | 0.610 | 0.470 |", id="rivals"),
        pytest.param("The simplest within one standard error of the best.", id="why it won"),
        pytest.param("1 rule, handed over at 50 points", id="the sheet"),
        pytest.param("19% of the snapshots were never worked", id="unworked leads"),
        pytest.param("That is a large share.", id="many unworked leads"),
        pytest.param("15 points double the odds", id="points"),
        pytest.param("abababab", id="digest of the history"),
    ],
)
def test_it_tells(render, fact):
    assert fact in render()


def test_it_warns_of_unworked_leads_only_where_there_are_many(render):
    few = {**REPORT, "label_states": {"converted": 400, "unworked": 5}}
    none = {**REPORT, "label_states": {"converted": 400}}
    assert "large share" not in render(few)
    assert "given that sales works" in render(few)
    assert "given that sales works" not in render(none)


def test_what_is_not_there_leaves_no_hole(render):
    bare = "\n".join(line for line in PLAYBOOK.splitlines() if line.split(":")[0].strip() not in
                     ("attributes", "exclude", "excuse", "withhold", "sheet", "service_lines"))  # fmt: skip
    text = render({}, bare, horizon_days={"": 60})
    assert "## Fields and leaks" not in text
    assert "## The hand-set points" not in text
    assert "## How good" not in text
    assert "None" not in text
    assert "nan" not in text
    assert "\n\n\n" not in text


def test_what_is_in_order_is_not_listed(render):
    assert "nothing was learned late" not in render()


def test_it_names_nobody(render):
    assert not any(canary in render() for canary in CANARIES)


def judged_at(base_rate: float, log_loss: float) -> dict:
    """The report, judged on leads of which ``base_rate`` converted; the winner reached ``log_loss``."""
    points = {"test": {"log_loss": {"value": 0.43}}}
    winner = {"test": {"log_loss": {"value": log_loss}}}
    models = {"logistic": winner, "sheet": REPORT["models"]["sheet"], "points": points}
    return {**REPORT, "models": models, "split": {**REPORT["split"], "test": {"base_rate": base_rate}}}


def test_it_tells_how_much_of_the_power_the_points_already_had(render):
    told = render(judged_at(0.2, 0.4))
    # The entropy of .2 is .5004: (.5004 - .47) / (.5004 - .4) and (.5004 - .43) / (.5004 - .4).
    assert "the points as they are tell 30%, and the same rules with learned points 70%" in told
    assert "from 0.500 for the average chance to 0.400" in told


def test_a_model_that_tells_nothing_is_compared_with_nothing(render):
    assert "so there is nothing to compare" in render(judged_at(0.2, 0.51))

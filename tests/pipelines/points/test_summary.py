"""One page in plain words: short, true to the report, and safe."""

from __future__ import annotations

import json

import pytest

from pipelines.points import words
from pipelines.points.schema import PointsReport
from pipelines.points.summary import WIDTH, passages, render_summary, summary_lines
from tests.pipelines.points.points_example import HOSTILE, example


@pytest.fixture(scope="module")
def given():
    return example()


@pytest.fixture(scope="module")
def report(given):
    return PointsReport.model_validate(given)


def titled(report):
    return {passage.title: passage.sentences for passage in passages(report)}


def test_it_fits_a_page_and_a_terminal(report):
    lines = summary_lines(report)
    assert 15 <= len(lines) <= 45
    assert max(map(len, lines)) <= WIDTH
    assert sum(len(line.split()) for line in lines) < 450, "two minutes at 220 words a minute"


def test_the_answer_comes_first(report):
    assert passages(report)[0].title == "The answer"
    assert passages(report)[0].sentences[0] == "Of 4 rules: 1 keep, 1 raise, 1 reverse, 1 cannot tell."


def test_a_gain_is_only_claimed_where_the_interval_leaves_out_0(given):
    for low, high, wanted in (
        (0.2, 0.8, "more SQLs"),
        (-0.1, 0.8, "no more SQLs"),
        (-0.8, -0.2, "fewer SQLs"),
    ):
        changed = json.loads(json.dumps(given))
        gain = changed["comparison"]["standings"][1]["apart"]["at_capacity"]["sqls_per_week"]
        gain.update(value=(low + high) / 2, low=low, high=high)
        told = titled(PointsReport.model_validate(changed))["The answer"]
        assert wanted in told[1]


def test_what_changes_is_told_the_largest_first(report):
    changes = titled(report)["Change"]
    assert changes[0].startswith("Reverse 'large' from +5 to \N{MINUS SIGN}5")
    assert changes[1].startswith(f"Raise '{HOSTILE}' from +10 to +15: leads with it become SQL 1.5")
    assert len(changes) == 2


def test_without_a_stated_capacity_all_are_judged_at_todays_volume(given):
    changed = json.loads(json.dumps(given))
    changed["comparison"]["period"].update(capacity_per_week=None, today_per_week=18.9)
    told = titled(PointsReport.model_validate(changed))
    assert told["What it brings"][0] == (
        "The playbook states no capacity, so all are judged at 19 leads a week, as today's sheet brings."
    )
    assert told["What it brings"][1].startswith("Of the best 19 leads a week by your sheet")
    assert "With the same 19 calls a week" in told["The answer"][1]


def test_where_more_than_the_total_decides_no_points_are_called_the_threshold(given):
    changed = json.loads(json.dumps(given))
    changed["calibration"]["today"][0]["threshold"] = None
    told = titled(PointsReport.model_validate(changed))["Your sheet"][1]
    assert told.startswith("Of the leads that your rule for MQLs hands over, ")
    assert "points" not in told


def test_more_leads_at_the_highest_total_than_sales_can_work_is_said(given):
    changed = json.loads(json.dumps(given))
    changed["calibration"].update(
        at_capacity=None, tied="no threshold fits: more leads share the highest total"
    )
    told = titled(PointsReport.model_validate(changed))["Your sheet"]
    assert "No threshold fits: more leads share the highest total." in told
    assert not any("which would be a threshold" in sentence for sentence in told)


def test_what_nobody_judged_is_not_said_to_be_judged(given):
    head = {**given["header"], "judged_since": None, "judged_until": None}
    report = PointsReport.model_validate({"header": head, "refit": given["refit"]})
    assert "judged" not in summary_lines(report)[1]
    assert "judged on" not in render_summary(report)


def test_many_changes_are_cut_short(given):
    changed = json.loads(json.dumps(given))
    raised = changed["refit"]["rules"][1]
    changed["refit"]["rules"] = [{**raised, "name": f"rule {at}"} for at in range(9)]
    changed["second_opinion"] = None
    told = titled(PointsReport.model_validate(changed))["Change"]
    assert len(told) == 7
    assert told[-1] == "and 3 more, in points.html."


def test_figures_are_those_of_the_report(report):
    told = titled(report)
    first, refitted, _ = report.comparison.standings
    assert words.share(report.calibration.today[0].above.value) in told["Your sheet"][1]
    assert words.number(first.figures.own.per_week.value) in told["Your sheet"][2]
    assert words.number(refitted.figures.at_capacity.sqls_per_week.value) in told["What it brings"][1]
    assert words.told(refitted.movers.down.precision, words.share) in told["Who moves"][0]
    assert words.share(report.comparison.period.unworked_below) in told["Take care"][0]


@pytest.mark.parametrize("part", ["calibration", "refit", "comparison"])
def test_one_part_is_enough(given, part):
    report = PointsReport.model_validate({"header": given["header"], part: given[part]})
    assert len(summary_lines(report)) > 3
    assert "<h1>" in render_summary(report)


def test_hostile_names_stay_words(report):
    page = render_summary(report)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "://" not in page

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from models.bundle import GROUPS
from serving.answers.view import TITLES
from serving.pages.views import answer as answers
from serving.pages.views.setting import Setting
from serving.pages.words import MINUS

Answer = dict[str, Any]
NUMBER = re.compile(rf"[+{MINUS}]?\d+(?:\.\d+)?")


def number(told: str) -> float:
    found = NUMBER.search(told)
    assert found, told
    return float(found[0].replace(MINUS, "-"))


def test_the_head_shows_the_numbers_of_the_answer(answer: Answer) -> None:
    head = answers.verdict(answer)
    assert number(head.percent) == pytest.approx(100 * answer["probability"], abs=0.5)
    assert number(head.points) == pytest.approx(answer["points"], abs=0.05)
    assert number(head.average) == pytest.approx(answer["probability"] / answer["base_rate"], abs=0.05)
    assert (head.band, head.band_words, head.chance) == ("B", "good", "about 1 in 3")
    assert head.horizon == "within 90 days"
    assert head.interval.startswith("Leads scored like this: 31 %")
    assert head.interval.endswith("of those 64 did).")


def test_every_signal_is_shown_with_its_own_points(answer: Answer) -> None:
    shown = answers.signals(answer)
    assert [signal.name for signal in shown] == [part["signal"] for part in answer["reasons"]["by_signal"]]
    for signal, part in zip(shown, answer["reasons"]["by_signal"], strict=True):
        assert number(signal.points) == pytest.approx(part["points"], abs=0.05)
        assert signal.look == part["direction"]


def test_features_stand_under_their_signal(answer: Answer) -> None:
    by_name = {signal.name: signal for signal in answers.signals(answer)}
    assert [line.name for line in by_name["fit"].features] == ["latest(email_kind)", "latest(job_level)"]
    assert [line.status for line in by_name["fit"].features] == ["", "missing"]
    assert by_name["timing"].features == ()


def test_an_answer_without_features_is_shown_as_well(answer: Answer) -> None:
    answer["reasons"]["by_feature"] = None
    assert all(signal.features == () for signal in answers.signals(answer))


def test_the_withheld_group_tells_its_sum_and_nothing_else(answer: Answer) -> None:
    part = answer["reasons"]["by_signal"][-1]
    part |= {
        "sentence": "gender is unknown",
        "facts": ["gender is unknown"],
        "log_odds": -0.9,
        "points": -19.5,
    }
    answer["reasons"]["by_feature"].append(
        {
            "feature": "latest(gender)",
            "signal": "withheld",
            "points": -19.5,
            "log_odds": -0.9,
            "direction": "against",
            "sentence": None,
            "value": None,
            "status": "present",
        }
    )
    shown = answers.signals(answer)[-1]
    assert shown.points == f"{MINUS}19.5"
    assert "gender" not in repr(shown)
    assert not shown.is_reason
    assert not shown.can_be_disputed


def test_reasons_are_few_and_none_is_negligible(answer: Answer) -> None:
    speaks_for, speaks_against = answers.for_and_against(answer)
    assert [signal.name for signal in speaks_for] == ["intent", "engagement", "sheet"]
    assert [signal.name for signal in speaks_against] == ["fit", "timing"]
    small = {part["signal"] for part in answer["reasons"]["by_signal"] if abs(part["log_odds"]) < 0.1}
    assert small == {"account", "withheld"}
    assert not small & {signal.name for signal in (*speaks_for, *speaks_against)}


def test_the_gist_is_the_strongest_facts_and_the_others_follow(answer: Answer) -> None:
    answer["reasons"]["by_signal"][0]["facts"].append("third fact")
    intent = answers.signals(answer)[0]
    assert (
        intent.gist
        == "2 visits to the pricing page in the last 7 days; 1 use of the quote tool in the last 30 days."
    )
    assert intent.further == ("Third fact.",)
    assert intent.sentence.startswith("Buying intent speaks for this lead")


def test_a_signal_without_facts_tells_its_sentence(answer: Answer) -> None:
    sheet = answers.signals(answer)[3]
    assert sheet.gist == sheet.sentence == "Your points make little difference (+3 points)."


def test_the_change_names_its_causes(answer: Answer, setting: Setting) -> None:
    change = answers.change(answer, setting)
    assert change is not None
    assert change.headline == "Up 11.7 points"
    assert change.since == "25 Jul 2025, 05:00 EDT"
    assert [(cause.points, cause.look) for cause in change.causes] == [
        ("+14.9", "for"),
        (f"{MINUS}3.2", "against"),
    ]
    assert sum(number(cause.points) for cause in change.causes) == pytest.approx(11.7)


@pytest.mark.parametrize(("points", "told"), [(-3.2, "Down 3.2 points"), (0.01, "Unchanged")])
def test_a_fall_and_a_standstill_are_told_as_such(
    answer: Answer, setting: Setting, points: float, told: str
) -> None:
    answer["change"]["points"] = points
    change = answers.change(answer, setting)
    assert change is not None
    assert change.headline == told


def test_a_first_score_has_not_changed(answer: Answer, setting: Setting) -> None:
    answer["change"] = None
    assert answers.change(answer, setting) is None


def test_moves_are_told_as_the_chance_that_there_would_be(answer: Answer) -> None:
    shown = answers.moves(answer)
    assert [move.say for move in shown] == ["asks for a demo", "attends a webinar"]
    for move, part in zip(shown, answer["moves"], strict=True):
        expected = 100 * (answer["probability"] + part["probability_change"])
        assert number(move.chance) == pytest.approx(expected, abs=0.5)
        assert number(move.points) == pytest.approx(part["points_change"], abs=0.05)
    without = deepcopy(answer)
    del without["moves"]
    assert answers.moves(without) == ()


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (4.0, "within 4 hours"),
        (1, "within 1 hour"),
        (0.5, "within 0.5 hours"),
        (48, "within 2 days"),
        (50, "within 50 hours"),
        (None, ""),
    ],
)
def test_the_next_step_says_by_when(answer: Answer, hours: float | None, told: str) -> None:
    answer["next_step"]["within_hours"] = hours
    step = answers.next_step(answer)
    assert step is not None
    assert step.within == told


def test_no_next_step_is_no_step(answer: Answer) -> None:
    answer["next_step"] = None
    assert answers.next_step(answer) is None


def test_every_group_that_an_answer_may_name_has_a_title() -> None:
    assert {*GROUPS, answers.WITHHELD} == set(TITLES)


def test_what_reads_as_nothing_speaks_neither_for_nor_against(answer: Answer) -> None:
    answer["moves"][0]["points_change"] = -0.01
    shown = answers.moves(answer)[0]
    assert (shown.points, shown.look) == ("0.0", "none")

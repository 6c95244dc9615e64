from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from features.clock import DAY, HOUR
from features.evidence import Event, Evidence, Fact, StageEntry
from serving.pages.views import timeline as timelines
from serving.pages.views.queue import row
from serving.pages.views.setting import Setting
from serving.pages.views.sheet import sheet_view
from serving.pages.views.timeline import timeline
from serving.pages.words import MINUS

Answer = dict[str, Any]


def test_a_row_tells_band_chance_change_and_main_reason(answer: Answer, setting: Setting) -> None:
    shown = row(answer, "assay_development", setting)
    assert (shown.band, shown.band_words, shown.chance) == ("B", "good", "about 1 in 3")
    assert (shown.points, shown.moved, shown.moved_look) == ("55", "+11.7", "for")
    assert shown.cause == "Use of the quote tool."
    assert (shown.reason_points, shown.reason_look) == ("+18.3", "for")
    assert shown.reason.startswith("2 visits to the pricing page in the last 7 days; ")
    assert (shown.service_line, shown.scored) == ("assay development", "9 minutes ago")


def test_a_row_of_a_first_score_tells_no_change(answer: Answer, setting: Setting) -> None:
    answer["change"] = None
    shown = row(answer, None, setting)
    assert (shown.moved, shown.cause, shown.service_line) == ("", "", "")


def test_a_row_names_what_speaks_against_a_lead(answer: Answer, setting: Setting) -> None:
    parts = answer["reasons"]["by_signal"]
    parts.insert(0, parts.pop(2))
    shown = row(answer, None, setting)
    assert (shown.reason, shown.reason_points, shown.reason_look) == (
        "Email kind is free; industry is biopharma.",
        f"{MINUS}4.1",
        "against",
    )


def test_a_row_never_tells_what_is_withheld(answer: Answer, setting: Setting) -> None:
    answer["reasons"]["by_signal"] = [
        answer["reasons"]["by_signal"][-1] | {"log_odds": -3.0, "points": -65.0}
    ]
    assert row(answer, None, setting).reason == "Nothing stands out"


def test_the_timeline_is_newest_first_and_in_the_words_of_the_playbook(setting: Setting) -> None:
    evidence = Evidence(
        "L-1",
        setting.now - 9 * DAY,
        events=[
            Event("e1", "pricing_view", setting.now - 3 * DAY, setting.now - 3 * DAY, topic="cell_culture"),
            Event("e2", "web_visit", setting.now - HOUR, setting.now - HOUR),
        ],
        stages=[StageEntry("contacted", setting.now - DAY, setting.now - DAY, reason="no_answer")],
        facts=[Fact("job_level", None, setting.now - 2 * DAY, setting.now - 2 * DAY)],
        account_facts=[Fact("industry", "biopharma", setting.now - 4 * DAY, setting.now - 4 * DAY)],
    )
    phrases = {"pricing_view": ("visit to the pricing page", "visits to the pricing page")}
    shown = timeline(evidence, setting, phrases=phrases)
    assert [line.words for line in shown.lines] == [
        "Web visit",
        "Contacted: no answer",
        "Job level emptied",
        "Visit to the pricing page (cell culture)",
        "Industry of the account set to biopharma",
        "Lead created",
    ]
    assert (shown.older, shown.withheld) == (0, 0)


@pytest.mark.parametrize("word", ["gender", "benefit_form", "health"])
def test_the_timeline_leaves_out_what_is_withheld_and_says_so(setting: Setting, word: str) -> None:
    evidence = Evidence(
        "L-1",
        0,
        events=[Event("e1", "benefit_form", 1, 1), Event("e2", "web_visit", 2, 2, topic="health")],
        facts=[Fact("gender", "f", 3, 3)],
    )
    shown = timeline(evidence, setting, phrases={}, withhold=frozenset({word}))
    assert shown.withheld == 1
    assert len(shown.lines) == 3
    assert not any(word.replace("_", " ") in line.words.lower() for line in shown.lines)


def test_a_long_timeline_says_how_much_is_left_out(setting: Setting) -> None:
    events = [Event(f"e{at}", "web_visit", at, at) for at in range(timelines.MOST + 4)]
    shown = timeline(Evidence("L-1", 0, events=events), setting, phrases={})
    assert len(shown.lines) == timelines.MOST
    assert shown.older == 5


def sheet(**changes: Any) -> dict[str, Any]:
    rules = [
        {"name": "saw prices", "on_sheet": 5.0, "points": 5.0, "refitted": 20.0, "fired": True},
        {"name": "asked for a demo", "on_sheet": 30.0, "points": 25.0, "refitted": 25.0, "fired": True},
        {"name": "free mail", "on_sheet": -10.0, "points": -10.0, "refitted": -10.0, "fired": True},
        {"name": "student", "on_sheet": -50.0, "points": 0.0, "refitted": 0.0, "fired": False},
    ]
    told = {"sheet": "ours", "total": 20.0, "mql_at": 35.0, "cell": None, "complete": True, "is_mql": False}
    refitted = {"total": 35.0, "mql_at": 30.0, "is_mql": True}
    return told | {"rules": rules, "refitted": refitted} | changes


def test_the_sheet_shows_the_rules_that_hold_with_their_points() -> None:
    shown = sheet_view(sheet(), 55.2)
    assert [(one.name, one.points) for one in shown.rows] == [
        ("asked for a demo", "+25.0"),
        ("free mail", f"{MINUS}10.0"),
        ("saw prices", "+5.0"),
    ]
    assert (shown.total, shown.silent, shown.withheld) == ("20.0", 1, 0)


def test_learned_points_stand_beside_them_where_some_were_learned() -> None:
    shown = sheet_view(sheet(), 55.2)
    assert [one.refitted for one in shown.rows] == ["+25.0", f"{MINUS}10.0", "+20.0"]
    assert shown.refitted == "35.0"
    plain = sheet(refitted=None)
    for rule in plain["rules"]:
        rule["refitted"] = None
    shown = sheet_view(plain, 55.2)
    assert {one.refitted for one in shown.rows} == {""} == {shown.refitted}


@pytest.mark.parametrize(
    ("total", "learned", "told"),
    [
        (20.0, 55.2, "The sheet would not hand it over, the model would hand it over."),
        (35.0, 34.9, "The sheet would hand it over, the model would not hand it over."),
        (35.0, 35.0, "Both the sheet and the model would hand it over."),
        (0.0, 0.0, "Both the sheet and the model would not hand it over."),
    ],
)
def test_sheet_and_model_are_compared_at_the_threshold(total: float, learned: float, told: str) -> None:
    assert sheet_view(sheet(total=total, is_mql=total >= 35.0), learned).verdict.endswith(told)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"mql_at": None, "cell": "B2"}, "Its cell of the grid is B2. The sheet would not hand it over."),
        ({"mql_at": None, "is_mql": True}, "The sheet would hand it over."),
        ({"is_mql": True}, "A rule hands it over whatever its points. Both"),
        ({"total": 35.0}, "A group of its rules has too few. The sheet would not"),
        ({"mql_at": None, "is_mql": None}, ""),
    ],
)
def test_a_sheet_that_does_not_go_by_its_total_alone_says_so(said: dict[str, Any], told: str) -> None:
    shown = sheet_view(sheet(**said), 55.2)
    assert told in shown.verdict
    assert bool(told) == bool(shown.verdict)


def test_an_incomplete_sheet_is_not_compared() -> None:
    rules = [{"name": "gender", "on_sheet": 5.0, "points": None, "refitted": None, "fired": None}]
    shown = sheet_view(sheet(rules=rules, complete=False, is_mql=None, total=0.0), 55.2)
    assert (shown.verdict, shown.withheld, shown.rows) == ("", 1, ())


def test_the_recorded_answer_of_these_tests_adds_up() -> None:
    told = json.loads((Path(__file__).parent / "answer.json").read_text(encoding="utf-8"))
    parts = told["reasons"]["by_signal"]
    assert told["base"]["points"] + sum(part["points"] for part in parts) == pytest.approx(
        told["points"], abs=1e-6
    )
    assert told["base"]["log_odds"] + sum(part["log_odds"] for part in parts) == pytest.approx(
        told["log_odds"], abs=1e-9
    )

"""A sheet held against a history: what it speaks of, and how often its rules and caps do anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from features.errors import DefinitionError, TooLittleDataError
from features.folder import write_history
from features.sheet_file import read_sheet
from models.points.evaluation import evaluate
from pipelines.points.checking import Checked, check
from pipelines.training_set import training_set
from tests.builders import tables

FIELDS = {
    "size": {"entity": "account", "availability": "immutable_at_create"},
    "title": {"entity": "lead", "availability": "immutable_at_create"},
    "rating": {"entity": "lead", "availability": "current_only"},
}
AGREED = {
    "name": "test",
    "stages": {"new": "open", "sql": "sql"},
    "sql": [
        {"version": "old", "effective_from": "2025-01-01", "any_of": [{"stage": "sql"}, {"event": "visit"}]},
        {"version": "v1", "effective_from": "2026-01-01", "any_of": [{"stage": "sql"}]},
    ],
    "horizon_days": 10,
    "snapshots": {"policy": "age", "days": [5]},
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three leads, each asked about when it is five days old."""
    path = tmp_path_factory.mktemp("history") / "history"
    written = tables(
        leads="""lead account line created
                 ann  acme    loans 2026-03-01
                 bob  acme    loans 2026-03-01
                 cyd  dodo    cars  2026-03-02""",
        events="""lead type  topic   at
                  ann  visit pricing 2026-03-02
                  ann  visit pricing 2026-03-03
                  ann  visit careers 2026-03-04
                  bob  visit careers 2026-03-02
                  bob  call  -       2026-03-20""",
        stages="""lead stage at
                  ann  sql   2026-03-20""",
        attributes="""entity  id   field  value    at
                      account acme size   300      2026-03-01
                      account dodo size   40       2026-03-02
                      lead    ann  title  director 2026-03-01
                      lead    bob  title  student  2026-03-01
                      lead    cyd  rating hot      2026-03-02""",
    )
    write_history(path, written, {"observed_until": "2026-05-01T00:00:00Z", "fields": FIELDS})
    return path


def visits(**more: Any) -> dict[str, Any]:
    return {"name": "visit", "points": 5, "when": {"event": "visit"}, **more}


@pytest.fixture
def ask(history, tmp_path):
    """Checks rules that stand in a playbook, one per line from line 12 on."""

    def asked(*rules: dict[str, Any], **more: Any) -> Checked:
        path = tmp_path / "playbook.yaml"
        head = yaml.safe_dump(AGREED, default_flow_style=None, sort_keys=False)
        lines = [
            "sheet:",
            f"  <<: {json.dumps(more)}",
            "  rules:",
            *(f"    - {json.dumps(r)}" for r in rules),
        ]
        path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
        return check(history, path)

    return asked


def line_of_rules(path: Path) -> int:
    return path.read_text(encoding="utf-8").splitlines().index("  rules:") + 2


def test_how_often_each_rule_fired(ask, tmp_path):
    found = ask(
        visits(each=True, most=12),
        {"name": "large", "points": 20, "when": {"attribute": "size", "entity": "account", "at_least": 200}},
        {"name": "student", "points": -50, "when": {"attribute": "title", "one_of": ["student"]}},
        name="ours",
        mql_at=25,
    )
    assert [(rule.rule, rule.fired, rule.leads) for rule in found.rules] == [
        ("visit", 2, 2),
        ("large", 2, 2),
        ("student", 1, 1),
    ]
    line = line_of_rules(tmp_path / "playbook.yaml")
    assert [rule.at for rule in found.rules] == [f"playbook.yaml:{line + at}" for at in range(3)]
    assert (found.sheet, found.snapshots, found.leads, found.mql) == ("ours", 3, 3, 1)
    assert [(cap.of, cap.name, cap.binds) for cap in found.caps] == [("rule", "visit", 1)]
    assert found.warnings == ()
    assert json.loads(json.dumps(found.to_dict()))["rules"][0]["share"] == pytest.approx(2 / 3)
    told = "\n".join(found.lines())
    assert "ours: 3 rules, 3 snapshots of 3 leads" in told
    assert "MQL: 1 of 3 snapshots (33.3%)" in told
    assert "the cap of rule 'visit' (most 12) binds in 1 of 3 snapshots (33.3%)" in told
    assert "nothing to warn of" in told


@pytest.mark.parametrize(
    ("when", "told"),
    [
        pytest.param(
            {"event": "call", "days": 7},
            "never fired: for 0 of 3 snapshots; no snapshot has seen such an event in 7 days; does it come only",
            id="an event of later",
        ),
        pytest.param(
            {"event": "visit", "times": 5}, "snapshots have seen 0 to 3 such events, 5 are needed", id="too many"
        ),
        pytest.param(
            {"event": "any", "silent_days": 30},
            "no lead is 30 days old when it is asked about; the oldest is 5", id="too young",
        ),
        pytest.param(
            {"attribute": "size", "entity": "account", "at_least": 1000},
            "never fired: for 0 of 3 snapshots; 3 of 3 snapshots know a number, from 40 to 300", id="too large",
        ),
        pytest.param(
            {"attribute": "size", "entity": "account", "at_least": 10},
            "always fired: for 3 of 3 snapshots; 3 of 3 snapshots know a number, from 40 to 300", id="always",
        ),
        pytest.param(
            {"attribute": "title", "at_least": 10}, "no snapshot knows a number there", id="words for numbers"
        ),
        pytest.param(
            {"event": "call", "silent_days": 3},
            "always fired: for 3 of 3 snapshots; 3 of 3 snapshots are of leads that old, and 3 of them were silent",
            id="always silent",
        ),
    ],
)  # fmt: skip
def test_rules_that_say_nothing_are_warned_of_with_counts(ask, tmp_path, when, told):
    found = ask(visits(), {"name": "idle", "points": 3, "when": when})
    [warning] = found.warnings
    line = line_of_rules(tmp_path / "playbook.yaml") + 1
    assert warning.startswith(f"playbook.yaml:{line}: sheet.rules.1: 'idle' ")
    assert told in warning


def test_words_that_are_no_slip_of_the_pen_are_warned_of(ask):
    found = ask(visits(), {"name": "boss", "points": 3, "when": {"attribute": "title", "one_of": ["VP"]}})
    idle = "'boss' never fired: for 0 of 3 snapshots; 2 of 3 snapshots know a word, most of them 'director', 'student'"
    assert [warning.split(": ", 1)[1] for warning in found.warnings] == [
        "sheet.rules.1.when.one_of.0: the history has no title 'VP', but director, student",
        f"sheet.rules.1: {idle}",
    ]


def test_a_sheet_that_makes_everybody_an_mql(ask):
    found = ask(visits(), mql_at=0)
    assert [warning.split(": ", 1)[1] for warning in found.warnings] == [
        "sheet: the sheet makes every snapshot an MQL"
    ]


def test_every_part_that_the_history_does_not_know_is_named_by_line(ask, tmp_path):
    rules = [
        {"name": "a", "points": 1, "when": {"event": "vist"}},
        {"name": "b", "points": 1, "when": {"event": "visit", "where": {"topic": "pricng"}}},
        {"name": "c", "points": 1, "when": {"attribute": "titel", "one_of": ["x"]}},
        {"name": "d", "points": 1, "when": {"attribute": "size", "at_least": 5}},
        {"name": "e", "points": 1, "when": {"attribute": "title", "one_of": ["student", "Director"]}},
        {"name": "f", "points": 1, "when": {"attribute": "rating", "one_of": ["hot"]}},
    ]
    with pytest.raises(DefinitionError) as refusal:
        ask(*rules, mql_at=5, mql_at_by_line={"loan": 3})
    line = line_of_rules(tmp_path / "playbook.yaml")
    told = [problem for problem in refusal.value.problems if "mql_at_by_line" not in problem]
    starts = [
        "sheet.rules.0.when.event: the history has no event type 'vist'; did you mean 'visit'?",
        "sheet.rules.1.when.where.topic: the history has no topic 'pricng'; did you mean 'pricing'?",
        "sheet.rules.2.when.attribute: the history has no attribute 'titel'; did you mean 'title'?",
        "sheet.rules.3.when.entity: size is an attribute of the account; write entity: account",
        "sheet.rules.4.when.one_of.1: the history has no title 'Director'; did you mean 'director'?",
        "sheet.rules.5.when.attribute: of rating only today's value was exported, so its past is unknown; excuse",
    ]
    assert len(told) == len(starts)
    for at, (problem, start) in enumerate(zip(told, starts, strict=True)):
        assert problem.startswith(f"playbook.yaml:{line + at}: {start}")
    assert any("no service line 'loan'; did you mean 'loans'?" in p for p in refusal.value.problems)


def test_a_sheet_of_its_own_takes_the_place_of_the_playbooks(history, tmp_path):
    agreed = {**AGREED, "sheet": {"rules": [{"name": "a", "points": 1, "when": {"event": "vist"}}]}}
    (tmp_path / "playbook.yaml").write_text(yaml.safe_dump(agreed), encoding="utf-8")
    sheet = tmp_path / "sheet.yaml"
    sheet.write_text("rules:\n  - {name: call, points: 5, when: {event: call}}\n", encoding="utf-8")
    found = check(history, tmp_path / "playbook.yaml", sheet)
    assert (found.mql, found.rules[0].at) == (None, "sheet.yaml:2")
    assert found.warnings[0].startswith("sheet.yaml:2: rules.0: 'call' never fired")
    (tmp_path / "bare.yaml").write_text(yaml.safe_dump(AGREED), encoding="utf-8")
    with pytest.raises(DefinitionError, match="has no point sheet"):
        check(history, tmp_path / "bare.yaml")


def test_a_history_without_snapshots(history, tmp_path):
    agreed = {**AGREED, "since": "2026-04-30", "sheet": {"rules": [visits()]}}
    (tmp_path / "playbook.yaml").write_text(yaml.safe_dump(agreed), encoding="utf-8")
    with pytest.raises(TooLittleDataError, match="no snapshot to read a sheet for"):
        check(history, tmp_path / "playbook.yaml")


def test_caps_that_bind_are_counted_as_the_evaluation_has_them(vendor, tmp_path):
    """The parts never say less than the whole: where any cap binds, one of them does."""
    sheet = tmp_path / "sheet.yaml"
    sheet.write_text(
        """mql_at: 35
groups: {acts: {most: 30}, mail: {least: -5, most: 25}}
total: {most: 45}
rules:
  - {name: visits, points: 3, each: true, most: 20, group: acts, when: {event: web_visit, days: 30}}
  - {name: demo, points: 25, group: acts, when: {event: demo_request}}
  - {name: mail, points: 4, each: true, group: mail, when: {event: email_open}, decay: {half_life_days: 10}}
  - {name: large, points: 10, when: {attribute: employees, at_least: 200}}
""",
        encoding="utf-8",
    )
    found = check(vendor.history, vendor.playbook_file, sheet)
    agreed = vendor.playbook.model_copy(update={"sheet": read_sheet(sheet)})
    rows = training_set(vendor.history, agreed, [])
    whole = int(evaluate(agreed.sheet, rows.matrix).caps_bind.sum())
    binds = [cap.binds for cap in found.caps]
    assert [(cap.of, cap.name) for cap in found.caps] == [
        ("rule", "visits"), ("group", "acts"), ("group", "mail"), ("total", ""),
    ]  # fmt: skip
    assert max(binds) <= whole <= sum(binds)
    assert min(binds) > 0

"""What a playbook may say, and how it is refused otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.clock import iso
from features.definitions import Where
from features.errors import DefinitionError
from features.playbook import AtAge, Weekly, parse_playbook, read_playbook
from features.sheet import RuleTest
from tests.builders import playbook, sql

LEAST = """
name: least
stages: {new: open, won: sql}
sql: [{version: v1, effective_from: 2026-01-01, any_of: [{stage: won}]}]
"""


def test_little_needs_to_be_said():
    least = parse_playbook(LEAST)
    assert least.horizon_days == 90
    assert least.snapshots == (AtAge(policy="age", days=(1.0,)),)
    assert least.time_zone == "UTC"
    assert least.since_instant is None
    assert least.train_on == ("converted", "rejected", "lapsed", "recycled")
    assert least.sheet is None


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        pytest.param(
            "horizont_days: 30", "horizont_days: Extra inputs are not permitted", id="a slip of the pen"
        ),
        pytest.param("horizon_days: 0", "horizon_days: Input should be greater", id="no horizon"),
        pytest.param(
            "time_zone: Berlin", "'Berlin' is no IANA time zone; write one such as", id="a city for a zone"
        ),
        pytest.param(
            "worked: {stages: [called]}", "stage 'called' is not among stages: (new, won)", id="work"
        ),
        pytest.param(
            "snapshots: {policy: stage, stages: [mql]}",
            "stage 'mql' is not among stages",
            id="a snapshot's stage",
        ),
        pytest.param(
            "snapshots: {policy: hourly}", "'age', 'stage', 'weekly', 'event'", id="an unknown policy"
        ),
        pytest.param(
            "snapshots: {policy: age, days: [-1]}", "snapshots.0.age.days.0", id="an age before creation"
        ),
        pytest.param(
            "snapshots: {policy: weekly, seed: -1}", "snapshots.0.weekly.seed", id="a seed below zero"
        ),
        pytest.param("snapshots: []", "snapshots: Tuple should have at least 1 item", id="never ask"),
        pytest.param(
            "stages: {new: opened, won: sql}", "stages.new: Input should be 'open'", id="an unknown role"
        ),
        pytest.param("train_on: [won]", "train_on.0: Input should be 'converted'", id="an unknown state"),
        pytest.param(
            "bands: {a: .2, b: .3, c: .1}", "bands must fall from a to c, got 0.2, 0.3, 0.1", id="bands"
        ),
        pytest.param("bands: {a: .3, b: .3, c: .1}", "bands must fall", id="equal bands"),
        pytest.param(
            "service_lines: {x: {horizon_days: 731}}", "service_lines.x.horizon_days", id="a line's horizon"
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(more, problem):
    kept = [line for line in LEAST.splitlines() if line.split(":")[0] != more.split(":")[0]]
    with pytest.raises(DefinitionError) as refusal:
        parse_playbook("\n".join([*kept, more]), source="folder/playbook.yaml")
    [told] = refusal.value.problems
    assert told.startswith(f"playbook.yaml:{len(kept) + 1}: ")
    assert problem in told


def test_all_problems_are_told_at_once():
    with pytest.raises(DefinitionError, match="playbook cannot be used") as refusal:
        parse_playbook("name: ''\nstages: {}\nsql: []\nhorizon_days: many\n")
    assert [problem.split(": ")[:2] for problem in refusal.value.problems] == [
        ["playbook:1", "name"],
        ["playbook:3", "sql"],
        ["playbook:4", "horizon_days"],
    ]


def test_keys_that_stand_twice_are_not_read_as_the_last():
    with pytest.raises(DefinitionError) as refusal:
        parse_playbook(LEAST + "horizon_days: 30\nhorizon_days: 60\n", source="playbook.yaml")
    assert refusal.value.problems == ("playbook.yaml:6: horizon_days: this key stands twice here",)


def test_a_slip_of_the_pen_gets_a_hint():
    with pytest.raises(DefinitionError, match=r"not permitted; did you mean horizon_days\?"):
        parse_playbook(LEAST + "horizont_days: 30\n")


@pytest.mark.parametrize(
    ("more", "key"),
    [
        pytest.param(
            "snapshots: [{policy: weekly, per_led: 3}]\n", "per_lead", id="by what tells policies apart"
        ),
        pytest.param("service_lines: {loans: {horizon_day: 3}}\n", "horizon_days", id="of a named line"),
    ],
)
def test_the_hint_is_a_key_of_that_place(more, key):
    with pytest.raises(DefinitionError, match=rf"not permitted; did you mean {key}\?"):
        parse_playbook(LEAST + more)


def test_parts_that_do_not_fit_are_told_each_with_its_line():
    text = """name: least
stages: {new: open, won: sql}
sql:
  - {version: v1, effective_from: 2026-01-01, any_of: [{stage: won}]}
  - version: v1
    effective_from: 2026-01-01
    any_of:
      - all_of: [{stage: won}, {stage: wonn}]
worked: {stages: [called]}
pilot: {share: 0.5, service_lines: [loans]}
"""
    with pytest.raises(DefinitionError) as refusal:
        parse_playbook(text, source="playbook.yaml")
    assert refusal.value.problems == (
        "playbook.yaml:5: sql.1.version: SQL definitions share the version 'v1'",
        "playbook.yaml:6: sql.1.effective_from: two SQL definitions start on one day",
        "playbook.yaml:8: sql.1.any_of.0.all_of.1.stage: stage 'wonn' is not among stages: (new, won)",
        "playbook.yaml:9: worked.stages.0: stage 'called' is not among stages: (new, won)",
        "playbook.yaml:10: pilot.service_lines.0: service line 'loans' is not among service_lines (there are none)",
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param("name: [", "is not YAML", id="broken YAML"),
        pytest.param("- name", "must be a mapping of keys to values, got list", id="a list"),
        pytest.param("", "must be a mapping of keys to values, got NoneType", id="an empty file"),
        pytest.param("name: x\nsince: 2026-13-01", "is not YAML", id="a month 13"),
    ],
)
def test_a_file_that_is_no_playbook(tmp_path: Path, text, what):
    path = tmp_path / "playbook.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=what) as refusal:
        read_playbook(path)
    assert str(path) in str(refusal.value)


def test_a_file_in_another_encoding(tmp_path: Path):
    path = tmp_path / "playbook.yaml"
    path.write_bytes("name: Müller".encode("latin-1"))
    with pytest.raises(DefinitionError, match=r"playbook\.yaml is not text in UTF-8"):
        read_playbook(path)
    path.write_bytes(b"\xef\xbb\xbf" + LEAST.encode())
    assert read_playbook(path).name == "least"


def test_broken_yaml_is_named_by_line():
    with pytest.raises(DefinitionError) as refusal:
        parse_playbook("name: x\nstages: [\nsql: 1\n", source="playbook.yaml")
    [told] = refusal.value.problems
    assert told.startswith("playbook.yaml:4: while parsing a flow sequence from line 2 on: expected")


def test_no_file(tmp_path: Path):
    with pytest.raises(DefinitionError, match="there is no playbook at"):
        read_playbook(tmp_path / "playbook.yaml")


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        pytest.param({}, "exactly one of stage, event, all_of", id="nothing"),
        pytest.param(
            {"stage": "sql", "event": "demo"}, "exactly one of stage, event, all_of", id="two things at once"
        ),
        pytest.param(
            {"stage": "sql", "where": {"topic": "x"}}, "where selects among events", id="a stage with words"
        ),
        pytest.param(
            {"all_of": [{"stage": "unheard"}]}, "stage 'unheard' is not among", id="an unknown part"
        ),
        pytest.param({"event": "x", "where": {"page": "y"}}, "Extra inputs", id="an unknown column"),
    ],
)
def test_conditions_that_cannot_be_meant(condition, problem):
    with pytest.raises(ValueError, match=problem):
        playbook(sql=[sql(condition)])


@pytest.mark.parametrize(
    ("versions", "problem"),
    [
        pytest.param(
            [("a", "2026-01-01"), ("a", "2026-02-01")], "share the version 'a'", id="one name twice"
        ),
        pytest.param([("a", "2026-01-01"), ("b", "2026-01-01")], "start on one day", id="one day twice"),
    ],
)
def test_versions_must_be_told_apart(versions, problem):
    with pytest.raises(ValueError, match=problem):
        playbook(sql=[sql({"stage": "sql"}, version=name, since=day) for name, day in versions])


def test_the_latest_version_holds_unless_one_is_named():
    versions = [("second", "2026-06-01"), ("third", "2026-09-01"), ("first", "2026-01-01")]
    agreed = playbook(sql=[sql({"stage": "sql"}, version=name, since=day) for name, day in versions])
    assert agreed.definition().version == "third"
    assert agreed.definition("first").version == "first"
    with pytest.raises(DefinitionError, match="no SQL definition 'fourth'; it has second, third, first"):
        agreed.definition("fourth")


@pytest.mark.parametrize(
    ("line", "days"),
    [
        pytest.param("loans", 30, id="its own"),
        pytest.param("cars", 10, id="none of its own"),
        pytest.param("boats", 10, id="unknown"),
        pytest.param("", 10, id="empty"),
        pytest.param(None, 10, id="none"),
    ],
)
def test_the_horizon_of_a_service_line(line, days):
    agreed = playbook(service_lines={"loans": {"horizon_days": 30}, "cars": {}})
    assert agreed.horizon_of(line) == days


def test_a_single_policy_needs_no_list_and_a_single_word_neither():
    assert playbook(snapshots={"policy": "weekly"}).snapshots == (Weekly(policy="weekly"),)
    [condition] = playbook(sql=[sql({"event": "form", "where": {"topic": "price"}})]).definition().any_of
    assert condition.where.topic == ("price",)


def test_since_is_midnight_in_utc():
    since = playbook(since="2026-03-02", time_zone="America/New_York").since_instant
    assert since is not None
    assert iso(since) == "2026-03-02T00:00:00Z"


def test_stages_by_role():
    agreed = playbook()
    assert agreed.stages_of("open") == ("new", "mql", "contacted")
    assert agreed.stages_of("recycled", "rejected") == ("rejected", "recycled")
    assert str(agreed.zone) == "UTC"


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        pytest.param({}, "exactly one of event, attribute", id="nothing to look at"),
        pytest.param({"event": "x", "attribute": "y", "at_least": 1}, "exactly one of", id="two things"),
        pytest.param(
            {"attribute": "y"}, "needs one_of, contains, at_least or below", id="an attribute without a wish"
        ),
        pytest.param(
            {"attribute": "y", "below": 3, "days": 7}, "an attribute has no days", id="a window of a fact"
        ),
        pytest.param({"event": "x", "at_least": 3}, "an event has no at_least", id="a number of an event"),
        pytest.param({"event": "x", "times": 0}, "times", id="no times"),
    ],
)
def test_rules_that_cannot_be_meant(test, problem):
    with pytest.raises(ValueError, match=problem):
        RuleTest.model_validate(test)


def test_rules_of_one_name():
    rule = {"name": "visit", "points": 5, "when": {"event": "visit"}}
    with pytest.raises(ValueError, match="rules share a name: visit"):
        playbook(sheet={"rules": [rule, rule]})


@pytest.mark.parametrize(
    ("test", "selection"),
    [
        pytest.param({"event": "any"}, Where(), id="any event"),
        pytest.param(
            {"event": "form", "where": {"topic": "price", "at_least": 2}},
            Where(type=("form",), topic=("price",), at_least=2.0),
            id="an event with words and a least value",
        ),
        pytest.param(
            {"event": "form", "where": {"below": 2}}, Where(type=("form",), below=2.0), id="below a value"
        ),
        pytest.param({"attribute": "size", "below": 2}, Where(), id="an attribute selects no events"),
    ],
)
def test_the_events_of_a_rule(test, selection):
    assert RuleTest.model_validate(test).selection == selection


def test_a_sheet_survives_being_written_and_read():
    rules = [
        {"name": "visit", "points": 5, "when": {"event": "visit", "days": 7}},
        {"name": "large", "points": 9, "when": {"attribute": "size", "entity": "account", "at_least": 200}},
    ]
    sheet = playbook(sheet={"rules": rules}).sheet
    assert sheet is not None
    assert type(sheet).model_validate(sheet.model_dump(mode="json")) == sheet


@pytest.mark.parametrize("name", ["bpic2012", "olist", "simulated"])
def test_the_worked_examples_can_be_read(root: Path, name):
    assert read_playbook(root / "examples" / name / "playbook.yaml").definition().version

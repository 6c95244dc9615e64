"""A sheet in a file of its own."""

from __future__ import annotations

import pytest

from features.errors import DefinitionError
from features.playbook import parse_playbook
from features.sheet import Sheet
from features.sheet_file import parse_sheet, read_sheet
from tests.builders import playbook, sql

TEXT = """mql_at: 14
rules:
  - {name: visit, points: 5, when: {event: visit}}
  - {name: large, points: 9, when: {attribute: size, at_least: 200}}
"""


def test_it_says_what_the_playbook_would(tmp_path):
    path = tmp_path / "sheet.yaml"
    path.write_text(TEXT, encoding="utf-8")
    indented = "".join(f"  {line}\n" for line in TEXT.splitlines())
    least = "name: x\nstages: {won: sql}\nsql: [{version: v, effective_from: 2026-01-01, any_of: [{stage: won}]}]\n"
    assert read_sheet(path) == parse_playbook(f"{least}sheet:\n{indented}").sheet


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param(
            "  - {name: x, points: 5, when: {event: visit, day: 3}}\n",
            "sheet.yaml:5: rules.2.when.day: Extra inputs are not permitted; did you mean days?",
            id="a slip of the pen",
        ),
        pytest.param(
            "  - name: x\n    points: many\n    when: {event: visit}\n",
            "sheet.yaml:6: rules.2.points: Input should be a valid number",
            id="no number",
        ),
        pytest.param(
            "  - {name: x, points: 5, when: {attribute: size, at_least: 300}}\n",
            "sheet.yaml:5: rules.2.when: 'x' and 'large' both hold for size from 300 on",
            id="an overlap",
        ),
        pytest.param(
            "total: {most: 8}\n",
            "sheet.yaml:1: mql_at: no total reaches 14: total.most caps it at 8",
            id="a cap",
        ),
        pytest.param(
            "  - {name: x, points: 5, when: {event: visit, hal_life_days: 3}}\n",
            "sheet.yaml:5: rules.2.when.hal_life_days: Extra inputs are not permitted",
            id="a key of another place",
        ),
        pytest.param(
            "  - {name: x, points: yes, when: {event: visit}}\n",
            "sheet.yaml:5: rules.2.points: a number is needed, and this is read as true",
            id="a flag for a number",
        ),
        pytest.param(
            "  - {name: x, points: 5, when: {event: visit, days: on}}\n",
            "sheet.yaml:5: rules.2.when.days: a number is needed, and this is read as true",
            id="a flag for days",
        ),
        pytest.param(
            "  - name: x\n    points: 5\n    when: {attribute: country, one_of: [DE, NO]}\n",
            'sheet.yaml:7: rules.2.when.one_of.1: YAML reads this as false; write it in quotes: "NO"',
            id="Norway",
        ),
        pytest.param(
            "  - {name: x, points: 5, when: {event: visit, where: {topic: yes}}}\n",
            'sheet.yaml:5: rules.2.when.where.topic.0: YAML reads this as true; write it in quotes: "yes"',
            id="a flag for a word",
        ),
        pytest.param(
            "  - {name: 12, points: 5, when: {event: visit}}\n",
            'sheet.yaml:5: rules.2.name: YAML reads this as a number; write it in quotes: "12"',
            id="a number for a word",
        ),
        pytest.param("mql_at: 70\n", "sheet.yaml:5: mql_at: this key stands twice here", id="a key twice"),
        pytest.param(
            "  - {name: visit, points: 5, when: {event: call}}\n",
            "sheet.yaml:2: rules: rules share a name: visit",
            id="a name twice",
        ),
    ],
)
def test_every_problem_is_named_by_line(more, told):
    with pytest.raises(DefinitionError, match="cannot be used") as refusal:
        parse_sheet(TEXT + more, source="folder/sheet.yaml")
    assert refusal.value.problems[0].startswith(told)


def test_a_key_of_another_place_is_not_proposed():
    with pytest.raises(DefinitionError) as refusal:
        parse_sheet(f"{TEXT}half_life_day: 30\n")
    [told] = refusal.value.problems
    assert told.endswith("half_life_day: Extra inputs are not permitted")


def test_a_playbook_is_no_sheet():
    text = "name: x\nstages: {won: sql}\nsql: []\nhorizon_days: 90\n"
    with pytest.raises(DefinitionError, match="is no sheet") as refusal:
        parse_sheet(text)
    assert refusal.value.problems == ("this looks like a playbook: name it with --playbook",)


def test_what_counts_as_an_sql_is_refused_where_that_is_known():
    definition = playbook(sql=[sql({"event": "visit"})]).definition()
    assert isinstance(parse_sheet(TEXT), Sheet)
    with pytest.raises(DefinitionError) as refusal:
        parse_sheet(TEXT, source="sheet.yaml", definition=definition)
    [told] = refusal.value.problems
    assert told.startswith(
        "sheet.yaml:3: rules.0.when.event: an event that counts as an SQL cannot give points"
    )


def test_no_file(tmp_path):
    with pytest.raises(DefinitionError, match="there is no sheet at"):
        read_sheet(tmp_path / "sheet.yaml")

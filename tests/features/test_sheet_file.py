"""A sheet in a file of its own."""

from __future__ import annotations

import pytest

from features.errors import DefinitionError
from features.playbook import parse_playbook
from features.sheet import Sheet
from features.sheet_file import parse_sheet, read_sheet
from tests.builders import playbook, sql

TEXT = """mql_at: 60
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
        pytest.param("total: {most: 8}\n", "sheet.yaml:1: mql_at: no total reaches 60", id="a cap"),
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

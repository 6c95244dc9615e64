"""Our own files are read back as they were written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from features.sheet import Sheet
from features.sheet_file import parse_sheet
from pipelines.points.exporting.plain import csv_files, to_csv, to_settings, to_yaml, yaml_files
from pipelines.points.importing import read_csv
from tests.pipelines.points.exporting.sheets import GRID, WHOLE, WORN
from tests.pipelines.points.rules import NUMBERS, WORDS, rules

EVERY = [WHOLE, GRID, WORN]


@pytest.mark.parametrize("sheet", EVERY, ids=lambda sheet: sheet.name)
def test_yaml_is_read_back(sheet):
    assert parse_sheet(to_yaml(sheet)) == sheet


@pytest.mark.parametrize("sheet", EVERY, ids=lambda sheet: sheet.name)
def test_csv_and_settings_are_read_back(sheet, tmp_path):
    table, settings = csv_files(sheet).write(tmp_path)
    assert read_csv(table, settings) == sheet.model_copy(update={"source": "sheet.csv"})


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    some = draw(st.lists(rules(), min_size=1, max_size=4, unique_by=lambda rule: rule.name))
    groups = {rule.group: {"most": draw(st.none() | st.just(5.0))} for rule in some if rule.group}
    lines = draw(st.dictionaries(WORDS, NUMBERS, max_size=2))
    return Sheet.model_validate(
        {
            "name": draw(WORDS),
            "mql_at": draw(NUMBERS),
            "mql_at_by_line": lines,
            "needs": dict.fromkeys(groups, 1.5),
            "groups": groups,
            "rules": some,
        }
    )


@given(sheet=sheets())
def test_any_sheet_in_yaml_is_read_back(sheet):
    assert Sheet.model_validate(yaml.safe_load(to_yaml(sheet))) == sheet
    assert "rules" not in yaml.safe_load(to_settings(sheet))


def test_people_can_read_it():
    lines = to_yaml(WHOLE).splitlines()
    assert lines[:2] == ["name: all that whole numbers can say", "mql_at: 20"]
    assert "- {name: demo, points: 2, when: {event: demo_request}}" in lines
    assert to_csv(WHOLE).splitlines()[-1].startswith("demo,2,,demo_request,")
    assert yaml_files(WHOLE).files.keys() == {"sheet.yaml"}

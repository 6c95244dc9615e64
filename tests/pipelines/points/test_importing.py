"""A sheet from CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import DefinitionError
from features.sheet import Limits, Rule, RuleTest, Selection
from features.sheet_checks import sheet_problems
from pipelines.points.importing import read_csv
from pipelines.points.table import COLUMNS, to_row
from tests.pipelines.points.rules import rules

HEAD = "rule,points,event,days,attribute,one_of,at_least,below,group\n"


def written(tmp_path: Path, text: str, name: str = "sheet.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def problems(path: Path, beside: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as refusal:
        read_csv(path, beside)
    assert str(path) in refusal.value.what or str(beside) in refusal.value.what
    return refusal.value.problems


@settings(max_examples=50)
@given(drawn=st.lists(rules(), min_size=1, max_size=5, unique_by=lambda rule: rule.name))
def test_rules_written_as_rows_are_read_back(tmp_path_factory, drawn):
    kept = [rule.model_copy(update={"group": None, "name": str(at)}) for at, rule in enumerate(drawn)]
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(to_row(rule) for rule in kept)
    try:
        assert read_csv(path).rules == tuple(kept)
    except DefinitionError as refusal:  # ranges that overlap by chance, and nothing else
        assert all("both hold for" in problem for problem in refusal.problems)  # noqa: PT017


def test_a_sheet_as_a_german_spreadsheet_saves_it(tmp_path):
    lines = ["\ufeffRule;Points;Event;Days;Attribute;At least", "Besuch;2,5 Punkte;visit;7 Tage;;", ";;;;;"]
    text = "\r\n".join([*lines, "groß;+20;;;size;200", ""])
    assert read_csv(written(tmp_path, text)).rules == (
        Rule(name="Besuch", points=2.5, when=RuleTest(event="visit", days=7)),
        Rule(name="groß", points=20, when=RuleTest(attribute="size", at_least=200)),
    )


def test_german_heads_below_a_line_for_excel(tmp_path):
    text = "sep=;\r\nRegel;Punkte;Ereignis;Tage;Thema;Kanal;Quelle;Kampagne;Attribut;One of\r\n"
    rows = "Preise;2,5;visit;7;pricing;web;ads;spring;;\r\nLand;5;;;;;;;country;DE | AT\r\n"
    where = Selection(topic=("pricing",), channel=("web",), source=("ads",), campaign=("spring",))
    assert read_csv(written(tmp_path, text + rows)).rules == (
        Rule(name="Preise", points=2.5, when=RuleTest(event="visit", days=7, where=where)),
        Rule(name="Land", points=5, when=RuleTest(attribute="country", one_of=("DE", "AT"))),
    )
    [told] = problems(written(tmp_path, text.replace("Tage", "Rule") + rows))
    assert told == "row 1: column rule stands twice"


def test_text_of_an_older_excel(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_bytes("rule,points,event\ngroß,5,visit\n".encode("latin-1"))
    with pytest.raises(DefinitionError, match="is not text in UTF-8; in Excel: save as CSV UTF-8"):
        read_csv(path)


def test_what_stands_beside_the_rules(tmp_path):
    beside = written(
        tmp_path, "name: ours\nmql_at: 20\ngroups: {fit: {most: 50}}\nneeds: {fit: 20}\n", "settings.yaml"
    )
    sheet = read_csv(written(tmp_path, HEAD + "large,20,,,size,,200,,fit\n"), beside)
    assert (sheet.name, sheet.mql_at, sheet.needs) == ("ours", 20, {"fit": 20})
    assert sheet.groups == {"fit": Limits(most=50)}
    alone = read_csv(written(tmp_path, HEAD + "visit,5,visit,7,,,,,\n"))
    assert (alone.name, alone.mql_at) == ("sheet", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            HEAD + "visit,5,visit,7,,,,,\nprice,twenty,price,x,,,,,\n",
            ["row 3, points: 'twenty' is no number", "row 3, days: 'x' is no number"],
            id="cells",
        ),
        pytest.param(
            HEAD + "\nvisit,5,visit,7,,,,,\nvisit,6,price,,,,,,\n",
            ["row 4, rule: row 3 is called 'visit' too"],
            id="one name twice",
        ),
        pytest.param(
            HEAD + "a,5,,,size,,50,,\nb,6,,,size,,500,,\n",
            ["row 3: 'b' and 'a' both hold for size from 500 on"],
            id="an overlap",
        ),
        pytest.param(
            HEAD + "a,5,,,size,,50,,fit\n",
            ["row 2, group: 'fit' is not known; write groups: {fit: {}} in a file of settings (--settings)"],
            id="a group without settings",
        ),
        pytest.param(
            "name,points,evnt,owner\nvisit,5,visit,Ann\n",
            [
                "row 1, 'name': there is no such column; did you mean rule?",
                "row 1, 'evnt': there is no such column; did you mean event?",
                "row 1, 'owner': there is no such column",
                "row 1: column rule is missing",
                "row 1: there is neither a column event nor a column attribute",
                "row 1: there are columns rule, points, group",
            ],
            id="columns",
        ),
        pytest.param("rule,points,event,event\n", ["row 1: column event stands twice"], id="a column twice"),
        pytest.param(
            "rule,points,event\nvisit,2,5,visit\n",
            ["row 2 has 4 cells and the first row 3; a cell with ',' in it needs quotes"],
            id="a decimal comma between commas",
        ),
        pytest.param("rule,points,event\n\n,,\n", ["write one per row below"], id="no rule"),
        pytest.param("", ["its first row must name columns: rule, points"], id="nothing"),
        pytest.param('rule,points,event\n"visit,5,visit\n', ["unexpected end of data"], id="an open quote"),
    ],
)
def test_what_cannot_be_meant_is_named_by_row_and_column(tmp_path, text, told):
    found = problems(written(tmp_path, text))
    assert len(found) == len(told)
    assert all(line.startswith(start) for line, start in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "groups: {fit: {}}\nmql_at: many\n", "settings.yaml:2: mql_at: Input should be a valid", id="no number"
        ),
        pytest.param(
            "groups:\n  fit: {most: 4}\n", "row 2, points: 'large' gives 20 points and group 'fit'", id="a cap"
        ),
        pytest.param(
            "groups: {fit: {}}\nmql_at: 60\ntotal: {most: 50}\n",
            "settings.yaml:2: mql_at: no total reaches 60",
            id="out of reach",
        ),
        pytest.param("rules: []\n", "settings.yaml:1: rules: the rules come from the CSV", id="rules"),
        pytest.param(
            "mql_at: 1\nmql_at: 2\n", "settings.yaml:2: mql_at: this key stands twice here", id="a key twice"
        ),
        pytest.param(
            "group: {fit: {}}\n", "row 2, group: 'fit' is not known; write groups: {fit: {}} in settings.yaml",
            id="a slip of the pen",
        ),
        pytest.param("name: [\n", "while parsing a flow", id="no YAML"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_named_by_line(tmp_path, text, told):
    beside = written(tmp_path, text, "settings.yaml")
    [found] = problems(written(tmp_path, HEAD + "large,20,,,size,,200,,fit\n"), beside)
    assert found.startswith(told)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(DefinitionError, match="there is no CSV at"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DefinitionError, match="there is no file of settings at"):
        read_csv(written(tmp_path, HEAD), tmp_path / "none.yaml")


def test_what_is_read_holds_together(tmp_path):
    assert sheet_problems(read_csv(written(tmp_path, HEAD + "a,5,,,size,,,50,\nb,6,,,size,,50,,\n"))) == []

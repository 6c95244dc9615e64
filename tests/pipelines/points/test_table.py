"""A rule as a row, and back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given

from features.errors import DefinitionError
from features.sheet import Decay, Rule, RuleTest
from pipelines.points.cells import read_number, read_words, write_words
from pipelines.points.table import COLUMNS, from_row, to_row
from tests.pipelines.points.rules import rules

LEAST = {"rule": "visit", "points": "5", "event": "visit"}


@given(rules())
def test_a_rule_written_as_a_row_is_read_back(rule):
    row = to_row(rule)
    assert tuple(row) == COLUMNS
    assert from_row(row) == rule


@given(rules())
def test_a_row_survives_a_csv_file(rule):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerow(to_row(rule))
    [row] = csv.DictReader(io.StringIO(text.getvalue(), newline=""))
    assert from_row(row) == rule


def test_what_a_row_looks_like():
    rule = Rule(
        name="director",
        points=-7.5,
        group="fit",
        when=RuleTest(attribute="title", entity="account", contains=("VP", "Head of")),
    )
    assert {column: cell for column, cell in to_row(rule).items() if cell} == {
        "rule": "director",
        "points": "-7.5",
        "group": "fit",
        "attribute": "title",
        "entity": "account",
        "contains": "VP | Head of",
    }


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        pytest.param("+20", 20.0, id="a plus"),
        pytest.param("20 pts", 20.0, id="with its unit"),
        pytest.param("-5 Punkte", -5.0, id="in German"),
        pytest.param("2,5", 2.5, id="a decimal comma"),
        pytest.param("-0,75", -0.75, id="a small one"),
        pytest.param("\N{MINUS SIGN}15", -15.0, id="a typeset minus"),
        pytest.param(" 1200 ", 1200.0, id="spaces"),
        pytest.param("1.1250", 1.125, id="a last 0 for certainty"),
    ],
)
def test_numbers_as_people_write_them(cell, number):
    assert read_number(cell) == number
    assert from_row({**LEAST, "points": cell}).points == number


@pytest.mark.parametrize(
    ("cells", "problems"),
    [
        pytest.param(
            {"points": "twenty"}, ["row 7, points: 'twenty' is no number; write digits only, or"], id="a word"
        ),
        pytest.param(
            {"points": "about 20"}, ["row 7, points: 'about 20' is no number; write digits only, such as 20"],
            id="a number in words",
        ),
        pytest.param(
            {"points": "1.000"}, ["row 7, points: '1.000' may be thousands or a fraction: write 1000, or 1.0000"],
            id="a thousand",
        ),
        pytest.param({"points": "1,000"}, ["write 1000, or 1.0000 with a point"], id="an English thousand"),
        pytest.param({"points": ""}, ["row 7, points: the cell is empty"], id="no points"),
        pytest.param({"rule": " "}, ["row 7, rule: the cell is empty"], id="no name"),
        pytest.param({"days": "7.5"}, ["row 7, days: '7.5' is not a whole number"], id="half a day"),
        pytest.param({"days": "0"}, ["row 7, days: Input should be greater than"], id="no day"),
        pytest.param({"each": "maybe"}, ["row 7, each: write yes, or leave it empty; got 'maybe'"], id="maybe"),
        pytest.param(
            {"decay": "30 days"}, ["row 7, decay: write half-life 30, linear 60, or steps"], id="what decay?"
        ),
        pytest.param({"decay": "steps 30"}, ["row 7, decay: write half-life 30"], id="steps without shares"),
        pytest.param({"decay": "steps 30:2"}, ["row 7, decay: shares of steps must fall"], id="more than all"),
        pytest.param(
            {"topic": "Germany; Austria"},
            ["one word or more: write Germany | Austria for two words, or [\"Germany; Austria\"] for one"],
            id="a semicolon between words",
        ),
        pytest.param({"topic": "a, b, c"}, ["write a | b | c for three words, or [\"a, b, c\"]"], id="commas"),
        pytest.param({"topic": "a;"}, ["write a for one word, or [\"a;\"] with"], id="a mark behind"),
        pytest.param({"topic": ";"}, ["write [\";\"] if that is the word"], id="a mark alone"),
        pytest.param({"topic": "[1]"}, ["row 7, topic: '[1]' is not a list of words"], id="a list of numbers"),
        pytest.param({"topic": "[x"}, ["row 7, topic: '[x' starts like JSON"], id="a bracket"),
        pytest.param({"rule": '"x'}, ["row 7, rule: '\"x' starts like JSON"], id="a quote"),
        pytest.param(
            {"value_at_least": "9", "value_below": "x", "times": "y"},
            ["row 7, times: 'y' is no number", "row 7, value_below: 'x' is no number"],
            id="two at once",
        ),
        pytest.param({"attribute": "size"}, ["row 7: say exactly one of event, attribute"], id="two tests"),
        pytest.param({"most": "3", "each": "yes"}, ["row 7: the cap 3 is below the 5 points"], id="a low cap"),
        pytest.param({"entity": "firm"}, ["row 7, entity: Input should be 'lead' or 'account'"], id="whose?"),
    ],
)  # fmt: skip
def test_every_bad_cell_is_named_by_row_and_column(cells, problems):
    with pytest.raises(DefinitionError, match="row 7 is no rule") as refusal:
        from_row({**LEAST, **cells}, place="row 7")
    told = refusal.value.problems
    assert len(told) == len(problems)
    assert all(problem in line for problem, line in zip(problems, told, strict=True))


def test_what_people_leave_out_or_add():
    rule = from_row({**LEAST, "days": "30 days", "decay": None, "each": "X", "owner": "Ann"})  # type: ignore[dict-item]
    assert rule == Rule(name="visit", points=5, each=True, when=RuleTest(event="visit", days=30))
    steps = from_row({**LEAST, "decay": "steps 30:0,5 90:0"})
    assert steps.decay == Decay(steps={30: 0.5, 90: 0.0})


@pytest.mark.parametrize(
    ("cell", "decay"),
    [
        pytest.param("Half-Life 30 days", Decay(half_life_days=30), id="half-life"),
        pytest.param("half life 30", Decay(half_life_days=30), id="without a hyphen"),
        pytest.param("LINEAR 60 Tage", Decay(linear_days=60), id="linear"),
        pytest.param("Steps 30 days: 0.5 90d:0", Decay(steps={30: 0.5, 90: 0.0}), id="steps"),
    ],
)
def test_decay_as_people_write_it(cell, decay):
    assert from_row({**LEAST, "decay": cell}).decay == decay


@pytest.mark.parametrize("word", ["Germany; Austria", "Smith, John", ";", "a;", "\x1f["])
def test_a_word_with_a_mark_in_it_is_written_as_one(word):
    assert write_words([word]).startswith("[")
    assert read_words(write_words([word])) == (word,)
    assert read_words(write_words([word, "b"])) == (word, "b")
    assert read_words(write_words([" ", word])) == (" ", word)

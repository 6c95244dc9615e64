"""A mapping that cannot be used names the line to mend."""

from __future__ import annotations

import pytest

from features.errors import DefinitionError
from pipelines.mapping_file import read_mapping
from tests.pipelines.exports import LEADS, Export


def refused(export: Export) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        export.ingest()
    return list(caught.value.problems) or [caught.value.what]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            "rows:",
            "time_zone: Europe/Berln\n    rows:",
            "mapping.yaml:6: sources.0.time_zone: 'Europe/Berln' is no IANA time zone",
            id="unknown zone",
        ),
        pytest.param(
            "lead_id: id,",
            "lead_id: id, acount: x,",
            "mapping.yaml:8: sources.0.rows.0.leads.set.acount: there is no such key; did you mean 'account'?",
            id="unknown key",
        ),
        pytest.param(
            "lead_id: id, ",
            "",
            "mapping.yaml:8: sources.0.rows.0.leads.set.lead_id: this key is needed",
            id="missing key",
        ),
        pytest.param(
            "table: leads",
            "table: lead",
            "mapping.yaml:7: sources.0.rows.0: Input tag 'lead'",
            id="unknown table",
        ),
        pytest.param(
            "rows:",
            'date_formats: "%d/%Q"\n    rows:',
            "mapping.yaml:6: sources.0.date_formats: date format '%d/%Q': %Q is not known",
            id="unknown directive",
        ),
        pytest.param(
            "created_at: made",
            "created_at: {column: made, value: x}",
            "mapping.yaml:8: sources.0.rows.0.leads.set.created_at: say exactly one of column, columns, value",
            id="two origins of a value",
        ),
        pytest.param(
            "name: test",
            "name: test\nexported_at: 2024-01-01T00:00:00",
            "mapping.yaml:3: exported_at: 2024-01-01T00:00:00 has no time zone",
            id="an export at a naive moment",
        ),
        pytest.param(
            "max_bad_share: 1",
            "max_bad_share: 5",
            "mapping.yaml:3: max_bad_share: Input should be less than or equal to 1",
            id="a share above one",
        ),
        pytest.param(
            "rows:",
            "encoding: utf-9\n    rows:",
            "mapping.yaml:6: sources.0.encoding: 'utf-9' is no text encoding",
            id="unknown encoding",
        ),
        pytest.param(
            "rows:",
            "known: {delay: soon}\n    rows:",
            "mapping.yaml:6: sources.0.known: 'soon' is no delay",
            id="a delay that is none",
        ),
        pytest.param(
            "file: leads.csv", "file: lead.csv", "mapping.yaml:5: no file 'lead.csv' in", id="no such file"
        ),
        pytest.param(
            "created_at: made",
            "created_at: Made",
            "mapping.yaml:8: leads.csv has no column 'Made'; did you mean 'made'? (it has id, made)",
            id="no such column",
        ),
    ],
)
def test_names_the_line(export, old, new, problem):
    assert old in LEADS
    export.maps(LEADS.replace(old, new, 1)).holds("leads.csv", "id,made\na,2024-01-01T00:00Z\n")
    assert refused(export)[0].startswith(problem)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        pytest.param(
            "id;made\n", '; its whole first line is one column (id;made): set delimiter: ";"', id="semicolon"
        ),
        pytest.param("id\tmade\n", '(id\tmade): set delimiter: "\\t"', id="tab"),
        pytest.param(
            "id,made\n".encode("utf-16"), "set encoding, for example utf-16", id="two bytes a letter"
        ),
    ],
)
def test_a_header_that_was_not_taken_apart_names_the_key_to_set(export, content, hint):
    export.maps(LEADS).holds("leads.csv", content)
    assert all(problem.endswith(hint) for problem in refused(export))


def test_missing_columns_come_in_order_of_line(export):
    export.maps(LEADS + "      - table: stages\n        explode: {late: sql}\n        set: {lead_id: who}\n")
    export.holds("leads.csv", "x,y\n")
    lines = [int(problem.split(":")[1]) for problem in refused(export)]
    assert lines == sorted(lines)
    assert len(set(lines)) > 1


def test_names_every_missing_column_in_every_place(export):
    export.maps(
        LEADS
        + """
  - file: "e_*.csv"
    known: {column: loaded}
    rows:
      - table: events
        where:
          - {column: status, in: [done]}
        set:
          lead_id: who
          type: {columns: [what, step]}
          occurred_at: at
      - table: stages
        set: {lead_id: who}
        explode:
          Became MQL: mql
      - table: attributes
        set: {entity_id: who}
        fields:
          industry: Industry
"""
    )
    export.holds("leads.csv", "id,made\na,2024-01-01T00:00Z\n").holds("e_1.csv", "who\na\n").holds(
        "e_2.csv", "who\na\n"
    )
    lines = [
        (problem.split(": ")[0], problem.split("'")[1]) for problem in refused(export) if "e_1" in problem
    ]
    assert sorted(lines) == [
        ("mapping.yaml:11", "loaded"), ("mapping.yaml:15", "status"), ("mapping.yaml:18", "step"),
        ("mapping.yaml:18", "what"), ("mapping.yaml:19", "at"), ("mapping.yaml:23", "Became MQL"),
        ("mapping.yaml:27", "Industry"),
    ]  # fmt: skip
    assert len(refused(export)) == 14


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            "{table: events, set: {lead_id: id, type: x}}",
            "set needs type and occurred_at, or the rows need explode",
        ),
        (
            "{table: events, set: {lead_id: id, type: x}, explode: {made: y}}",
            "explode and type exclude each other",
        ),
        (
            "{table: stages, set: {lead_id: id, entered_at: made}, explode: {made: y}}",
            "explode and entered_at exclude",
        ),
        (
            "{table: attributes, set: {entity_id: id}}",
            "say fields, or set needs field, value and occurred_at",
        ),
        ("{table: attributes, set: {entity_id: id, field: id}, fields: {x: made}}", "exclude each other"),
        (
            "{table: attributes, fields: {x: {column: made, availability: versioned}}}",
            "cannot be versioned without",
        ),
        (
            "{table: events, where: {column: id}, set: {lead_id: id, type: x, occurred_at: made}}",
            "exactly one of in, not_in",
        ),
    ],
)
def test_refuses_rows_that_contradict_themselves(export, rows, problem):
    export.maps(LEADS + f"      - {rows}\n").holds("leads.csv", "id,made\n")
    (found,) = refused(export)
    assert found.startswith("mapping.yaml:9: ")
    assert problem in found


def test_attributes_need_an_entity(export):
    export.maps(LEADS + "  - file: x.csv\n    rows: [{table: attributes, fields: {size: n}}]\n")
    assert "attributes need set.entity_id" in refused(export)[0]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_refuses_what_is_no_mapping(export, text):
    export.maps(text)
    assert "mapping.yaml:1: mapping: a mapping is keys and values" in refused(export)[0]


def test_refuses_what_is_no_yaml(export):
    export.maps("a: [1\nb: 2\n")
    assert "line 2" in refused(export)[0]


def test_says_where_there_is_no_mapping_and_no_folder(export):
    with pytest.raises(DefinitionError, match="there is no mapping at"):
        read_mapping(export.mapping)
    export.maps(LEADS)
    with pytest.raises(DefinitionError, match="there is no folder"):
        export.ingest()

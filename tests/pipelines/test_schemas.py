"""What pandera refuses in the four tables."""

from __future__ import annotations

import textwrap

import pyarrow as pa
import pytest

from features.errors import TableError
from features.tables import INSTANT, SCHEMAS
from pipelines.schemas import check_tables

MOMENT = pa.array([0], pa.int64()).cast(INSTANT)
GOOD = {
    "leads": {"lead_id": ["a"], "created_at": MOMENT},
    "events": {"lead_id": ["a"], "event_id": ["1"], "type": ["x"], "occurred_at": MOMENT, "known_at": MOMENT},
    "attributes": {
        "entity": ["lead"],
        "entity_id": ["a"],
        "field": ["f"],
        "value": ["v"],
        "occurred_at": MOMENT,
        "known_at": MOMENT,
    },
    "stages": {"lead_id": ["a"], "stage": ["s"], "entered_at": MOMENT, "known_at": MOMENT},
}


def tables(**changes: dict[str, list[str | None]]) -> dict[str, pa.Table]:
    return {
        name: pa.table(
            {
                field.name: ({**GOOD[name], **changes.get(name, {})}).get(field.name, [None])
                for field in schema
            },
            schema=pa.schema(
                [field.with_nullable(True) for field in schema]
            ),  # so that wrong rows can be made
        )
        for name, schema in SCHEMAS.items()
    }


def test_accepts_a_history():
    check_tables(tables())


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("leads", "lead_id", None),
        ("leads", "lead_id", ""),
        ("events", "type", ""),
        ("events", "event_id", None),
        ("attributes", "entity", "company"),
        ("attributes", "field", ""),
        ("stages", "stage", None),
    ],
)
def test_refuses_a_row_and_names_its_place(table, column, value):
    with pytest.raises(TableError) as caught:
        check_tables(tables(**{table: {column: [value]}}))
    assert caught.value.problems[0].startswith(f"{table}.{column}: ")


def test_refuses_a_lead_that_is_there_twice():
    twice = tables()
    twice["leads"] = pa.concat_tables([twice["leads"], twice["leads"]])
    with pytest.raises(TableError, match=r"leads\.lead_id"):
        check_tables(twice)


def test_aware_datetimes_keep_their_zone_and_nothing_warns(run_python):
    """pandera, once imported, would make pyarrow forget the zone, in the whole process; PySpark would warn."""
    program = """
        import warnings; warnings.simplefilter("error")
        import datetime, pyarrow
        from features.tables import SCHEMAS
        from pipelines.schemas import check_tables
        check_tables({name: schema.empty_table() for name, schema in SCHEMAS.items()})
        zone = datetime.timezone(datetime.timedelta(hours=2))
        moments = pyarrow.array([datetime.datetime(2024, 7, 1, 10, tzinfo=zone)])
        print(moments.cast(pyarrow.int64())[0])
    """
    assert run_python(textwrap.dedent(program)).strip() == "1719820800000000"

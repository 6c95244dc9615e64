"""Pandera schemas of the four tables: what must hold in every history that is written."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from unittest.mock import patch

import pandas as pd
import pyarrow as pa

from features.errors import TableError
from features.tables import INSTANT

# While it is imported, pandera looks for PySpark (which warns about pandas) and sets PYARROW_IGNORE_TIMEZONE for the
# whole process: from then on pyarrow would read every aware datetime as if it were UTC. Both are undone here.
with patch.dict(os.environ), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pandera.pandas as pandera
    from pandera.errors import SchemaErrors

    import_module(
        "pandera.backends.pandas.builtin_checks"
    )  # or the first validation does, and looks for PySpark again

_TEXT = pd.ArrowDtype(pa.string())
_MOMENT = pd.ArrowDtype(INSTANT)
_NUMBER = pd.ArrowDtype(pa.float64())
_NOT_BLANK = pandera.Check(lambda texts: texts != "", error="is blank")


def _id(**more: Any) -> pandera.Column:
    return pandera.Column(_TEXT, _NOT_BLANK, nullable=False, **more)


def _word() -> pandera.Column:
    return pandera.Column(_TEXT, nullable=True)


def _moment() -> pandera.Column:
    return pandera.Column(_MOMENT, nullable=False)


def _schema(name: str, columns: dict[str, pandera.Column], **more: Any) -> pandera.DataFrameSchema:
    return pandera.DataFrameSchema(columns, name=name, strict=True, ordered=True, **more)


LEADS = _schema(
    "leads",
    {"lead_id": _id(unique=True), "account_id": _word(), "service_line": _word(), "created_at": _moment()},
)

EVENTS = _schema(
    "events",
    {
        "lead_id": _id(), "event_id": _id(), "type": _id(), "occurred_at": _moment(), "known_at": _moment(),
        "value": pandera.Column(_NUMBER, nullable=True),
        "topic": _word(), "channel": _word(), "campaign": _word(), "source": _word(),
    },
)  # fmt: skip

ATTRIBUTES = _schema(
    "attributes",
    {
        "entity": pandera.Column(_TEXT, pandera.Check.isin(["lead", "account"]), nullable=False),
        "entity_id": _id(), "field": _id(), "value": _word(), "occurred_at": _moment(), "known_at": _moment(),
    },
)  # fmt: skip

STAGES = _schema(
    "stages",
    {
        "lead_id": _id(), "stage": _id(), "entered_at": _moment(), "known_at": _moment(),
        "reason": _word(), "actor": _word(),
    },
)  # fmt: skip

SCHEMAS = {"leads": LEADS, "events": EVENTS, "attributes": ATTRIBUTES, "stages": STAGES}


def check_tables(tables: Mapping[str, pa.Table]) -> None:
    """Check the four tables.

    Raises:
        TableError: with one line per table, column and broken promise.
    """
    problems = [problem for name, schema in SCHEMAS.items() for problem in _problems(schema, tables[name])]
    if problems:
        raise TableError("these tables are no history", problems)


def _problems(schema: pandera.DataFrameSchema, table: pa.Table) -> list[str]:
    try:
        schema.validate(table.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases.groupby(["column", "check"], dropna=False, sort=True).size()
        return [
            f"{schema.name}.{column}: {check} ({count} cases)" for (column, check), count in cases.items()
        ]
    return []

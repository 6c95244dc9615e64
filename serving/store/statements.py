"""Statements written once in SQLAlchemy and run by the driver itself.

A statement of SQLAlchemy costs 40 to 80 us before the database sees it. On the path of a request there are
several, so they are compiled once per dialect; what the driver is given is the same text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement

Rows = list[tuple[Any, ...]]

DIALECTS: Final[Mapping[str, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": PGDialect_psycopg(),  # type: ignore[no-untyped-call]
}


class Statement:
    """One statement with named parameters, in the text of each dialect."""

    __slots__ = ("_clauses", "_compiled")

    def __init__(self, clause: ClauseElement | Mapping[str, ClauseElement]) -> None:
        self._clauses = clause if isinstance(clause, Mapping) else dict.fromkeys(DIALECTS, clause)
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def rows(self, connection: Connection, **values: Any) -> Rows:
        """What it answers. A driver's own errors come through (``errors.means_unavailable`` knows them)."""
        return self._executed(connection, values).fetchall()  # type: ignore[no-any-return]

    def run(self, connection: Connection, **values: Any) -> int:
        """Do it; how many rows it touched."""
        return int(self._executed(connection, values).rowcount)

    def run_many(self, connection: Connection, values: Sequence[dict[str, Any]]) -> None:
        """Do it for each."""
        if values:
            text, constants = self._for(connection)
            _cursor(connection).executemany(
                text, [constants | one for one in values] if constants else values
            )

    def _executed(self, connection: Connection, values: dict[str, Any]) -> Any:
        text, constants = self._for(connection)
        cursor = _cursor(connection)
        cursor.execute(text, constants | {name: _sent(value) for name, value in values.items()})
        return cursor

    def _for(self, connection: Connection) -> tuple[str, dict[str, Any]]:
        name = connection.dialect.name
        found = self._compiled.get(name)
        if found is None:
            compiled = self._clauses[name].compile(dialect=DIALECTS[name])
            constants = {key: value for key, value in compiled.params.items() if value is not None}
            found = self._compiled[name] = (str(compiled), constants)
        return found


class Among(ColumnElement[bool]):
    """Whether a text column, or several together, is in a list, which is one parameter however long it is.

    The parameter is a list of texts, or of tuples of texts for several columns.
    """

    inherit_cache = False
    _is_implicitly_boolean = True  # else SQLAlchemy writes "= 1" behind it, and SQLite uses no index
    type = Boolean()

    def __init__(self, parameter: str, *columns: ColumnElement[Any]) -> None:
        self.parameter, self.columns = parameter, columns


@compiles(Among, "sqlite")
def _among_in_sqlite(element: Among, compiler: Any, **options: Any) -> str:
    read = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(element.columns)))
    rows = f"SELECT {read} FROM json_each(:{element.parameter})"  # noqa: S608 - our own names
    return _among(element, compiler, rows, options)


@compiles(Among, "postgresql")
def _among_in_postgresql(element: Among, compiler: Any, **options: Any) -> str:
    read = ", ".join(f"value->>{at}" for at in range(len(element.columns)))
    rows = f"SELECT {read} FROM json_array_elements(%({element.parameter})s::JSON)"  # noqa: S608 - our own names
    return _among(element, compiler, rows, options)


def _among(element: Among, compiler: Any, rows: str, options: dict[str, Any]) -> str:
    names = ", ".join(compiler.process(column, **options) for column in element.columns)
    return f"({names}) IN ({rows})"


def _sent(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return json.dumps([one if isinstance(one, tuple) else (one,) for one in value])


def _cursor(connection: Connection) -> Any:
    if not connection.in_transaction():  # else what the driver does would not be seen by commit()
        connection.begin()
    return connection.connection.cursor()


def upsert(table: Table, *, keep: Collection[str] = (), replace: Collection[str] | None = None) -> Statement:
    """Insert a row of all columns; where its key is taken, put its other columns in place of the old ones.

    Args:
        table: where to.
        keep: columns that an update leaves as they are.
        replace: the columns to replace; all but the key and ``keep`` where not given. Empty: the old row stays.
    """
    key = [column.name for column in table.primary_key]
    if replace is None:
        replace = [column.name for column in table.columns if column.name not in {*key, *keep}]
    clauses: dict[str, ClauseElement] = {}
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        statement = insert(table)
        clauses[name] = (
            statement.on_conflict_do_update(
                index_elements=key, set_={column: statement.excluded[column] for column in replace}
            )
            if replace
            else statement.on_conflict_do_nothing(index_elements=key)
        )
    return Statement(clauses)

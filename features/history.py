"""A history in memory: the four tables as arrays, grouped by lead and in order of time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.definitions import COLUMNS
from features.errors import TableError
from features.matrix import Floats, Ints, Texts
from features.tables import SCHEMAS

Codes = NDArray[np.int32]

MICRO: Final = 1_000_000
LARGEST_SUM: Final = 9e12
"""Values are summed as whole millionths, so that no order of rows can change a sum; larger ones would not fit."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A text column as positions in a list of words. Code 0 is missing, ``words[0]`` is empty."""

    codes: Codes
    words: tuple[str, ...]

    def take(self, rows: Ints) -> Coded:
        """Some of the rows."""
        return Coded(self.codes[rows], self.words)

    def accepts(self, wanted: Collection[str]) -> NDArray[np.bool_]:
        """For each word, whether it is among ``wanted``; no wish accepts all, missing ones included."""
        if not wanted:
            return np.ones(len(self.words), dtype=np.bool_)
        return np.array([code > 0 and word in wanted for code, word in enumerate(self.words)], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows of one table, grouped by entity; within a group in order of ``occurred_at``, then of ``known_at``.

    Of what still ties, values of attributes are in the order of their text, an emptied one first, so that the
    same rows mean the same in whatever order they were delivered; all else is as it came.

    Attributes:
        starts: rows of group g are ``starts[g]:starts[g + 1]``; shape (groups + 1,).
        occurred_at, known_at: instants. owner: the lead that a row belongs to, -1 for an account's facts.
        value: NaN where there is none. columns: text columns.
    """

    starts: Ints
    occurred_at: Ints
    known_at: Ints
    owner: Codes
    value: Floats
    columns: Mapping[str, Coded]

    def __len__(self) -> int:
        return len(self.occurred_at)

    @classmethod
    def grouped(cls, group: Codes, groups: int, occurred_at: Ints, known_at: Ints, **rest: Any) -> Stream:
        """Sort rows by (group, occurred_at, known_at, ``rest["tie"]`` where given), ties in the order given.

        Raises:
            TableError: if the values of a group are too large to add up.
        """
        tie = rest.get("tie")
        keys = (group, occurred_at, known_at) if tie is None else (group, occurred_at, known_at, tie)
        order = None if _is_sorted(keys) else np.lexsort(keys[::-1])
        columns = {
            name: Coded(_ordered(column.codes, order), column.words)
            for name, column in rest["columns"].items()
        }
        check_sums(rest["value"], group)
        starts = np.searchsorted(_ordered(group, order), np.arange(groups + 1)).astype(np.int64)
        times = _ordered(occurred_at, order), _ordered(known_at, order)
        return cls(starts, *times, _ordered(rest["owner"], order), _ordered(rest["value"], order), columns)


def check_sums(value: Floats, group: Codes | None = None) -> None:
    """Refuse values that are too large to add up, each group by itself; all are one group by default.

    Raises:
        TableError: if some sum of magnitudes is over ``LARGEST_SUM``.
    """
    sizes = np.where(np.isnan(value), 0.0, np.abs(value))
    sums = np.bincount(np.zeros(len(value), dtype=np.int32) if group is None else group, sizes)
    if sums.max(initial=0.0) > LARGEST_SUM:
        problem = f"the values of one lead or account reach {LARGEST_SUM:g}; state them in a larger unit"
        raise TableError(problem)


def _ordered(array: NDArray[Any], order: Ints | None) -> NDArray[Any]:
    """``array`` in ``order``. Always writable: numba compiles once more for arrays that are not."""
    return np.require(array, requirements=["C", "W"]) if order is None else array[order]


def _is_sorted(keys: tuple[NDArray[Any], ...]) -> bool:
    """Whether rows are in order of the first key, then of the second, and so on."""
    tied = np.ones(max(len(keys[0]) - 1, 0), dtype=np.bool_)
    for key in keys:
        if (tied & (key[1:] < key[:-1])).any():
            return False
        tied &= key[1:] == key[:-1]
    return True


def in_order_of_text(column: Coded) -> Ints:
    """For each row the place of its text among all texts, in order of code points; what is missing comes first."""
    place = np.zeros(len(column.words), dtype=np.int64)
    place[sorted(range(1, len(column.words)), key=column.words.__getitem__)] = np.arange(1, len(column.words))
    return place[column.codes]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a table becomes a stream: its key, its time and its text columns by the name the kernel uses."""

    name: str
    key: str
    time: str
    texts: Mapping[str, str]
    has_values: bool = False


_EVENTS: Final = _Kind("events", "lead_id", "occurred_at", {name: name for name in COLUMNS}, has_values=True)
_STAGES: Final = _Kind(
    "stages", "lead_id", "entered_at", {"type": "stage", "reason": "reason", "actor": "actor"}
)
_ATTRIBUTES: Final = _Kind("attributes", "entity_id", "occurred_at", {"field": "field", "value": "value"})


@dataclass(frozen=True)
class History:
    """Leads and everything that happened to them.

    Of equal ``event_id`` of a lead the row known first is kept, so that a later correction changes nothing that
    was asked before.

    Attributes:
        lead_ids: sorted, each once. created_at: instants, per lead.
        account: position in ``account_ids`` per lead, -1 for none.
        events, stages: streams grouped by lead. lead_attributes, account_attributes: grouped by entity.
        time_zone: IANA zone of the business, for the hour and weekday of creation.
    """

    lead_ids: Texts
    created_at: Ints
    service_line: Coded
    account: Codes
    account_ids: tuple[str, ...]
    events: Stream
    stages: Stream
    lead_attributes: Stream
    account_attributes: Stream
    time_zone: str = "UTC"

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], *, time_zone: str = "UTC") -> History:
        """Build from Arrow tables of the shapes in ``features.tables``; any order of rows.

        Raises:
            TableError: for a missing column, a repeated lead, a row of an unknown lead or values too large to add up.
        """
        _check_columns(tables)
        leads = _sorted_leads(tables["leads"])
        ids = leads["lead_id"].combine_chunks()
        accounts = pc.unique(leads["account_id"].drop_null()).sort()
        attributes = tables["attributes"]
        return cls(
            lead_ids=ids.to_numpy(zero_copy_only=False),
            created_at=_instants(leads["created_at"]),
            service_line=_coded(leads["service_line"]),
            account=_positions(leads["account_id"], accounts),
            account_ids=tuple(accounts.to_pylist()),
            events=_stream(_once(tables["events"]), _EVENTS, ids),
            stages=_stream(tables["stages"], _STAGES, ids),
            lead_attributes=_stream(_about(attributes, "lead", ids), _ATTRIBUTES, ids),
            account_attributes=_stream(_about(attributes, "account", accounts), _ATTRIBUTES, accounts),
            time_zone=time_zone,
        )

    def __len__(self) -> int:
        return len(self.lead_ids)

    def lead_rows(self, lead_id: Texts) -> Codes:
        """Positions of leads.

        Raises:
            TableError: if the history does not hold one of them.
        """
        rows = (
            np.searchsorted(self.lead_ids, lead_id) if len(self) else np.zeros(len(lead_id), dtype=np.int64)
        )
        found = np.zeros(len(lead_id), dtype=np.bool_)
        inside = rows < len(self)
        found[inside] = self.lead_ids[rows[inside]] == np.asarray(lead_id, dtype=object)[inside]
        if not found.all():
            unknown = [str(lead) for lead in np.asarray(lead_id, dtype=object)[~found][:5]]
            raise TableError(f"{int((~found).sum())} lead(s) are not in the history", unknown)
        return rows.astype(np.int32)

    @cached_property
    def account_events(self) -> Stream:
        """The events again, grouped by account; those of leads without an account are left out."""
        events = self.events
        group = self.account[events.owner]
        kept = np.flatnonzero(group >= 0)
        return Stream.grouped(
            group[kept],
            len(self.account_ids),
            events.occurred_at[kept],
            events.known_at[kept],
            owner=events.owner[kept],
            value=events.value[kept],
            columns={name: column.take(kept) for name, column in events.columns.items()},
        )

    @cached_property
    def account_members(self) -> tuple[Ints, Ints]:
        """Starts per account and, within each, the sorted instants at which its leads were created."""
        kept = np.flatnonzero(self.account >= 0)
        order = kept[np.lexsort((self.created_at[kept], self.account[kept]))]
        starts = np.searchsorted(self.account[order], np.arange(len(self.account_ids) + 1))
        return starts.astype(np.int64), self.created_at[order]

    def excusing(self, fields: Collection[str]) -> History:
        """Read the named attributes as if they had been known when they happened."""
        return replace(
            self,
            lead_attributes=_known_at_once(self.lead_attributes, fields),
            account_attributes=_known_at_once(self.account_attributes, fields),
        )


def _known_at_once(stream: Stream, fields: Collection[str]) -> Stream:
    column = stream.columns["field"]
    if not fields or not len(stream):
        return stream
    excused = column.accepts(fields)[column.codes]
    return replace(stream, known_at=np.where(excused, stream.occurred_at, stream.known_at))


def _check_columns(tables: Mapping[str, pa.Table]) -> None:
    problems = []
    for name, schema in SCHEMAS.items():
        if name not in tables:
            problems.append(f"table {name!r} is missing")
            continue
        wanted = set(schema.names) - {"event_id"}
        problems += [
            f"{name} lacks column {column!r}" for column in sorted(wanted - set(tables[name].column_names))
        ]
    if problems:
        raise TableError("these tables are no history", problems)


def _sorted_leads(table: pa.Table) -> pa.Table:
    columns = {name: _plain(table[name]) for name in ("lead_id", "account_id", "service_line")}
    plain = pa.table({**columns, "created_at": table["created_at"]})
    ids = plain["lead_id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    twice = np.unique(ids[1:][ids[1:] == ids[:-1]])
    if len(twice):
        raise TableError(f"{len(twice)} lead(s) are repeated", [str(lead) for lead in twice[:5]])
    return plain.take(pa.array(order))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _instants(column: pa.ChunkedArray) -> Ints:
    if column.null_count:
        raise TableError("an instant is missing; every row needs its times")
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()), dtype=np.int64)


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    combined = encoded.unify_dictionaries().combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        combined = combined.chunk(0) if combined.num_chunks else pa.array([], pa.string()).dictionary_encode()
    return combined


def _coded(column: pa.ChunkedArray) -> Coded:
    encoded = _dictionary(column)
    codes = encoded.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False) + np.int32(1)
    return Coded(codes.astype(np.int32, copy=False), ("", *encoded.dictionary.cast(pa.string()).to_pylist()))


def _positions(column: pa.ChunkedArray, ids: pa.Array) -> Codes:
    """Position of each text in ``ids``, -1 where it is null or not there."""
    encoded = _dictionary(column)
    of_word = pc.index_in(encoded.dictionary.cast(pa.string()), value_set=ids).fill_null(-1)
    lookup: Codes = np.append(np.asarray(of_word), -1).astype(np.int32)
    positions: Codes = lookup[np.asarray(encoded.indices.cast(pa.int64()).fill_null(-1))]
    return positions


def _stream(table: pa.Table, kind: _Kind, ids: pa.Array) -> Stream:
    group = _positions(table[kind.key], ids)
    if (group < 0).any():
        unknown = _plain(table[kind.key]).filter(pa.array(group < 0)).unique().to_pylist()
        raise TableError(
            f"{kind.name}: {len(unknown)} {kind.key} without a lead", [str(lead) for lead in unknown[:5]]
        )
    value = table["value"].cast(pa.float64()).to_numpy() if kind.has_values else np.full(len(table), np.nan)
    columns = {column: _coded(table[source]) for column, source in kind.texts.items()}
    return Stream.grouped(
        group,
        len(ids),
        _instants(table[kind.time]),
        _instants(table["known_at"]),
        owner=group if kind.key == "lead_id" else np.full(len(table), -1, dtype=np.int32),
        value=value,
        columns=columns,
        tie=in_order_of_text(columns["value"]) if "value" in columns else None,
    )


def _once(table: pa.Table) -> pa.Table:
    """Of each (lead_id, event_id) the row known first; rows without an id are taken to be clean."""
    if "event_id" not in table.column_names:
        return table
    lead = np.asarray(_dictionary(table["lead_id"]).indices, dtype=np.int64)
    event = np.asarray(_dictionary(table["event_id"]).indices.fill_null(-1), dtype=np.int64)
    pair = np.where(event < 0, ~np.arange(len(event)), lead * (int(event.max(initial=0)) + 1) + event)
    order = np.argsort(_instants(table["known_at"]), kind="stable")
    _, first = np.unique(pair[order], return_index=True)
    return table if len(first) == len(table) else table.take(pa.array(np.sort(order[first])))


def _about(attributes: pa.Table, entity: str, ids: pa.Array) -> pa.Table:
    """The attributes of one kind of entity, those of unknown ids left out."""
    known = pc.is_in(_plain(attributes["entity_id"]), value_set=ids)
    return attributes.filter(pc.and_(pc.equal(attributes["entity"], entity), known))

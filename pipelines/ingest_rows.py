"""Targets of the mapping, evaluated over one file: rows for the four tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest_cells import View, numbers
from pipelines.ingest_draft import Batch, Draft
from pipelines.ingest_ids import content_ids
from pipelines.ingest_times import REASONS, Times
from pipelines.ingest_zones import Ints
from pipelines.mapping import AttributeRows, EventRows, LeadRows, Rows, StageRows, Target
from pipelines.mapping_cells import Cell, Exploded, FieldCell

_EVENT_WORDS = ("topic", "channel", "campaign", "source")


@dataclass(frozen=True, slots=True)
class Origin:
    """A file among all files, and the batch that its rows join."""

    file: int
    batch: Batch
    no_account: tuple[str, ...] = ()

    def draft(self, table: str, view: View) -> Draft:
        """An empty draft of the records of ``view``."""
        return Draft(table, pa.table({"line": view.line}), np.full(len(view), self.file, np.int64), view.line)


def add_rows(target: Target, view: View, origin: Origin) -> None:
    """Add the rows that ``target`` makes of the records in ``view`` to the batch."""
    tally = origin.batch.tally(origin.file, target.table)
    chosen = view.where(target.where)
    skipped = len(view) - len(chosen)
    tally.rows += skipped + len(view.sheet.broken_line)
    tally.skipped += skipped
    tally.quarantined += len(view.sheet.broken_line)
    broken = zip(view.sheet.broken_line.tolist(), view.sheet.broken_reason, strict=True)
    origin.batch.broken.extend((origin.file, line, target.table, reason) for line, reason in broken)
    drafts = [*_drafts(target, chosen, origin)]
    tally.rows += sum(map(len, drafts))
    origin.batch.drafts.setdefault(target.table, []).extend(drafts)


@singledispatch
def _drafts(target: Rows, view: View, origin: Origin) -> Iterator[Draft]:
    raise TypeError(f"no rows are made of {type(target).__name__}")


@_drafts.register
def _(target: LeadRows, view: View, origin: Origin) -> Iterator[Draft]:
    draft = origin.draft("leads", view)
    cells = target.set
    columns: dict[str, pa.Array | Ints] = {"lead_id": _required(draft, view, "lead_id", cells.lead_id)}
    columns |= {
        name: _optional(draft, view, name, getattr(cells, name)) for name in ("account_id", "service_line")
    }
    columns["account_id"] = _without(columns["account_id"], origin.no_account)
    times = _times(draft, view, "created_at", cells.created_at, None)
    _count(origin.batch, times)
    columns |= {"created_at": times.instant, "known_at": times.day_over}
    yield _finished(draft, columns)


@_drafts.register
def _(target: EventRows, view: View, origin: Origin) -> Iterator[Draft]:
    for part, word, when in _parts(target, target.set.occurred_at, view, origin):
        draft = origin.draft("events", part)
        cells = target.set
        columns: dict[str, pa.Array | Ints] = {"lead_id": _required(draft, part, "lead_id", cells.lead_id)}
        columns["type"] = _required(draft, part, "type", word if cells.type is None else cells.type)
        columns |= _happened(draft, part, target, ("occurred_at", *when), origin.batch)
        columns["value"] = _number(draft, part, cells.value)
        columns |= {name: _optional(draft, part, name, getattr(cells, name)) for name in _EVENT_WORDS}
        columns["event_id"] = _event_id(draft, part, cells.event_id, columns)
        yield _finished(draft, columns)


@_drafts.register
def _(target: StageRows, view: View, origin: Origin) -> Iterator[Draft]:
    for part, word, when in _parts(target, target.set.entered_at, view, origin):
        draft = origin.draft("stages", part)
        cells = target.set
        columns: dict[str, pa.Array | Ints] = {"lead_id": _required(draft, part, "lead_id", cells.lead_id)}
        columns["stage"] = _required(draft, part, "stage", word if cells.stage is None else cells.stage)
        columns |= _happened(draft, part, target, ("entered_at", *when), origin.batch)
        columns |= {name: _optional(draft, part, name, getattr(cells, name)) for name in ("reason", "actor")}
        yield _finished(draft, columns)


@_drafts.register
def _(target: AttributeRows, view: View, origin: Origin) -> Iterator[Draft]:
    entity = target.set.entity_id or _entity_cell(target, view)
    if not target.fields:
        draft = origin.draft("attributes", view)
        named = _required(draft, view, "field", target.set.field)
        yield _attribute(draft, view, target, (entity, named, target.set.value, "versioned"), origin.batch)
    for name, cell in target.fields.items():
        part = _filled_part(view, cell, origin) if target.set.occurred_at is None else view
        draft = origin.draft("attributes", part)
        availability = "versioned" if target.set.occurred_at is not None else cell.availability
        named = pa.repeat(pa.scalar(name), len(part))
        yield _attribute(draft, part, target, (entity, named, cell, availability), origin.batch)


def _entity_cell(target: AttributeRows, view: View) -> Cell:
    """The id that the same source gives its leads."""
    leads = next(rows for rows in view.source.rows if isinstance(rows, LeadRows))
    return (
        leads.set.lead_id if target.entity == "lead" or leads.set.account_id is None else leads.set.account_id
    )


def _filled_part(view: View, cell: FieldCell, origin: Origin) -> View:
    """Records that say something: an empty cell of an export is no fact."""
    part = view if not cell.reads else view.filled(cell.reads[0]) if len(cell.reads) == 1 else view
    tally = origin.batch.tally(origin.file, "attributes")
    tally.rows += len(view) - len(part)
    tally.skipped += len(view) - len(part)
    return part


def _attribute(
    draft: Draft,
    view: View,
    target: AttributeRows,
    what: tuple[Cell, pa.StringArray, Cell | None, str],
    batch: Batch,
) -> Draft:
    entity, named, cell, availability = what
    columns: dict[str, pa.Array | Ints] = {"entity": pa.repeat(pa.scalar(target.entity), len(view))}
    columns["entity_id"] = _required(draft, view, "entity_id", entity)
    columns |= {"field": named, "value": _optional(draft, view, "value", cell)}
    columns["availability"] = pa.repeat(pa.scalar(availability), len(view))
    if target.set.occurred_at is None:
        columns |= {"occurred_at": np.zeros(len(view), np.int64), "known_at": np.zeros(len(view), np.int64)}
    else:
        columns |= _happened(draft, view, target, ("occurred_at", target.set.occurred_at, None), batch)
    return _finished(draft, columns)


def _without(ids: pa.StringArray, none: tuple[str, ...]) -> pa.StringArray:
    return pc.if_else(pc.is_in(ids, value_set=pa.array(none, pa.string())), pa.scalar(None, pa.string()), ids)


def _parts(
    target: EventRows | StageRows, when: Cell | None, view: View, origin: Origin
) -> Iterator[tuple[View, Cell | None, tuple[Cell, Exploded | None]]]:
    """The records themselves, or those with a date in each exploded column and the word that it stands for."""
    if when is not None:
        yield view, None, (when, None)
    tally = origin.batch.tally(origin.file, target.table)
    for column, exploded in target.explode.items():
        part = view.filled(column)
        tally.rows += len(view) - len(part)
        tally.skipped += len(view) - len(part)
        yield part, Cell(value=exploded.word), (Cell(column=column), exploded)


def _happened(
    draft: Draft, view: View, target: Rows, when: tuple[str, Cell, Exploded | None], batch: Batch
) -> dict[str, pa.Array | Ints]:
    name, cell, exploded = when
    times = _times(draft, view, name, cell, exploded)
    _count(batch, times)
    known = view.source.known if target.known is None else target.known
    if known.column is None:
        return {name: times.instant, "known_at": times.day_over + known.delay_micros}
    learned = view.times(known)
    _flag_times(draft, learned, "known_at")
    _count(batch, learned)
    return {name: times.instant, "known_at": learned.day_over}


def _times(draft: Draft, view: View, name: str, cell: Cell, exploded: Exploded | None) -> Times:
    times = view.times(cell, exploded.grain if exploded else None)
    _flag_times(draft, times, cell.label)
    return times


def _flag_times(draft: Draft, times: Times, column: str) -> None:
    for code in np.unique(times.reason[times.reason > 0]):
        draft.flag(times.reason == code, REASONS[code], column)


def _count(batch: Batch, times: Times) -> None:
    batch.clocks["naive"] += int(times.naive.sum())
    batch.clocks["ambiguous"] += int(times.ambiguous.sum())
    batch.clocks["nonexistent"] += int(times.nonexistent.sum())


def _required(draft: Draft, view: View, name: str, cell: Cell | None) -> pa.StringArray:
    texts = _optional(draft, view, name, cell)
    draft.flag(
        texts.is_null().to_numpy(zero_copy_only=False), f"missing_{name}", "" if cell is None else cell.label
    )
    return texts.fill_null("")


def _optional(draft: Draft, view: View, name: str, cell: Cell | None) -> pa.StringArray:
    texts, bad = view.text(cell)
    draft.flag(bad, "bad_id", "" if cell is None else cell.label)
    return texts


def _number(draft: Draft, view: View, cell: Cell | None) -> pa.DoubleArray:
    value, bad = numbers(view.text(cell)[0])
    draft.flag(bad, "bad_number", "" if cell is None else cell.label)
    return value


def _event_id(
    draft: Draft, view: View, cell: Cell | None, columns: dict[str, pa.Array | Ints]
) -> pa.StringArray:
    if cell is not None:
        return _required(draft, view, "event_id", cell)
    content = {name: pa.array(column) for name, column in columns.items() if name != "known_at"}
    return content_ids(content, draft.file, draft.good)


def _finished(draft: Draft, columns: dict[str, pa.Array | Ints]) -> Draft:
    draft.rows = pa.table({name: pa.array(columns[name]) for name in sorted(columns)})
    return draft

"""Exports to history: read by the mapping, judge every row, publish all or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from features.clock import iso
from features.errors import DefinitionError, TableError
from features.folder import read_manifest, write_history
from features.manifest import Manifest
from features.tables import SCHEMAS
from pipelines.ingest_cells import View
from pipelines.ingest_checks import latest_moment, settle
from pipelines.ingest_draft import Batch, Draft, joined
from pipelines.ingest_fields import field_summaries
from pipelines.ingest_files import Sheet, column_names, find_files, read_sheet
from pipelines.ingest_quarantine import quarantine_table, refuse_if_bad, settle_tallies
from pipelines.ingest_rows import Origin, add_rows
from pipelines.ingest_summary import describe
from pipelines.mapping import NULLS
from pipelines.mapping_file import MappingFile, read_mapping
from pipelines.schemas import check_tables

__all__ = ["describe", "ingest"]


def ingest(mapping: Path, source: Path, out: Path) -> Manifest:
    """Turn the exports in folder ``source`` into the history ``out``, as file ``mapping`` says.

    The same input gives the same bytes. Rows that cannot be stored are kept, by file, line, column and
    reason, in ``quarantine.parquet`` of the history. A run that is killed leaves the old history whole.

    Raises:
        DefinitionError: if the mapping cannot be used on these files; names the lines to mend.
        TableError: if a file is damaged, or too many rows of a table had to be quarantined
            (``max_bad_share``); nothing is published then.
    """
    asked = read_mapping(mapping)
    files = _files(asked, source)
    batch, sheets = _read(asked, files, source)
    drafts = {
        name: joined(name, batch.drafts[name]) if name in batch.drafts else _empty(name) for name in SCHEMAS
    }
    exported_at = asked.mapping.exported_instant
    exported_at = latest_moment(drafts) if exported_at is None else exported_at
    settle(drafts, 0 if exported_at is None else exported_at)
    counts = settle_tallies(batch, drafts)
    quarantined = quarantine_table(batch, drafts, [sheet.name for sheet in sheets])
    refuse_if_bad(counts, quarantined, asked.mapping.max_bad_share)
    if exported_at is None or not drafts["leads"].good.any():
        raise TableError(
            f"there is not one lead in {source}", [f"{asked.path.name} reads leads from {_lead_files(asked)}"]
        )
    tables = {name: _finished(name, draft) for name, draft in drafts.items()}
    check_tables(tables)
    about = {
        "observed_until": iso(exported_at),
        "fields": field_summaries(drafts["attributes"]),
        "sources": _sources(batch, sheets),
        "mapping_sha256": asked.sha256,
        "counts": counts,
    }
    write_history(out, tables, about, quarantined)
    return read_manifest(out)


def _files(asked: MappingFile, folder: Path) -> list[tuple[int, Path]]:
    """Source number and path of every file, after a look at all headers."""
    if not folder.is_dir():
        raise DefinitionError(f"there is no folder {folder} to read exports from")
    found = [(index, find_files(folder, source)) for index, source in enumerate(asked.mapping.sources)]
    problems = [
        f"{asked.at(('sources', index, 'file'))}: no file {asked.mapping.sources[index].file!r} in {folder}"
        f" (it holds {', '.join(sorted(path.name for path in folder.iterdir())[:20]) or 'nothing'})"
        for index, paths in found
        if not paths
    ]
    for index, paths in found:
        for path in paths:
            names = column_names(path, asked.mapping.sources[index])
            problems += asked.missing_columns(index, path.name, names)
    if problems:
        raise DefinitionError(f"mapping {asked.path} does not fit the exports", problems)
    return [(index, path) for index, paths in found for path in paths]


def _read(asked: MappingFile, files: Iterable[tuple[int, Path]], folder: Path) -> tuple[Batch, list[Sheet]]:
    batch, sheets = Batch(), []
    for number, (index, path) in enumerate(files):
        source = asked.mapping.sources[index]
        sheet = read_sheet(path, source, path.relative_to(folder).as_posix(), asked.wanted(index))
        view = View(sheet, source, NULLS + asked.mapping.nulls + source.nulls)
        for target in source.rows:
            add_rows(target, view, Origin(number, batch, asked.mapping.account.none))
        sheets.append(sheet.without_columns())
    return batch, sheets


def _empty(name: str) -> Draft:
    columns: dict[str, pa.Array] = {
        field.name: pa.array([], pa.int64() if pa.types.is_timestamp(field.type) else field.type)
        for field in SCHEMAS[name]
    }
    extra = {"leads": {"known_at": pa.int64()}, "attributes": {"availability": pa.string()}}
    columns |= {column: pa.array([], kind) for column, kind in extra.get(name, {}).items()}
    none = np.zeros(0, np.int64)
    return Draft(name, pa.table(columns), none, none)


def _finished(name: str, draft: Draft) -> pa.Table:
    """Good rows of a draft, in the shape of the table."""
    return draft.rows.filter(pa.array(draft.good)).select(SCHEMAS[name].names).cast(SCHEMAS[name])


def _lead_files(asked: MappingFile) -> str:
    files = [
        source.file for source in asked.mapping.sources if any(rows.table == "leads" for rows in source.rows)
    ]
    return ", ".join(files) or "no file: add rows with `table: leads`"


def _sources(batch: Batch, sheets: list[Sheet]) -> list[dict[str, Any]]:
    return [
        {
            "file": sheet.name,
            "sha256": sheet.sha256,
            "rows": sheet.rows,
            "tables": {
                tally.table: {
                    "rows": tally.rows, "stored": tally.stored, "quarantined": tally.quarantined,
                    "skipped": tally.skipped, "duplicates": tally.duplicates,
                }
                for tally in batch.tallies.values()
                if tally.file == number
            },
        }
        for number, sheet in enumerate(sheets)
    ]  # fmt: skip

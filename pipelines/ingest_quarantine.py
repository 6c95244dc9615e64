"""Rows that could not be stored: listed, counted, and refused if they are too many."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import TableError
from pipelines.ingest_checks import Drafts
from pipelines.ingest_draft import Batch, Draft

_HINTS = {
    "bad_time": 'bad_time: dates that are not ISO need date_formats in the source, such as "%d.%m.%Y %H:%M"',
    "naive_time": "naive_time: times without an offset need time_zone in the source, such as Europe/Berlin",
    "not_utf8": "not_utf8: text that is not UTF-8 needs encoding in the source, such as cp1252",
    "after_export": "after_export: exported_at of the mapping may lie before the export was made",
    "unknown_lead": "unknown_lead: there is no such lead, or its own row is bad, or all lead ids need `id: salesforce`",
}
"""What often stands behind a reason, and the key of the mapping that mends it."""
_MUCH = 0.1
"""A reason gets a hint from this share of a table's quarantined rows on."""
_PARTS = ("rows", "stored", "quarantined", "skipped", "duplicates")


def settle_tallies(batch: Batch, drafts: Drafts) -> dict[str, Any]:
    """Complete and check the tallies of all files; the counts of the manifest.

    ``rows`` is one per record, target and exploded column or field: it is always the sum of ``stored``,
    ``quarantined``, ``skipped`` (left out by ``where``, or an empty date or field) and ``duplicates``.
    """
    for (file, table), tally in batch.tallies.items():
        draft = drafts[table]
        mine = draft.file == file
        tally.stored += int((draft.good & mine).sum())
        tally.duplicates += int((draft.duplicate & mine).sum())
        tally.quarantined += int(((draft.flaw > 0) & mine).sum())
        tally.check()
    tables = {
        name: {
            part: sum(getattr(tally, part) for tally in batch.tallies.values() if tally.table == name)
            for part in _PARTS
        }
        for name in drafts
    }
    total = {part: sum(table[part] for table in tables.values()) for part in _PARTS}
    clocks = {name: batch.clocks[name] for name in ("naive", "ambiguous", "nonexistent")}
    return {**total, **clocks, "tables": tables, "reasons": _reasons(batch, drafts)}


def _reasons(batch: Batch, drafts: Drafts) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, _, _, reason in batch.broken:
        found[reason] = found.get(reason, 0) + 1
    for draft in drafts.values():
        for number, (reason, _) in enumerate(draft.flaws, 1):
            rows = int((draft.flaw == number).sum())
            found |= {reason: found.get(reason, 0) + rows} if rows else {}
    return found


def quarantine_table(batch: Batch, drafts: Drafts, files: list[str]) -> pa.Table:
    """File, line, table, column and reason of every quarantined row, in source order; never its content."""
    parts = [_quarantined(draft) for draft in drafts.values()]
    file, line, table, reason = (
        (list(column) for column in zip(*batch.broken, strict=True)) if batch.broken else ([],) * 4
    )
    parts.append(_table(file, line, table, [""] * len(file), reason))
    rows = pa.concat_tables(parts)
    keys = [(name, "ascending") for name in ("file", "line", "table", "column", "reason")]
    rows = rows.take(pc.sort_indices(rows, sort_keys=keys))
    names = pa.array(files, pa.string()).take(rows["file"].combine_chunks())
    return rows.set_column(0, "file", names)


def _quarantined(draft: Draft) -> pa.Table:
    rows = np.flatnonzero(draft.flaw > 0)
    flaws = [draft.flaws[code - 1] for code in draft.flaw[rows].tolist()]
    reasons, columns = [reason for reason, _ in flaws], [column for _, column in flaws]
    return _table(draft.file[rows], draft.line[rows], [draft.table] * len(rows), columns, reasons)


def _table(file: Any, line: Any, table: list[str], column: list[str], reason: list[str]) -> pa.Table:
    text = pa.string()
    return pa.table(
        {
            "file": pa.array(file, pa.int64()), "line": pa.array(line, pa.int64()), "table": pa.array(table, text),
            "column": pa.array(column, text), "reason": pa.array(reason, text),
        }
    )  # fmt: skip


def refuse_if_bad(counts: dict[str, Any], quarantined: pa.Table, limit: float) -> None:
    """Refuse a table of which more than ``limit`` of the rows (those left out by ``where`` aside) are quarantined.

    Raises:
        TableError: with one line per table and reason, and the first row it was found in.
    """
    shares = {name: _share(table) for name, table in counts["tables"].items()}
    bad = {name: share for name, share in shares.items() if share > limit}
    if not bad:
        return
    worst = ", ".join(f"{share:.1%} of {name}" for name, share in bad.items())
    problems = [
        *_examples(quarantined),
        *_hints(quarantined, set(bad)),
        "mend the export or the mapping, or raise max_bad_share in the mapping",
    ]
    raise TableError(
        f"nothing was published: {worst} would be quarantined, more than max_bad_share {limit:.1%}", problems
    )


def _share(table: dict[str, int]) -> float:
    judged = table["rows"] - table["skipped"]
    return table["quarantined"] / judged if judged else 0.0


def _examples(quarantined: pa.Table) -> list[str]:
    found = quarantined.group_by(["table", "reason", "column"], use_threads=False).aggregate(
        [("line", "count"), ("file", "first"), ("line", "first")]
    )
    rows = sorted(
        found.to_pylist(), key=lambda row: (-row["line_count"], row["table"], row["reason"], row["column"])
    )
    return [f"{row['table']}: {row['line_count']:,} x {row['reason']}{_where(row)}" for row in rows]


def _hints(quarantined: pa.Table, bad: set[str]) -> list[str]:
    """What to look at in the mapping, for the reasons that a refused table mostly suffers from."""
    counted = (
        quarantined.group_by(["table", "reason"], use_threads=False)
        .aggregate([("line", "count")])
        .to_pylist()
    )
    total = Counter[str]()
    for row in counted:
        total[row["table"]] += row["line_count"]
    reasons = {
        row["reason"]
        for row in counted
        if row["table"] in bad and row["line_count"] >= _MUCH * total[row["table"]]
    }
    return [hint for reason, hint in _HINTS.items() if reason in reasons]


def _where(row: dict[str, Any]) -> str:
    column = f" in {row['column']}" if row["column"] else ""
    return f"{column}, first at {row['file_first']}:{row['line_first']}"

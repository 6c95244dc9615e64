"""Small exports for tests: files of a few lines, a mapping, and what comes of them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.clock import iso
from features.folder import read_tables
from features.manifest import Manifest
from pipelines.ingest import ingest

LEADS = """
name: test
max_bad_share: 1
sources:
  - file: leads.csv
    rows:
      - table: leads
        set: {lead_id: id, created_at: made}
"""
"""Reads ``leads.csv`` with columns ``id`` and ``made``; more sources may follow."""


@dataclass(frozen=True)
class Export:
    """A folder of files, the mapping beside it, and where the history goes."""

    folder: Path

    @property
    def mapping(self) -> Path:
        return self.folder / "mapping.yaml"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def out(self) -> Path:
        return self.folder / "history"

    def maps(self, text: str) -> Export:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mapping.write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def holds(self, name: str, text: str | bytes) -> Export:
        file = self.source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode())
        return self

    def ingest(self) -> Manifest:
        return ingest(self.mapping, self.source, self.out)

    def rows(self, table: str, *columns: str) -> list[tuple[object, ...]]:
        """Chosen columns of a stored table, instants as ISO text."""
        stored = read_tables(self.out)[table].select(list(columns))
        return list(zip(*map(_cells, stored.columns), strict=True))

    def quarantined(self) -> list[tuple[str, int, str, str]]:
        """File, line, column and reason."""
        found = pq.read_table(self.out / "quarantine.parquet").to_pylist()
        return [(row["file"], row["line"], row["column"], row["reason"]) for row in found]

    def bytes(self) -> dict[str, bytes]:
        """Every file of the history."""
        return {
            file.relative_to(self.out).as_posix(): file.read_bytes()
            for file in sorted(self.out.rglob("*"))
            if file.is_file()
        }


def _cells(column: pa.ChunkedArray) -> list[object]:
    if pa.types.is_timestamp(column.type):
        return [iso(instant) for instant in column.cast(pa.int64()).to_pylist()]
    return column.to_pylist()


def accounted(manifest: Manifest) -> bool:
    """Whether every row that came in is somewhere, in every file and table."""
    parts = ("stored", "quarantined", "skipped", "duplicates")
    stored = dict.fromkeys(manifest.tables, 0)
    for source in manifest.sources:
        for name, tally in source["tables"].items():
            stored[name] += tally["stored"]
            if tally["rows"] != sum(tally[part] for part in parts):
                return False
    return stored == {name: table.rows for name, table in manifest.tables.items()}

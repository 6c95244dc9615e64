"""What a history says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features.clock import iso, micros
from features.errors import TableError
from features.tables import AVAILABILITIES, TIME_COLUMN

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class TableSummary:
    """Rows of a table, and the moments between which they happened (ISO; None if empty)."""

    rows: int
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """An attribute: of whom, how far back it can be trusted, and how many rows hold a value."""

    entity: str
    availability: str
    filled: int

    def __post_init__(self) -> None:
        if self.entity not in ("lead", "account") or self.availability not in AVAILABILITIES:
            raise TableError(f"no attribute is of {self.entity!r} and {self.availability!r}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Counts, time range, and digests of sources and files. ``observed_until``: nothing later could be known."""

    observed_until: int
    buckets: int
    tables: Mapping[str, TableSummary]
    fields: Mapping[str, FieldSummary]
    event_types: Mapping[str, int]
    stages: Mapping[str, int]
    sources: tuple[Mapping[str, Any], ...]
    mapping_sha256: str | None
    counts: Mapping[str, Any]
    sha256: Mapping[str, str]


def parse_manifest(text: str, file: Path) -> Manifest:
    """Read a manifest.

    Raises:
        TableError: if it is damaged, or of a format this version does not know.
    """
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise TableError(
                f"{file} has format {data['format']}; this version reads {FORMAT}",
                ["run leadlight ingest again"],
            )
        return Manifest(
            observed_until=micros(datetime.fromisoformat(data["observed_until"])),
            buckets=int(data["buckets"]),
            tables={name: TableSummary(**found) for name, found in data["tables"].items()},
            fields={name: FieldSummary(**found) for name, found in data["fields"].items()},
            event_types=data["event_types"],
            stages=data["stages"],
            sources=tuple(data["sources"]),
            mapping_sha256=data["mapping_sha256"],
            counts=data["counts"],
            sha256=data["sha256"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TableError(f"{file} is damaged: {error!r}", ["run leadlight ingest again"]) from error


def summarise(
    tables: Mapping[str, pa.Table], given: Mapping[str, Any], buckets: int, digests: Mapping[str, str]
) -> str:
    """Text of the manifest of ``tables``; ``given`` is what they do not tell."""
    data = {
        "format": FORMAT,
        "observed_until": iso(micros(datetime.fromisoformat(given["observed_until"]))),
        "buckets": buckets,
        "tables": {name: _table(name, table) for name, table in tables.items()},
        "fields": _fields(tables["attributes"], given.get("fields", {})),
        "event_types": _tally(tables["events"]["type"]),
        "stages": _tally(tables["stages"]["stage"]),
        "sources": list(given.get("sources", ())),
        "mapping_sha256": given.get("mapping_sha256"),
        "counts": dict(given.get("counts", {})),
        "sha256": dict(digests),
    }
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _table(name: str, table: pa.Table) -> dict[str, Any]:
    times = table[TIME_COLUMN[name]].cast(pa.int64())
    found = pc.min_max(times).as_py()
    first, last = (None if found[end] is None else iso(found[end]) for end in ("min", "max"))
    return {"rows": table.num_rows, "first": first, "last": last}


def _fields(attributes: pa.Table, given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    filled = _tally(attributes["field"].filter(attributes["value"].is_valid()))
    unknown = sorted(set(pc.unique(attributes["field"]).to_pylist()) - set(given))
    if unknown:
        raise TableError(f"the manifest does not say the availability of {', '.join(unknown)}")
    return {
        name: {
            "entity": about["entity"],
            "availability": about["availability"],
            "filled": filled.get(name, 0),
        }
        for name, about in given.items()
    }


def _tally(column: pa.ChunkedArray) -> dict[str, int]:
    return {found["values"]: found["counts"] for found in pc.value_counts(column).to_pylist()}

"""A history in a few lines, for people."""

from __future__ import annotations

from collections.abc import Sequence

from features.clock import iso
from features.manifest import Manifest


def describe(manifest: Manifest) -> str:
    """What was stored and what was not, over which time, as aligned tables."""
    counts = manifest.counts
    parts = ("rows", "stored", "quarantined", "skipped", "duplicates")
    rows = [["table", *parts, "first", "last"]]
    for name, table in manifest.tables.items():
        found = counts.get("tables", {}).get(name, {"stored": table.rows})
        rows.append(
            [
                name,
                *(f"{found[part]:,}" if part in found else "" for part in parts),
                _day(table.first),
                _day(table.last),
            ]
        )
    lines = _aligned(rows)
    reasons = sorted(counts.get("reasons", {}).items(), key=lambda item: (-item[1], item[0]))
    if reasons:
        lines += [
            "",
            *_aligned(
                [["quarantined because", "rows"], *([reason, f"{rows:,}"] for reason, rows in reasons)]
            ),
        ]
    clocks = [
        f"{counts[name]:,} {name}" for name in ("naive", "ambiguous", "nonexistent") if counts.get(name)
    ]
    lines += ["", f"local times: {', '.join(clocks)}"] if clocks else [""]
    lines += [
        f"observed until {iso(manifest.observed_until)}, {len(manifest.sources)} files, {manifest.buckets} buckets"
    ]
    return "\n".join(lines)


def _day(moment: str | None) -> str:
    return "" if moment is None else moment[:10]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

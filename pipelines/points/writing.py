"""Sheets and reports as files. What a person wrote, or changed, is never replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from features.errors import LeadlightError
from features.sheet import Sheet
from features.sheet_file import parse_sheet
from pipelines.points.exporting.plain import to_yaml
from pipelines.points.report import render
from pipelines.points.schema import PointsReport
from pipelines.points.summary import render_summary, summary_lines

SUMS: Final = "SHA256SUMS"
"""What a report wrote, and what was in it; `sha256sum --check` reads it."""
REPORT: Final = ("points.json", "points.html")
SUMMARY: Final = ("summary.txt", "summary.html")


def write_new_sheet(sheet: Sheet, file: Path) -> None:
    """Write a sheet as YAML.

    Raises:
        LeadlightError: the file exists.
    """
    if file.exists():
        raise LeadlightError(
            f"{file} exists and would be replaced", ["choose another --out, or remove the file"]
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(to_yaml(sheet), encoding="utf-8")


def refuse_foreign(out: Path, names: Collection[str]) -> None:
    """Only what an earlier report of the same kind wrote, and nobody changed since, may be replaced.

    Args:
        out: the folder.
        names: of all files that may be written.

    Raises:
        LeadlightError: naming what would be lost.
    """
    if out.exists() and not out.is_dir():
        raise LeadlightError(f"{out} is a file", ["choose a folder with --out"])
    written = _written(out)
    problems = [
        f"{name} {'was changed since' if name in written else 'was not written by such a report'}"
        for name in names
        if (out / name).exists() and _digest((out / name).read_bytes()) != written.get(name)
    ]
    problems += [f"{name} is of another report" for name in written if name not in names]
    if problems:
        raise LeadlightError(f"{out} holds files that would be lost; choose another --out", problems)


def write_report(
    report: Mapping[str, Any], sheets: Mapping[str, Sheet], out: Path, *, summary: bool = False
) -> list[Path]:
    """Write the report, each sheet as ``<name>.yaml`` and, where asked for, the summary.

    What an earlier report wrote and this one does not is removed; see ``refuse_foreign``, which comes first.

    Returns:
        The paths, the summary and the page first.
    """
    checked = PointsReport.model_validate(report)
    texts = {"points.html": render(checked), "points.json": _json(report)}
    texts |= {f"{name}.yaml": _readable(sheet) for name, sheet in sheets.items()}
    if summary:
        lines = "\n".join(summary_lines(checked)) + "\n"
        texts = {"summary.html": render_summary(checked), "summary.txt": lines} | texts
    out.mkdir(parents=True, exist_ok=True)
    for stale in set(_written(out)) - set(texts):
        (out / stale).unlink(missing_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    sums = "".join(f"{_digest(text.encode())}  {name}\n" for name, text in sorted(texts.items()))
    (out / SUMS).write_text(sums, encoding="utf-8")
    return [out / name for name in texts]


def _readable(sheet: Sheet) -> str:
    """The sheet as YAML, read back first: what is handed over has to be understood here too."""
    text = to_yaml(sheet)
    parse_sheet(text, source=sheet.name)
    return text


def _written(out: Path) -> dict[str, str]:
    sums = out / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(plain: Any) -> str:
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

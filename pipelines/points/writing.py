"""Sheets and reports as files. What a person wrote is never replaced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from features.errors import LeadlightError
from features.sheet import Sheet
from pipelines.points.exporting.plain import to_yaml
from pipelines.points.report import write_html, write_json

REPORT: Final = "points.json"
"""A folder with this file was written by us, so we may write it anew."""


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


def refuse_foreign(out: Path, names: list[str]) -> None:
    """Files of an earlier report may be replaced, anybody else's may not.

    Raises:
        LeadlightError: naming what would be replaced.
    """
    found = [name for name in names if (out / name).exists()]
    if found and not (out / REPORT).is_file():
        raise LeadlightError(
            f"{out} holds files that no report on points wrote; choose another --out, or remove them",
            [f"{out / name} would be replaced" for name in found],
        )


def write_report(report: Mapping[str, Any], sheets: Mapping[str, Sheet], out: Path) -> list[Path]:
    """Write ``points.json``, ``points.html`` and each sheet as ``<name>.yaml``; gives the paths, the page first."""
    names = [REPORT, "points.html", *(f"{name}.yaml" for name in sheets)]
    refuse_foreign(out, names)
    out.mkdir(parents=True, exist_ok=True)
    write_json(report, out / REPORT)
    write_html(report, out / "points.html")
    for name, sheet in sheets.items():
        (out / f"{name}.yaml").write_text(to_yaml(sheet), encoding="utf-8")
    return [out / name for name in names[1:]]

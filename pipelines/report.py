"""Write the report of a training: numbers for machines, a page for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.reporting.page import render
from pipelines.reporting.schema import Report


def write_json(report: Mapping[str, Any], out: Path) -> None:
    """Write ``report.json``: keys in the order given, no NaN, a final newline."""
    out.write_text(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_html(report: Mapping[str, Any], out: Path) -> None:
    """Write ``report.html`` from what ``report.json`` holds: one file, no network, no script.

    Raises:
        pydantic.ValidationError: ``report`` is not what ``pipelines.reporting.schema.Report`` says.
    """
    out.write_text(render(Report.model_validate(report)), encoding="utf-8")

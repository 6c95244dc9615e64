"""The figures of a report as small files that DVC compares between versions."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from features.errors import LeadlightError


def read_report(run: Path) -> dict[str, Any]:
    """The content of ``report.json`` in the folder of a run.

    Raises:
        LeadlightError: if there is none, naming the command that writes it.
    """
    source = run / "report.json"
    if not source.is_file():
        raise LeadlightError(
            f"there is no run at {run}", [f"{source} is missing; `leadlight train` writes it"]
        )
    report: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return report


def write_figures(report: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``metrics.json`` (all models), ``gain.csv`` and ``reliability.csv`` (the winner), on the test rows.

    Returns:
        The files written.
    """
    files = [out / "metrics.json", out / "gain.csv", out / "reliability.csv"]
    files[0].write_text(json.dumps(_metrics(report), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    curves = report["curves"][report["winner"]]
    best_first = zip(curves["gain"]["share"], curves["gain"]["captured"], strict=True)
    _write_csv(files[1], ("share", "captured"), best_first)
    bins = ((each["promised"], each["converted"]) for each in curves["reliability"])
    _write_csv(files[2], ("promised", "converted"), bins)
    return files


def _metrics(report: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    return {
        name: {metric: estimate["value"] for metric, estimate in model["test"].items()}
        for name, model in report["models"].items()
    }


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[float]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([f"{value:.6g}" for value in row] for row in rows)

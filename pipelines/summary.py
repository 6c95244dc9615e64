"""A training report in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHOWN = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "log_loss": "log loss", "lift_at_10": "lift at 10 %"}


def training_lines(report: Mapping[str, Any], run: Path) -> list[str]:
    """What came in, what won, how well each model did on the test slice, and where to look.

    Args:
        report: the content of ``report.json``.
        run: the folder of the run.
    """
    models: Mapping[str, Any] = report["models"]
    warnings = [f"{note['subject']} {note['text']}" for note in report["notes"] if note["level"] == "warn"]
    width = max(len(name) for name in ("labels", *models, *(["warning"] if warnings else [])))
    return [
        f"{'labels':{width}}   {counted(report['label_states'])}",
        f"{'winner':{width}}   {report['winner']}: {report['why']}",
        *(f"{name:{width}}   {_tested(models[name]['test'])}" for name in models),
        *(f"{'warning':{width}}   {warning}" for warning in warnings),
        f"{'report':{width}}   {run / 'report.html'}",
        f"{'bundle':{width}}   {run / 'bundle'}",
    ]


def figures_line(report: Mapping[str, Any], name: str) -> str:
    """The test figures of one model."""
    return _tested(report["models"][name]["test"])


def counted(counts: Mapping[str, int]) -> str:
    """Counts with their names, the largest first.

    >>> counted({"lapsed": 1200, "converted": 310, "immature": 0})
    '1,200 lapsed, 310 converted'
    """
    largest_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name}" for name, count in largest_first if count)


def _tested(metrics: Mapping[str, Mapping[str, float | None]]) -> str:
    return ", ".join(f"{words} {_ranged(**metrics[metric])}" for metric, words in SHOWN.items())


def _ranged(value: float | None, low: float | None, high: float | None) -> str:
    return f"{_rounded(value)} ({_rounded(low)} to {_rounded(high)})"


def _rounded(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"

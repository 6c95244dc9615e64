"""A training report in a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.summary import counted, figures_line, training_lines

SURE = {"value": 0.7, "low": 0.65, "high": 0.75}
UNKNOWN = {"value": None, "low": None, "high": None}
REPORT = {
    "winner": "naive_bayes",
    "why": "it is the only one",
    "label_states": {"converted": 2, "unworked": 0, "lapsed": 3},
    "notes": [
        {"level": "warn", "subject": "rule 'saw prices'", "text": "never gives points"},
        {"level": "ok", "subject": "rating", "text": "left out"},
    ],
    "models": {
        "naive_bayes": {"test": {"roc_auc": SURE, "pr_auc": SURE, "log_loss": SURE, "lift_at_10": UNKNOWN}}
    },
}


def test_the_lines_say_what_came_in_what_won_and_where_to_look():
    assert training_lines(REPORT, Path("run")) == [
        "labels        3 lapsed, 2 converted",
        "winner        naive_bayes: it is the only one",
        f"naive_bayes   {figures_line(REPORT, 'naive_bayes')}",
        "warning       rule 'saw prices' never gives points",
        "report        run/report.html",
        "bundle        run/bundle",
    ]


def test_a_metric_without_a_value_is_called_undefined():
    line = figures_line(REPORT, "naive_bayes")
    assert line.startswith("ROC-AUC 0.700 (0.650 to 0.750), ")
    assert line.endswith("lift at 10 % undefined (undefined to undefined)")


@pytest.mark.parametrize(("counts", "told"), [({}, ""), ({"b": 1, "a": 1, "c": 1000}, "1,000 c, 1 a, 1 b")])
def test_counts_come_largest_first_then_by_name(counts, told):
    assert counted(counts) == told

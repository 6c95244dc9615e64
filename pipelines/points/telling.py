"""Answers about a sheet in a few lines, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from pipelines.points import words
from pipelines.points.schema import Distilled, PointsReport, Refit, RuleFit, verdict_counts
from pipelines.points.schema_judged import Calibration, Conversion

WIDTH: Final = 110


def calibration_lines(found: Calibration) -> list[str]:
    """What a total is worth, today's threshold, and what others would bring."""
    table = [
        (
            words.total(one.at),
            words.number(one.per_week),
            words.told(one.precision, words.share),
            words.told(one.captured, words.share),
            words.mark(one),
        )
        for one in found.cutoffs
    ]
    return [
        *_wrapped(f"{found.sheet}: {found.sentence}."),
        *(_today(one) for one in found.today),
        *(_wrapped(f"{found.tied}.") if found.tied else []),
        "",
        *_table(("threshold", "leads a week", "of these SQL", "of all SQLs", ""), table),
    ]


def refit_lines(found: Refit) -> list[str]:
    """The answer, a line per rule with its verdict, and the threshold."""
    table = [
        (
            one.name,
            words.points(one.points),
            words.points(one.learned),
            words.ends(one.low, one.high, words.nearly)
            if one.low is not None and one.high is not None
            else "",
            one.verdict,
        )
        for one in found.rules
    ]
    return [
        f"{found.converted:,} SQLs of {found.leads:,} leads: {verdict_counts(found)}",
        "",
        *_table(("rule", "today", "learned", "the data allow", "verdict"), table),
        "",
        *(line for one in found.rules if _tells(one) for line in _wrapped(f"{one.name}: {one.sentence}")),
        *(_wrapped(f"threshold: {found.threshold_note}") if found.threshold_note else []),
    ]


def missing_lines(report: PointsReport) -> list[str]:
    """What the sheet does not say, and rules that had better look at another time."""
    missing = [f"missing: {one.sentence}" for one in report.proposals or ()]
    other_times = [f"another time: {one.sentence}" for one in report.retimings or ()]
    return [line for text in (*missing, *other_times) for line in _wrapped(text)]


def distilled_lines(found: Distilled) -> list[str]:
    """How well the sheet stands for the model."""
    fidelity = found.fidelity
    follows = words.told(fidelity.spearman, words.rank)
    by_points = words.told(fidelity.auc_outcomes, words.rank)
    by_model = words.told(fidelity.auc_outcomes_of_model, words.rank)
    return [
        f"{len(found.sheet['rules'])} rules rank later leads as the model does by {follows} (rank correlation)",
        f"SQLs above others: {by_points} by points, {by_model} by the model (ROC-AUC)",
    ]


def _tells(one: RuleFit) -> bool:
    """Whether its sentence says more than its line in the table."""
    return one.verdict not in ("keep", "not enough evidence")


def _today(one: Conversion) -> str:
    above, below = (words.told(side, words.share) for side in (one.above, one.below))
    title = words.line_title(one)
    if one.threshold is None:
        return f"{title}: of leads that today's rule for MQLs hands over {above} become SQL, of the others {below}"
    at = words.total(one.threshold)
    return f"{title}: of leads at {at} points and above {above} become SQL, below it {below}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = (head, *rows)
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    padded = (map(str.ljust, line, widths) for line in lines)
    return ["  ".join(cells).rstrip() for cells in padded]

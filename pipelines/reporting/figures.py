"""Drawings of how well the models rank and whether their probabilities hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pipelines.reporting.schema import Bin, Curves, Histogram, Report
from pipelines.reporting.svg import Chart, Frame, dot, line, rect, text
from pipelines.reporting.words import percent, times

LOOKS: Final = ("c1", "c2", "c3", "c4", "c5", "c6")
SIZE: Final = (480, 330)
LEAST_RECALL: Final = 0.05
"""Precision of the first few rows is noise; the curve begins here."""

Pick = Callable[[Curves], tuple[Sequence[float | None], Sequence[float | None]]]


def looks(report: Report) -> dict[str, str]:
    """Color class of each model: the winner has the strongest, the others take turns."""
    others = [name for name in report.models if name != report.winner]
    return {report.winner: "c0"} | {name: LOOKS[i % len(LOOKS)] for i, name in enumerate(others)}


def gain(report: Report) -> Chart:
    """Share of the SQLs in the best x of the leads."""
    frame = Frame.of((0, 1), (0, 1))
    at_tenth = _at(report.curves[report.winner], 0.10)
    marks = [
        frame.axes(("share of leads taken, best first", "share of all SQLs caught"), (percent, percent)),
        frame.path((0, 1), (0, 1), "chance"),
        *_lines(report, frame, lambda curves: (curves.gain.share, curves.gain.captured)),
        dot((frame.x(0.10), frame.y(at_tenth)), 4, "point c0"),
        text(
            (frame.x(0.10) + 9, frame.y(at_tenth) + 13),
            f"best tenth: {percent(at_tenth)} of the SQLs",
            "note",
        ),
    ]
    said = f"The best tenth of the leads holds {percent(at_tenth)} of the SQLs; taken at random it would be 10 %."
    return Chart("gain", "Cumulative gain", said, SIZE, marks)


def lift(report: Report) -> Chart:
    """How many times better than chance the best x of the leads is; begins where 20 rows are taken."""
    start = max(2, min(20, round(2000 / report.split.test.rows)))
    top = max((value or 1.0) for curves in report.curves.values() for value in curves.gain.lift[start:])
    frame = Frame.of((0, 1), (0, top * 1.08))
    marks = [
        frame.axes(
            ("share of leads taken, best first", "times the average SQL share"),
            (percent, times),
        ),
        frame.path((0, 1), (1, 1), "chance"),
        *_lines(report, frame, lambda curves: (curves.gain.share[start:], curves.gain.lift[start:])),
    ]
    value = report.models[report.winner].test["lift_at_10"].value or 1.0
    return Chart(
        "lift", "Lift", f"The best tenth converts {value:.2f} times as often as the average.", SIZE, marks
    )


def precision_recall(report: Report) -> Chart:
    """Share of SQLs among the leads taken, against the share of SQLs caught."""
    drawn = [
        value or 0.0
        for curves in report.curves.values()
        for recall, value in zip(
            curves.precision_recall.recall, curves.precision_recall.precision, strict=True
        )
        if (recall or 0.0) >= LEAST_RECALL
    ]
    base = report.split.test.base_rate or 0.0
    frame = Frame.of((0, 1), (0, min(1.0, max([*drawn, 2 * base]) * 1.05)))
    marks = [
        frame.axes(
            ("share of all SQLs caught (recall)", "share of SQLs among the leads taken (precision)"),
            (percent, percent),
        ),
        frame.path((0, 1), (base, base), "chance"),
        text((frame.x(0) + 5, frame.y(base) + 15), f"average {percent(base)}", "note"),
        *_lines(report, frame, lambda curves: _from_recall(curves, LEAST_RECALL)),
    ]
    return Chart("pr", "Precision and recall", f"A coin toss would stay at {percent(base)}.", SIZE, marks)


def reliability(bins: Sequence[Bin]) -> Chart:
    """What was promised against what came, with Wilson bars."""
    top = min(1.0, 1.06 * max(max(part.promised, part.high) for part in bins))
    frame = Frame.of((0, top), (0, top))
    marks = [
        frame.axes(("promised probability", "share that became SQL"), (percent, percent)),
        frame.path((0, top), (0, top), "chance"),
    ]
    for part in bins:
        x = frame.x(part.promised)
        marks.append(line([(x, frame.y(part.low)), (x, frame.y(part.high))], "whisker c0"))
        marks.append(dot((x, frame.y(part.converted)), 4.5, "point c0"))
    held = sum(part.low <= part.promised <= part.high for part in bins)
    said = f"In {held} of {len(bins)} groups the promise lies within the 95 % interval of what came."
    return Chart("reliability", "Reliability", said, SIZE, marks)


def scores(histogram: Histogram) -> Chart:
    """Where the probabilities of converted and of other leads lie, each class adding up to 100 %."""
    classes = {"f1": histogram.others, "f0": histogram.converted}
    shares = {look: [value / (sum(values) or 1.0) for value in values] for look, values in classes.items()}
    frame = Frame.of(
        (0, histogram.edges[-1]), (0, 1.08 * max(max(values) for values in shares.values()) or 1.0)
    )
    marks = [frame.axes(("probability", "share of the class"), (percent, percent))]
    for look, values in shares.items():
        for left, right, value in zip(histogram.edges, histogram.edges[1:], values, strict=False):
            width = frame.x(right) - frame.x(left) - 1
            marks.append(
                rect((frame.x(left) + 0.5, frame.y(value)), (width, frame.y(0) - frame.y(value)), look)
            )
    said = "Two histograms over each other: leads that became SQL, and the others. The further apart, the better."
    return Chart("scores", "Probabilities of SQLs and of other leads", said, SIZE, marks)


def _lines(report: Report, frame: Frame, pick: Pick) -> list[str]:
    ordered = [name for name in report.models if name != report.winner] + [report.winner]
    look = looks(report)
    return [frame.path(*pick(report.curves[name]), f"curve {look[name]}") for name in ordered]


def _at(curves: Curves, share: float) -> float:
    at = min(range(len(curves.gain.share)), key=lambda i: abs((curves.gain.share[i] or 0.0) - share))
    return curves.gain.captured[at] or 0.0


def _from_recall(curves: Curves, least: float) -> tuple[list[float], list[float]]:
    pairs = zip(curves.precision_recall.recall, curves.precision_recall.precision, strict=True)
    kept = [
        (recall, precision or 0.0) for recall, precision in pairs if recall is not None and recall >= least
    ]
    return [recall for recall, _ in kept], [precision for _, precision in kept]

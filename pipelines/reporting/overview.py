"""Drawings of the comparison with the winner and of the split in time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pipelines.reporting.schema import Estimate, Report, Rows
from pipelines.reporting.svg import Chart, Scale, dot, line, rect, text
from pipelines.reporting.words import day, signed, whole

WORSE: Final = {
    "log_loss": "log loss minus the winner's; right of the line is worse",
    "roc_auc": "ROC-AUC minus the winner's; left of the line is worse",
}
LANE: Final = 46.0
FAR: Final = 6.0
"""A row that reaches so many times as far as the next one is told by an arrow."""


def forest(report: Report, metric: str) -> Chart:
    """Paired differences to the winner with their intervals."""
    rows = [
        (result.title, result.difference_to_winner.test[metric])
        for result in report.models.values()
        if result.difference_to_winner is not None
    ]
    limit = _limit([found for _, found in rows])
    shown = [found for _, found in rows if _reach(found) <= limit]
    ends = [0.0, *(bound for found in shown for bound in (found.low, found.high) if bound is not None)]
    room = (max(ends) - min(ends)) * 0.06 or 1.0
    width, height = 480.0, 28.0 * len(rows) + 54
    scale = Scale(min(ends) - room, max(ends) + room, 186, width - 66)
    bottom = height - 44
    marks = [line([(scale(tick), 6), (scale(tick), bottom)], "grid") for tick in scale.ticks(4)]
    marks += [
        text((scale(tick), bottom + 16), f"{tick:g}".replace("-", "\N{MINUS SIGN}"), "tick middle")
        for tick in scale.ticks(4)
    ]
    marks.append(line([(scale(0), 2), (scale(0), bottom)], "zero"))
    for i, (title, found) in enumerate(rows):
        y = 20.0 + 28.0 * i
        marks.append(text((176, y + 4), title if len(title) <= 25 else f"{title[:24]}…", "name end"))
        marks.append(text((width, y + 4), signed(metric, found.value), "value end"))
        if found in shown:
            marks += _whisker(scale, y, found)
        else:
            marks += _far_away(scale, y, found)
    marks.append(text(((scale.start + scale.end) / 2, bottom + 36), WORSE[metric], "label middle"))
    said = "; ".join(f"{title} {signed(metric, found.value)}" for title, found in rows)
    return Chart(
        f"forest-{metric}", f"Differences in {metric.replace('_', ' ')}", said, (width, height), marks
    )


def _reach(found: Estimate) -> float:
    return max(abs(found.low or 0.0), abs(found.high or 0.0))


def _limit(rows: list[Estimate]) -> float:
    """How far a row may reach and still set the scale: one that dwarfs all others would hide them."""
    reaches = sorted(map(_reach, rows))
    return FAR * reaches[-2] if len(reaches) > 1 and reaches[-2] > 0.0 else float("inf")


def _far_away(scale: Scale, y: float, found: Estimate) -> list[str]:
    """An arrow at the edge in place of a whisker."""
    right = (found.value or 0.0) > 0.0
    words = "off the scale \N{RIGHTWARDS ARROW}" if right else "\N{LEFTWARDS ARROW} off the scale"
    return [text((scale.end if right else scale.start, y + 4), words, "note end" if right else "note")]


def timeline(report: Report) -> Chart:
    """When the rows of each part were asked about."""
    split = report.split
    lanes = [
        ("learned from", split.train, "f0"),
        ("left out, label not yet known", split.purged, "f2"),
        ("judged on", split.test, "f3"),
    ]
    lanes = [lane for lane in lanes if lane[1].rows]
    moments = [_seconds(bound) for _, rows, _ in lanes for bound in (rows.first, rows.last)]
    width, height = 820.0, LANE * len(lanes) + 40
    scale = Scale(min(moments), max(moments), 4, width - 4)
    begins, middle = scale(_seconds(split.test_begins)), (scale.start + scale.end) / 2
    marks = [line([(begins, 0), (begins, height - 36)], "zero")]
    for i, (name, rows, look) in enumerate(lanes):
        top = LANE * i
        start, end = scale(_seconds(rows.first)), scale(_seconds(rows.last))
        late = start > middle * 0.9
        marks.append(rect((start, top + 18), (max(end - start, 3.0), 18), look))
        words = f"{name}: {whole(rows.rows)} snapshots, {day(rows.first)} to {day(rows.last)}"
        at = min(end, begins - 8) if late and end <= begins else end
        marks.append(text((at if late else start, top + 13), words, "note end" if late else "note"))
    side = "end" if begins > middle else ""
    marks.append(
        text((begins, height - 20), f"{day(split.test_begins)}: trained as of here", f"label {side}")
    )
    said = "; ".join(f"{name}: {_told(rows)}" for name, rows, _ in lanes)
    return Chart("timeline", "The split in time", said, (width, height), marks)


def _whisker(scale: Scale, y: float, found: Estimate) -> list[str]:
    if found.low is None or found.high is None or found.value is None:
        return []
    look = "sure" if found.low > 0 or found.high < 0 else "unsure"
    return [
        line([(scale(found.low), y), (scale(found.high), y)], f"whisker {look}"),
        dot((scale(found.value), y), 4.5, f"point {look}"),
    ]


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def _told(rows: Rows) -> str:
    return f"{whole(rows.rows)} snapshots of {whole(rows.leads)} leads, {day(rows.first)} to {day(rows.last)}"

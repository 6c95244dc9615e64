"""Drawings of a sheet: what its totals promise, and each rule's points beside what the data say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipelines.points.schema import VERDICTS, RuleFit
from pipelines.points.schema_judged import TotalBin
from pipelines.points.words import points, total
from pipelines.reporting.svg import Chart, Frame, Scale, dot, line, rect, text
from pipelines.reporting.words import percent

SIZE: Final = (480, 330)
LANE: Final = 25.0
LONGEST: Final = 34
"""Letters of a rule's name that fit."""
ROOM: Final = 0.05


def totals(bins: Sequence[TotalBin]) -> Chart:
    """What totals promise against what came, one dot per stretch of totals."""
    top = min(1.0, 1.06 * max(max(part.promised, part.high) for part in bins))
    frame = Frame.of((0, top), (0, top), SIZE)
    marks = [
        frame.axes(("promised by the total", "share that became SQL"), (percent, percent)),
        frame.path((0, top), (0, top), "chance"),
    ]
    for part in bins:
        x = frame.x(part.promised)
        marks.append(line([(x, frame.y(part.low)), (x, frame.y(part.high))], "whisker c0"))
        marks.append(dot((x, frame.y(part.converted)), 4.5, "point c0"))
    for part in (bins[0], bins[-1]):
        words = f"{total(part.lowest)} to {total(part.highest)} points"
        late = part.promised > top / 2
        marks.append(
            text(
                (frame.x(part.promised) + (-9 if late else 9), frame.y(part.converted) + 4),
                words,
                "note end" if late else "note",
            )
        )
    held = sum(part.low <= part.promised <= part.high for part in bins)
    said = (
        f"In {held} of {len(bins)} groups of totals the promise lies within the 95 % interval of what came."
    )
    return Chart("totals", "What totals promise, and what came", said, SIZE, marks)


def rules(fits: Sequence[RuleFit]) -> Chart:
    """Today's points as squares, what the data allow as lines."""
    ends = [0.0, *(end for fit in fits for end in (fit.points, fit.low, fit.high) if end is not None)]
    room = (max(ends) - min(ends)) * ROOM or 1.0
    width, height = 900.0, LANE * len(fits) + 62
    scale, bottom = Scale(min(ends) - room, max(ends) + room, 260, width - 110), height - 46
    marks = [line([(scale(tick), 10), (scale(tick), bottom)], "grid") for tick in scale.ticks(8)]
    marks += [text((scale(tick), bottom + 17), total(tick), "tick middle") for tick in scale.ticks(8)]
    marks.append(line([(scale(0), 6), (scale(0), bottom)], "zero"))
    for at, fit in enumerate(fits):
        marks += _rule(fit, scale, 24.0 + LANE * at, width)
    marks.append(text(((scale.start + scale.end) / 2, bottom + 38), "points", "label middle"))
    said = "; ".join(
        f"{fit.name}: yours {points(fit.points)}, the data say {points(fit.low)} to {points(fit.high)}"
        for fit in fits
    )
    return Chart("rules", "Your points, and what the data say", said, (width, height), marks)


def _rule(fit: RuleFit, scale: Scale, y: float, width: float) -> list[str]:
    name = fit.name if len(fit.name) <= LONGEST else f"{fit.name[: LONGEST - 1]}…"
    look = "unsure" if fit.verdict in {"keep", "not enough evidence", "leans up", "leans down"} else "sure"
    marks = [
        text((250, y + 4), name, "name end"),
        text((width - 100, y + 4), VERDICTS.get(fit.verdict, fit.verdict), "value"),
    ]
    if fit.low is not None and fit.high is not None and fit.verdict != "not enough evidence":
        marks.append(line([(scale(fit.low), y), (scale(fit.high), y)], f"whisker {look}"))
    marks.append(rect((scale(fit.points) - 4, y - 4), (8, 8), "yours"))
    if fit.learned is not None and fit.verdict != "not enough evidence":
        marks.append(dot((scale(fit.learned), y), 4.5, f"point {look}"))
    return marks

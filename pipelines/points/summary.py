"""One page about a sheet, in plain words: two minutes for whoever answers for the points."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from pipelines.points import words
from pipelines.points.report import environment, headline
from pipelines.points.schema import PointsReport, Proposal, RuleFit, verdict_counts
from pipelines.points.schema_judged import Calibration, Comparison, Conversion, Figures, Handover, Standing
from pipelines.reporting.words import day, whole

MOST_CHANGES: Final = 6
MOST_MISSING: Final = 3
WIDTH: Final = 100
MARGIN: Final = 16

CHANGES: Final = ("reverse", "drop", "raise", "lower", "leans up", "leans down")


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences under a word or two."""

    title: str
    sentences: tuple[str, ...]


def passages(report: PointsReport) -> tuple[Passage, ...]:
    """What there is to say, the answer first."""
    found = [
        Passage("The answer", _answer(report)),
        Passage("Your sheet", _sheet(report.calibration, report.comparison)),
        Passage("Change", _changes(report)),
        Passage("Missing", _missing(report)),
        Passage("What it brings", _gains(report.comparison)),
        Passage("Who moves", _moves(report.comparison)),
        Passage("Take care", _care(report)),
    ]
    return tuple(passage for passage in found if passage.sentences)


def summary_lines(report: PointsReport) -> list[str]:
    """The same for a terminal."""
    head = report.header
    about = f"{whole(head.leads)} leads with a known outcome, {whole(head.converted)} SQLs"
    if head.judged_since is not None and head.judged_until is not None:
        about += f"; judged on {day(head.judged_since)} to {day(head.judged_until)}"
    lines = [f"{head.company}: {head.sheet}", about, ""]
    for passage in passages(report):
        for at, sentence in enumerate(passage.sentences):
            title = passage.title if at == 0 else ""
            lines += textwrap.wrap(
                sentence,
                WIDTH,
                initial_indent=f"{title:{MARGIN}}",
                subsequent_indent=" " * MARGIN,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return lines


def render_summary(report: PointsReport) -> str:
    """The page as text."""
    told = [passage for passage in passages(report) if passage.title != "The answer"]
    return (
        environment()
        .get_template("points_summary.html")
        .render(header=report.header, headline=headline(report), answer=_answer(report), passages=told)
    )


def _answer(report: PointsReport) -> tuple[str, ...]:
    sentences = []
    if report.refit is not None:
        sentences.append(f"Of {len(report.refit.rules)} rules: {verdict_counts(report.refit)}.")
    best = _offered(report.comparison)
    if best is not None and best.apart is not None and best.apart.at_capacity is not None:
        gain, work = best.apart.at_capacity.sqls_per_week, words.number(_calls(report.comparison))
        if words.sure(gain):
            way = "more" if (gain.value or 0.0) > 0.0 else "fewer"
            change = words.told(gain, words.number).lstrip("\N{MINUS SIGN}")
            sentences.append(
                f"With the same {work} calls a week, {best.title} would bring {change} {way} SQLs a week."
            )
        else:
            sentences.append(
                f"With the same {work} calls a week, {best.title} would bring no more SQLs that these data can show."
            )
    return tuple(sentences)


def _sheet(calibration: Calibration | None, comparison: Comparison | None) -> tuple[str, ...]:
    sentences = []
    if calibration is not None:
        sentences.append(f"{calibration.sentence[0].upper()}{calibration.sentence[1:]}.")
        if calibration.today:
            sentences.append(_sides(calibration.today[0]))
        if calibration.tied:
            sentences.append(f"{calibration.tied[0].upper()}{calibration.tied[1:]}.")
        if calibration.at_capacity is not None:
            sentences.append(_load(calibration, comparison))
    return tuple(sentences)


def _sides(today: Conversion) -> str:
    above, below = words.share(today.above.value), words.share(today.below.value)
    if today.threshold is None:
        return f"Of the leads that your rule for MQLs hands over, {above} become SQL; of the others, {below}."
    at = words.total(today.threshold)
    return f"From your threshold ({at} points) on, {above} of the leads become SQL; below it, {below}."


def _load(calibration: Calibration, comparison: Comparison | None) -> str:
    work = words.number(calibration.period.capacity_per_week)
    at = words.total(calibration.at_capacity.value if calibration.at_capacity else None)
    if calibration.today and calibration.today[0].threshold is None:
        at += " were the total alone to decide"
    if comparison is None:
        return f"Sales can work {work} leads a week: that is a threshold of {at}."
    handed = words.number(comparison.first.figures.own.per_week.value)
    return f"It hands over {handed} leads a week; sales can work {work}, which would be a threshold of {at}."


def _changes(report: PointsReport) -> tuple[str, ...]:
    if report.refit is None:
        return ()
    changed = [rule for rule in report.refit.rules if rule.verdict in CHANGES]
    ordered = sorted(changed, key=lambda rule: -abs((rule.learned or 0.0) - rule.points))
    told = [_change(rule) for rule in ordered[:MOST_CHANGES]]
    more = len(ordered) - MOST_CHANGES
    if more > 0:
        told.append(f"and {more} more, in points.html.")
    return tuple(told)


def _change(rule: RuleFit) -> str:
    span = f"from {words.points(rule.points)} to {words.points(rule.learned)}"
    change = f"{rule.verdict.capitalize()} '{rule.name}' {span}"
    if rule.verdict != "raise" or rule.lift is None:
        return f"{change}."
    return f"{change}: leads with it become SQL {words.factor(rule.lift)} as often as all leads."


def _missing(report: PointsReport) -> tuple[str, ...]:
    return tuple(_proposed(proposal) for proposal in (report.proposals or ())[:MOST_MISSING])


def _proposed(proposal: Proposal) -> str:
    worth = words.points(proposal.points) if proposal.sayable else "no single rule can say it"
    behind = f"{whole(proposal.leads)} leads, {whole(proposal.converted)} SQLs"
    return f"{proposal.title[:1].upper()}{proposal.title[1:]}: {worth} ({behind})."


def _gains(comparison: Comparison | None) -> tuple[str, ...]:
    if comparison is None:
        return ()
    work, now = _calls(comparison), _handed(comparison.first.figures)
    share, sqls = words.share(now.precision.value), words.number(now.sqls_per_week.value)
    handed = words.number(now.per_week.value)
    first = (
        f"Of the {handed} leads a week that {comparison.first.title} hands over"
        if work is None
        else f"Of the best {words.number(work)} leads a week by {comparison.first.title}"
    )
    return (
        *_unstated(comparison),
        f"{first}, {share} become SQL: {sqls} a week.",
        *(_gain(one) for one in comparison.standings[1:]),
    )


def _unstated(comparison: Comparison) -> tuple[str, ...]:
    """At how many leads all are compared, where nobody said what sales can work."""
    period = comparison.period
    if period.capacity_per_week is not None or period.calls_per_week is None:
        return ()
    calls = words.number(period.calls_per_week)
    return (
        f"The playbook states no capacity, so all are judged at {calls} leads a week, as today's sheet brings.",
    )


def _handed(figures: Figures) -> Handover:
    """At as many leads for all, where it is known how many; else what is handed over."""
    return figures.at_capacity or figures.own


def _gain(one: Standing) -> str:
    name = f"{one.title[:1].upper()}{one.title[1:]}"
    if one.apart is None:
        return f"{name}: not known."
    there, apart = _handed(one.figures), _handed(one.apart)
    share, sqls = words.share(there.precision.value), words.number(there.sqls_per_week.value)
    more = words.more(apart.sqls_per_week.value, words.number)
    doubt = "" if words.sure(apart.sqls_per_week) else "; this may be chance"
    interval = words.span(apart.sqls_per_week, words.number)
    return f"{name}: {share}, {sqls} a week ({more}, 95 % interval {interval}{doubt})."


def _moves(comparison: Comparison | None) -> tuple[str, ...]:
    best = _offered(comparison)
    if best is None or best.movers is None:
        return ()
    up, down = (
        words.moved(best.movers.up, "rise over the threshold"),
        words.moved(best.movers.down, "fall below it"),
    )
    changed = words.share(best.movers.changed.value)
    return (f"With {best.title}, {changed} of the leads change sides. {up} {down}",)


def _care(report: PointsReport) -> tuple[str, ...]:
    told = []
    if report.comparison is not None:
        told.append(words.unseen(report.comparison.period))
    if report.refit is not None and any(rule.verdict == "reverse" for rule in report.refit.rules):
        told.append("A rule to reverse is first a question: is it known before the outcome?")
    return tuple(told)


def _offered(comparison: Comparison | None) -> Standing | None:
    """The sheet that is handed back: the refitted one, or whatever stands beside today's."""
    if comparison is None or len(comparison.standings) < 2:
        return None
    return comparison.standing("refitted") or comparison.standings[1]


def _calls(comparison: Comparison | None) -> float | None:
    return None if comparison is None else comparison.period.calls_per_week

"""The page about a sheet: your points, and what the data say. One HTML file that needs nothing but itself."""

from __future__ import annotations

import math
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from features.clock import iso
from features.matrix import Ints
from features.sheet import Sheet
from pipelines.points import figures, words
from pipelines.points.reading import SheetData
from pipelines.points.schema import Header, PointsReport, RuleFit, verdict_counts
from pipelines.points.schema_judged import Comparison
from pipelines.points.tables import blocks, segments
from pipelines.reporting import words as common
from pipelines.reporting.facts import question
from pipelines.reporting.schema import Estimate
from pipelines.reporting.svg import Chart

FEW: Final = "not enough evidence"


def header(data: SheetData, *, learned: Ints, judged: bool) -> Header:
    """What was asked, of whom.

    Args:
        data: the history.
        learned: positions of the labelled rows that something was learned from, in order of time.
        judged: whether something was judged on the later rows that were kept for it.
    """
    examples, split = data.examples, data.split
    offered = examples.state[data.in_period if judged else data.offered_with(learned)]
    since, until = (iso(int(end)) for end in split.dataset.as_of[learned[[0, -1]]])
    judged_since, judged_until = (iso(int(end)) for end in split.testing.as_of[[0, -1]])
    return Header(
        company=data.playbook.name,
        sheet=data.sheet.name,
        question=question(examples),
        learned_since=since,
        learned_until=until,
        judged_since=judged_since if judged else None,
        judged_until=judged_until if judged else None,
        leads=len(set(split.dataset.lead_id)),
        converted=split.dataset.positives,
        unworked=float((offered == "unworked").mean()),
        origin={
            "definition": examples.definition.version,
            "history, SHA-256": examples.history_sha256,
            "history until": iso(examples.manifest.observed_until),
            "sheet's file": data.file.name,
        },
    )


def environment() -> Environment:
    """Of the templates; whatever is shown is escaped."""
    made = Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": common.percent,
        "whole": common.whole,
        "day": common.day,
        "share": words.share,
        "number": words.number,
        "points": words.points,
        "total": words.total,
        "factor": words.factor,
        "rank": words.rank,
    }
    return made


def render(report: PointsReport) -> str:
    """The page as text."""
    return environment().get_template("points.html").render(_context(report))


def headline(report: PointsReport) -> str:
    """The answer in a line."""
    if report.refit is not None:
        return f"Your points: {verdict_counts(report.refit)}"
    if report.calibration is not None:
        told = report.calibration.sentence
        return f"{told[0].upper()}{told[1:]}"
    return f"What {report.header.sheet} is worth"


def _context(report: PointsReport) -> dict[str, Any]:
    return {
        "report": report,
        "headline": headline(report),
        "words": words,
        "tiles": _tiles(report),
        "figures": {name: Markup(str(chart)) for name, chart in _figures(report).items()},  # noqa: S704 - built of escaped parts
        "rules": _rules(report),
        "overlaps": report.refit is not None and any(fit.twin for fit in report.refit.rules),
        "distilled": _distilled(report),
        "blocks": blocks(report.comparison) if report.comparison else [],
        "segments": segments(report.comparison) if report.comparison else [],
    }


def _tiles(report: PointsReport) -> list[tuple[str, str, str]]:
    tiles = []
    if report.calibration is not None:
        worth, today = report.calibration.worth, report.calibration.today
        tiles.append(("10 points more", f"odds {words.factor(worth.value)}", words.span(worth, words.factor)))
        if today:
            above, below = today[0].above, today[0].below
            tiles.append(
                ("SQL share of today's MQLs", words.share(above.value), words.span(above, words.share))
            )
            tiles.append(
                ("SQL share of the other leads", words.share(below.value), words.span(below, words.share))
            )
    if report.comparison is not None:
        tiles += _tiles_of(report.comparison)
    return tiles


def _tiles_of(comparison: Comparison) -> list[tuple[str, str, str]]:
    first, capacity = comparison.first, comparison.period.capacity_per_week
    beside = "" if capacity is None else f"sales can work {words.number(capacity)}"
    tiles = [("MQLs a week today", words.number(first.figures.own.per_week.value), beside)]
    best = comparison.standing("refitted") or comparison.standings[-1]
    if best.apart is not None and best.apart.at_capacity is not None:
        gain = best.apart.at_capacity.sqls_per_week
        tiles.append(
            (
                f"SQLs a week by {best.title}",
                words.more(gain.value, words.number),
                words.span(gain, words.number),
            )
        )
    return tiles


def _figures(report: PointsReport) -> dict[str, Chart]:
    drawn = {}
    if report.calibration is not None:
        drawn["totals"] = figures.totals(report.calibration.bins)
    if report.refit is not None:
        drawn["rules"] = figures.rules(report.refit.rules)
    return drawn


def _rules(report: PointsReport) -> list[dict[str, Any]]:
    """Rows of the verdict table, in the order of the sheet."""
    if report.refit is None:
        return []
    opinions = report.second_opinion.points if report.second_opinion else [None] * len(report.refit.rules)
    return [_rule(fit, opinion) for fit, opinion in zip(report.refit.rules, opinions, strict=True)]


def _rule(fit: RuleFit, opinion: float | None) -> dict[str, Any]:
    known = fit.verdict != FEW
    odds = Estimate(value=fit.odds_ratio, low=_factor(fit.log_odds_low), high=_factor(fit.log_odds_high))
    return {
        "fit": fit,
        "learned": words.points(fit.learned) if known else "",
        "interval": words.span(Estimate(value=fit.learned, low=fit.low, high=fit.high), words.nearly)
        if known
        else "",
        "opinion": words.nearly(opinion),
        "lift": words.factor(fit.lift),
        "odds": words.factor(odds.value) if known else "",
        "odds_interval": words.span(odds, words.factor) if known else "",
        "overlap": "" if fit.twin is None else f"{fit.twin} ({(fit.twin_rho or 0.0):.2f})",
        "stability": words.share(fit.stability) if known else "",
        "look": fit.verdict.replace(" ", "-"),
    }


def _factor(log_odds: float | None) -> float | None:
    return None if log_odds is None else math.exp(log_odds)


def _distilled(report: PointsReport) -> dict[str, Any] | None:
    if report.distilled is None:
        return None
    sheet = Sheet.model_validate(report.distilled.sheet)
    rules = [(rule.name, words.points(rule.points), "each" if rule.each else "") for rule in sheet.rules]
    fidelity = report.distilled.fidelity
    asked = {
        "order of the leads, against the model's (Spearman)": fidelity.spearman,
        "finds the model's best leads (ROC-AUC)": fidelity.auc_against_model,
        "finds SQLs (ROC-AUC)": fidelity.auc_outcomes,
        "the model itself finds SQLs (ROC-AUC)": fidelity.auc_outcomes_of_model,
        "the price: the model's less the sheet's": fidelity.price,
    }
    price = [
        (title, words.rank(found.value), words.span(found, words.rank)) for title, found in asked.items()
    ]
    return {"rules": rules, "mql_at": words.total(sheet.mql_at), "price": price}

"""The page: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from models.metrics import METRICS
from pipelines.reporting import figures, overview, words
from pipelines.reporting.schema import Estimate, Estimates, FeatureImportance, FunnelStep, Report
from pipelines.reporting.svg import Chart

MOST_FEATURES: Final = 8
"""Features listed of each signal."""

BEST_SHARES: Final = (5, 10, 20, 30, 50)
"""Shares of the leads, in percent, in the table of what working the best leads brings."""

STATES: Final[dict[str, str]] = {
    "converted": "became SQL within the horizon",
    "rejected": "sales closed it, with a reason",
    "lapsed": "worked by sales, time over, no SQL",
    "recycled": "sent back to marketing",
    "unworked": "sales never touched it: says nothing about the lead",
    "immature": "its time is not over yet",
    "duplicate": "a copy of another lead",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar table; ``share`` of the longest bar, 0 to 1."""

    name: str
    share: float
    value: str
    words: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of a model: its value and, below it, its interval. ``sure``: set in bold."""

    value: str
    span: str
    sure: bool = False


MetricRow = tuple[str, str, tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """All metrics of all models; one row per metric."""

    title: str
    note: str
    models: tuple[tuple[str, bool], ...]
    rows: tuple[MetricRow, ...]
    explain: bool = False


def render(report: Report) -> str:
    """The page as text. Whatever is shown is escaped; nothing is loaded from elsewhere."""
    environment = Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": words.percent, "whole": words.whole, "day": words.day}
    return environment.get_template("report.html").render(_context(report))


def plots(report: Report) -> dict[str, str]:
    """Each drawing of the page as an SVG file of its own, by name."""
    style = files("pipelines").joinpath("templates", "report.css").read_text(encoding="utf-8")
    own = f"</title><style>{style} svg {{ background: #fff; font-family: system-ui, sans-serif; }}</style>"
    return {
        name: str(chart)
        .replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        .replace("</title>", own, 1)
        for name, chart in _figures(report).items()
    }


def _context(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "winner": report.models[report.winner],
        "tiles": _tiles(report),
        "figures": {name: Markup(str(chart)) for name, chart in _figures(report).items()},  # noqa: S704 - built of escaped parts
        "legend": [(look, report.models[name].title) for name, look in figures.looks(report).items()],
        "race": _race(report),
        "ranked": any(candidate.simplicity for candidate in report.race.candidates.values()),
        "best": _best(report),
        "signals": _signals(report),
        "states": _states(report),
        "funnel": _funnel(report.funnel),
        "tables": _tables(report),
        "facts": _facts(report),
    }


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    test = report.models[report.winner].test
    shown = ("lift_at_10", "roc_auc", "log_loss", "calibration_slope")
    tiles = [
        (words.METRIC_WORDS[name][0], words.figure(name, test[name].value), words.span(name, test[name]))
        for name in shown
    ]
    unseen = report.models[report.winner].unseen_accounts
    if unseen is not None:
        estimate = unseen["roc_auc"]
        tiles.append(
            (
                "ROC-AUC, new accounts",
                words.figure("roc_auc", estimate.value),
                words.span("roc_auc", estimate),
            )
        )
    return tiles


def _figures(report: Report) -> dict[str, Chart]:
    winner = report.curves[report.winner]
    drawn = {
        "gain": figures.gain(report),
        "lift": figures.lift(report),
        "precision_recall": figures.precision_recall(report),
        "reliability": figures.reliability(winner.reliability),
        "scores": figures.scores(winner.scores),
        "timeline": overview.timeline(report),
    }
    if len(report.models) > 1:
        drawn |= {f"forest_{metric}": overview.forest(report, metric) for metric in overview.WORSE}
    return drawn


def _best(report: Report) -> list[tuple[str, str, str, str]]:
    """What working the best leads brings: share worked, SQLs caught, their SQL share, lift."""
    curve, base = report.curves[report.winner].gain, report.split.test.base_rate or 0.0
    rows = zip(curve.share, curve.captured, curve.lift, strict=True)
    return [
        (
            words.percent(share),
            words.percent(caught),
            words.percent(base * (lift or 0.0), 1),
            words.figure("lift_at_10", lift),
        )
        for share, caught, lift in rows
        if share is not None and round(100 * share) in BEST_SHARES
    ]


def _race(report: Report) -> list[dict[str, str | bool]]:
    return [
        {
            "title": candidate.title,
            "won": name == report.winner,
            "log_loss": words.figure("log_loss", candidate.log_loss),
            "difference": words.signed("log_loss", candidate.difference),
            "error": words.figure("log_loss", candidate.standard_error),
            "simplicity": str(candidate.simplicity or words.UNDEFINED),
            "note": candidate.note,
        }
        for name, candidate in report.race.candidates.items()
    ]


def _signals(report: Report) -> list[tuple[Bar, list[Bar]]]:
    weight = report.importance
    largest = max((signal.value for signal in weight.signals), default=0.0) or 1.0
    rows = []
    for signal in weight.signals:
        inside = [feature for feature in weight.features if feature.signal == signal.signal]
        shown = [_feature_bar(feature, largest) for feature in inside[:MOST_FEATURES] if feature.value > 0.0]
        more = len([feature for feature in inside if feature.value > 0.0]) - len(shown)
        words_after = f"and {more} more" if more > 0 else ""
        rows.append((Bar(signal.signal, signal.value / largest, f"{signal.value:.3f}", words_after), shown))
    return rows


def _feature_bar(feature: FeatureImportance, largest: float) -> Bar:
    said = "said by the lead" if feature.explicit else "seen in what the lead did"
    return Bar(feature.sentence, feature.value / largest, f"{feature.value:.3f}", said, (feature.feature,))


def _states(report: Report) -> list[Bar]:
    total = sum(report.label_states.values()) or 1
    largest = max(report.label_states.values(), default=0) or 1
    return [
        Bar(
            name,
            count / largest,
            words.whole(count),
            STATES.get(name, ""),
            (words.percent(count / total, 1),),
        )
        for name, count in report.label_states.items()
    ]


def _funnel(steps: tuple[FunnelStep, ...]) -> list[Bar]:
    largest = max((step.rows for step in steps), default=0) or 1
    return [
        Bar(
            step.step,
            step.rows / largest,
            f"{words.whole(step.rows)} {step.unit}",
            step.why,
            tuple(f"{words.whole(count)} {reason}" for reason, count in step.excluded.items()),
        )
        for step in steps
    ]


def _tables(report: Report) -> list[Table]:
    split, results = report.split, report.models
    apart = {
        name: result.difference_to_winner for name, result in results.items() if result.difference_to_winner
    }
    about = f"{words.whole(split.test.rows)} snapshots of {words.whole(split.test.leads)} leads; 95 % ranges below"
    new = f"{words.whole(split.unseen_accounts.rows)} snapshots of accounts that are not in the training rows"
    paired = "model minus winner on the same bootstrap draws; bold where the range leaves out 0"
    found = {
        "All accounts": (about, _plain, {name: result.test for name, result in results.items()}),
        "Accounts unseen in training": (
            new,
            _plain,
            _given({n: r.unseen_accounts for n, r in results.items()}),
        ),
        "Difference to the winner": (paired, _apart, {name: d.test for name, d in apart.items()}),
        "Difference to the winner on unseen accounts": (
            paired,
            _apart,
            _given({name: d.unseen_accounts for name, d in apart.items()}),
        ),
    }
    return [
        Table(title, note, _heads(report, estimates), _rows(estimates, cell), explain=note is about)
        for title, (note, cell, every) in found.items()
        if (estimates := _winner_first(report, every))
    ]


def _winner_first(report: Report, found: dict[str, Estimates]) -> dict[str, Estimates]:
    return dict(sorted(found.items(), key=lambda item: item[0] != report.winner))


def _given(found: dict[str, Estimates | None]) -> dict[str, Estimates]:
    return {name: estimates for name, estimates in found.items() if estimates is not None}


def _rows(found: dict[str, Estimates], cell: Callable[[str, Estimate], Cell]) -> tuple[MetricRow, ...]:
    return tuple(
        (*words.METRIC_WORDS[metric], tuple(cell(metric, estimates[metric]) for estimates in found.values()))
        for metric in METRICS
    )


def _plain(metric: str, estimate: Estimate) -> Cell:
    return Cell(words.figure(metric, estimate.value), words.span(metric, estimate))


def _apart(metric: str, estimate: Estimate) -> Cell:
    sure = (estimate.low or 0.0) > 0.0 or (estimate.high or 0.0) < 0.0
    return Cell(words.signed(metric, estimate.value), words.span(metric, estimate), sure)


def _heads(report: Report, found: dict[str, Estimates]) -> tuple[tuple[str, bool], ...]:
    return tuple((report.models[name].title, name == report.winner) for name in found)


def _facts(report: Report) -> list[tuple[str, list[tuple[str, str]]]]:
    made = [
        ("bundle, SHA-256", report.bundle_sha256 or words.UNDEFINED),
        ("MLflow run", report.mlflow_run_id or words.UNDEFINED),
    ]
    groups = {
        "Playbook": report.playbook,
        "History": report.history,
        "Settings": report.settings,
        "Versions": report.versions,
    }
    return [("Made", made), *((title, _flat(facts)) for title, facts in groups.items() if facts)]


def _flat(facts: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(facts, dict):
        return [row for key, value in facts.items() for row in _flat(value, f"{prefix} {key}".strip())]
    if isinstance(facts, list | tuple):
        return [row for i, value in enumerate(facts, 1) for row in _flat(value, f"{prefix} {i}")]
    return [(prefix, str(facts))]

"""The model card: what a model predicts, from what, how well, and where to be careful. Plain and short."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from features.playbook import AtAge, Condition, OnEvent, OnStage, Playbook, SnapshotPolicy
from models.bands import BandTable
from models.bundle import Origin
from models.scale import Scale

METRICS: Final = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "calibration_slope": "calibration slope (1 is right)",
    "calibration_intercept": "calibration intercept (0 is right)",
    "lift_at_5": "lift in the best 5 %",
    "lift_at_10": "lift in the best 10 %",
    "lift_at_20": "lift in the best 20 %",
}

STATES: Final = {
    "converted": "became an SQL within the horizon",
    "rejected": "closed by sales",
    "lapsed": "worked, and no SQL within the horizon",
    "recycled": "sent back to marketing",
    "unworked": "never touched by sales",
    "immature": "horizon or recording lag not over yet",
    "duplicate": "a copy of another lead",
}

MANY_UNWORKED: Final = 0.1
"""Share of unworked snapshots from which the card warns."""


def render(
    origin: Origin, report: Mapping[str, Any], playbook: Playbook, bands: BandTable, scale: Scale
) -> str:
    """Text of ``MODEL_CARD.md``.

    Args:
        origin: where the model comes from.
        report: content of ``report.json``; ``models``, ``winner``, ``why``, ``label_states``, ``split`` and
            ``notes`` are told where they are present.
        playbook: that the labels follow.
        bands: limits and ranges.
        scale: of the points.
    """
    sections = [
        _purpose(origin, report, playbook),
        _labels(origin, report, playbook),
        _fields(report, playbook),
        _quality(origin, report),
        _reading(bands, scale),
        _sheet(report, playbook),
        _limits(report),
        _again(origin),
    ]
    return "\n\n".join("\n".join(section) for section in map(list, sections) if section) + "\n"


def _purpose(origin: Origin, report: Mapping[str, Any], playbook: Playbook) -> Iterator[str]:
    default = origin.horizon_days.get("", playbook.horizon_days)
    lines = {line: days for line, days in sorted(origin.horizon_days.items()) if line and days != default}
    others = f" ({'; '.join(f'{line}: {days} days' for line, days in lines.items())})" if lines else ""
    yield f"# Model card: {playbook.name}"
    yield ""
    yield f"**It predicts** the probability that a lead becomes an SQL within {default} days{others}."
    yield ""
    yield f"**It asks** {'; '.join(_policy(policy) for policy in playbook.snapshots)}; open leads only."
    yield ""
    yield (
        "**It is for** ordering the work of sales and for talking about marketing's points. It is not for "
        "deciding anything else about a person, nor for the leads of another business."
    )
    yield ""
    yield f"**Model**: {origin.model}. {report.get('why', '')}".rstrip()


def _policy(policy: SnapshotPolicy) -> str:
    if isinstance(policy, AtAge):
        days = _listed([f"{days:g}" for days in policy.days])
        return f"at an age of {days} {'day' if days == '1' else 'days'}"
    if isinstance(policy, OnStage):
        return f"on entering {_listed(policy.stages)}"
    if isinstance(policy, OnEvent):
        return f"after {_listed(policy.types)}"
    return f"on Mondays, at most {policy.per_lead} times a lead"


def _labels(origin: Origin, report: Mapping[str, Any], playbook: Playbook) -> Iterator[str]:
    definition = playbook.definition(origin.definition)
    counted = " or ".join(_condition(condition) for condition in definition.any_of)
    lag = f" and {playbook.recording_lag_days} days of recording lag" if playbook.recording_lag_days else ""
    yield "## What it learned from"
    yield ""
    yield (
        f"- {origin.rows:,} snapshots of {origin.leads:,} leads, of which {origin.positives:,} became SQLs "
        f"(base rate {origin.base_rate:.1%}), "
        f"asked about from {origin.first_as_of[:10]} to {origin.last_as_of[:10]}."
    )
    yield (
        f"- An SQL is: {counted} (definition {definition.version!r}, "
        f"in force from {definition.effective_from.isoformat()})."
    )
    yield (
        f"- A snapshot trains once its whole horizon{lag} had passed when the data was exported, "
        f"and only in the states {_listed(playbook.train_on)}."
    )
    states = report.get("label_states", {})
    if states:
        yield ""
        yield "| label state | snapshots | trains | meaning |"
        yield "|---|---:|---|---|"
    for state, count in states.items():
        trains = "yes" if state in playbook.train_on else "no"
        yield f"| {state} | {count:,} | {trains} | {STATES.get(state, '')} |"


def _condition(condition: Condition) -> str:
    if condition.all_of:
        return " and ".join(_condition(part) for part in condition.all_of)
    return f"stage {condition.stage!r} entered" if condition.stage else f"event {condition.event!r}"


def _fields(report: Mapping[str, Any], playbook: Playbook) -> Iterator[str]:
    notes = [note for note in report.get("notes", ()) if note["level"] in ("warn", "block")]
    if not (playbook.attributes.exclude or playbook.attributes.excuse or playbook.withhold or notes):
        return
    yield "## Fields and leaks"
    yield ""
    for field, reason in sorted(playbook.attributes.exclude.items()):
        yield f"- **left out**: {field} ({reason})"
    for field, reason in sorted(playbook.attributes.excuse.items()):
        yield f"- **used, although only its value of today is known**: {field} ({reason})"
    for word, reason in sorted(playbook.withhold.items()):
        yield f"- **never named in a reason**: {word} ({reason})"
    for note in notes:
        yield f"- **{'stopped' if note['level'] == 'block' else 'take care'}**: {note['subject']}: {note['text']}"


def _quality(origin: Origin, report: Mapping[str, Any]) -> Iterator[str]:
    tests = {name: model["test"] for name, model in report.get("models", {}).items()}
    winner = tests.pop(report.get("winner", origin.model), {})
    if not winner:
        return
    yield "## How good it is, forward in time"
    yield ""
    yield f"On the last part of the data{_split(report)}, looked at once, after everything was chosen."
    yield ""
    yield "| metric | value | interval |"
    yield "|---|---:|---|"
    for metric, words in METRICS.items():
        if metric in winner:
            yield f"| {words} | {_value(winner, metric)} | {_interval(winner[metric])} |"
    if tests:
        yield ""
        yield "| also in the race | ROC-AUC | log loss |"
        yield "|---|---:|---:|"
    for name, test in tests.items():
        yield f"| {name} | {_value(test, 'roc_auc')} | {_value(test, 'log_loss')} |"


def _split(report: Mapping[str, Any]) -> str:
    starts = report.get("split", {}).get("test_begins")
    return f", from {str(starts)[:10]} on" if starts else ""


def _value(test: Mapping[str, Any], metric: str) -> str:
    return _number(test.get(metric, {}).get("value"))


def _number(value: float | None) -> str:
    return "not defined" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _interval(metric: Mapping[str, Any]) -> str:
    ends = [metric.get("low"), metric.get("high")]
    return "" if None in ends else f"{_number(ends[0])} to {_number(ends[1])}"


def _reading(bands: BandTable, scale: Scale) -> Iterator[str]:
    limits = bands.limits
    yield "## How to read it"
    yield ""
    yield (
        f"- Bands by probability: A from {limits.a:.3g}, B from {limits.b:.3g}, "
        f"C from {limits.c:.3g}, else D; set by {limits.source}."
    )
    yield f"- Points: {scale.anchor}."
    yield (
        "- The range beside a probability is about leads scored alike, not about this one lead, whose true "
        "chance cannot be known from yes-or-no outcomes. It rests on predictions for leads not learned from, "
        f"{bands.since[:10]} to {bands.until[:10]}."
    )
    yield "- Reasons add up exactly to the score. They are associations in past data, not effects."


def _sheet(report: Mapping[str, Any], playbook: Playbook) -> Iterator[str]:
    if playbook.sheet is None:
        return
    sheet = playbook.sheet
    threshold = f", handed over at {sheet.mql_at:g} points" if sheet.mql_at is not None else ""
    yield "## The hand-set points"
    yield ""
    yield f"{sheet.name}: {len(sheet.rules)} {'rule' if len(sheet.rules) == 1 else 'rules'}{threshold}."
    test = report.get("models", {}).get("sheet", {}).get("test", {})
    if test:
        auc, loss = _value(test, "roc_auc"), _value(test, "log_loss")
        yield f"Calibrated, it reached ROC-AUC {auc} and log loss {loss} on the same leads."
        yield from _power(report)


def _power(report: Mapping[str, Any]) -> Iterator[str]:
    """How much of what the model tells, beyond that every lead has the average chance, the points already told."""
    rate = report.get("split", {}).get("test", {}).get("base_rate")
    losses = {
        name: model["test"].get("log_loss", {}).get("value") for name, model in report["models"].items()
    }
    winner = losses.get(report["winner"])
    if rate is None or winner is None or not 0.0 < rate < 1.0:
        return
    unknowing = -(rate * math.log(rate) + (1.0 - rate) * math.log1p(-rate))
    if winner >= unknowing:
        yield "The model tells no more than that every lead has the average chance, so there is nothing to compare."
        return
    told = {
        name: (unknowing - loss) / (unknowing - winner) for name, loss in losses.items() if loss is not None
    }
    words = (
        f"Of what the model tells beyond the average chance, the points as they are tell {told['sheet']:.0%}"
    )
    learned = f", and the same rules with learned points {told['points']:.0%}" if "points" in told else ""
    fall = f"from {unknowing:.3f} for the average chance to {winner:.3f}"
    yield f"{words}{learned} (share of the fall in log loss, {fall})."


def _limits(report: Mapping[str, Any]) -> Iterator[str]:
    states = report.get("label_states", {})
    share = states.get("unworked", 0) / max(sum(states.values()), 1)
    yield "## Limits"
    yield ""
    if share:
        yield (
            f"- {share:.0%} of the snapshots were never worked by sales and do not train: "
            "the probability is one *given that sales works the lead*."
        )
    if share >= MANY_UNWORKED:
        yield "- That is a large share. Leads unlike those that sales picks may fare differently."
    yield "- It knows what the export knew. If channels, forms or the meaning of SQL change, train again."
    yield "- Features that say nearly the same share the credit; trust reasons by signal more."


def _again(origin: Origin) -> Iterator[str]:
    yield "## To make it again"
    yield ""
    yield (
        "`leadlight train --history H --playbook playbook.yaml --out R`, with the playbook of this bundle, "
        f"the history whose digest is `{origin.history_sha256}`, and the versions in `manifest.json`. "
        "The same input gives the same `SHA256SUMS`, byte by byte; "
        "`sha256sum --check SHA256SUMS` tells whether it is intact."
    )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)

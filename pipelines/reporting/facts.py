"""What a report tells of the data: the question, who was left out and why, what could not be used."""

from __future__ import annotations

from collections import Counter

import numpy as np

from features.clock import iso
from features.playbook import Worked
from models.splits import Split
from pipelines.reporting.schema import Data, FunnelStep, Note
from pipelines.training_set import TrainingSet

MANY_UNWORKED = 0.2
"""From this share of mature snapshots on, the model speaks of worked leads only, and must say so."""

WHY_EXCLUDED = {
    "immature": "window or recording lag not over yet",
    "unworked": "sales never touched the lead",
    "duplicate": "copy of another lead",
}


def data_facts(examples: TrainingSet, split: Split) -> Data:
    """Everything of ``schema.Data``."""
    return Data(
        label_states=examples.label_states,
        funnel=funnel(examples, split),
        notes=notes(examples),
        question=question(examples),
    )


def question(examples: TrainingSet) -> str:
    """What the model answers."""
    playbook = examples.playbook
    days = sorted({playbook.horizon_of(line or None) for line in set(examples.service_line)})
    span = f"{days[0]} days" if len(days) == 1 else f"{days[0]} to {days[-1]} days, by service line"
    return f"Does this lead become an SQL (definition {examples.definition.version!r}) within {span}?"


def funnel(examples: TrainingSet, split: Split) -> tuple[FunnelStep, ...]:
    """From the leads of the history to the rows that trained and were judged."""
    playbook = examples.playbook
    asked = len(set(examples.lead_id))
    unusable = Counter(examples.state[~examples.usable])
    left_out = {WHY_EXCLUDED.get(state, state): number for state, number in unusable.items()}
    early = examples.leads - examples.entitled
    return (
        FunnelStep(step="leads in the history", rows=examples.leads, unit="leads"),
        FunnelStep(
            step="leads that were in play when asked",
            rows=asked,
            unit="leads",
            excluded=_some(
                {
                    f"created before {playbook.since}": early,
                    "closed, or the data ended, before the moment of asking": examples.entitled - asked,
                }
            ),
        ),
        FunnelStep(step="snapshots", rows=len(examples), why="a lead may be asked about more than once"),
        FunnelStep(
            step="snapshots with an honest label",
            rows=len(split.dataset),
            why="window closed, and worked",
            excluded=_some(left_out),
        ),
        FunnelStep(
            step="train",
            rows=len(split.train),
            why=f"label known by {iso(split.test_begins)[:10]}",
            excluded=_some(
                {
                    "label not yet known when the test block begins": len(split.purged),
                    "kept back for the test": len(split.test),
                }
            ),
        ),
        FunnelStep(step="test", rows=len(split.test), why="the last block in time, only reported on"),
    )


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {why: number for why, number in counts.items() if number}


def notes(examples: TrainingSet) -> tuple[Note, ...]:
    """What a reader should know before trusting the figures."""
    attributes, fields = examples.playbook.attributes, examples.manifest.fields
    refused = [name for name, summary in fields.items() if summary.availability == "current_only"]
    found = [
        Note(level="note", subject=name, text=f"excluded by the playbook: {why}")
        for name, why in attributes.exclude.items()
        if name in fields
    ]
    for name in refused:
        if name in attributes.excuse:
            found.append(
                Note(level="warn", subject=name, text=f"no history, excused: {attributes.excuse[name]}")
            )
        elif name not in attributes.exclude:
            text = "left out: only today's value was exported, so what was known at the time cannot be told"
            found.append(Note(level="ok", subject=name, text=text))
    found += _untested_rules(examples)
    mature = ~np.isin(examples.state, ("immature", "duplicate"))
    unworked = (examples.state[mature] == "unworked").mean() if mature.any() else 0.0
    if unworked > MANY_UNWORKED:
        text = f"{unworked:.0%} of the mature snapshots were never worked: the model says P(SQL | worked)"
        found.append(Note(level="warn", subject="unworked leads", text=text))
    if examples.playbook.worked == Worked() and examples.label_states["lapsed"]:
        text = "the playbook does not say what shows that sales touched a lead (worked), so each counts as worked"
        found.append(Note(level="note", subject="worked leads", text=text))
    others = [repr(d.version) for d in examples.playbook.sql if d.version != examples.definition.version]
    if others:
        rest = f"{', '.join(others)} would label it otherwise"
        text = f"all history is labelled by {examples.definition.version!r}; {rest}"
        found.append(Note(level="note", subject="definition of an SQL", text=text))
    return tuple(found)


def _untested_rules(examples: TrainingSet) -> list[Note]:
    """Rules of the sheet that can never fire, for the history holds nothing of what they name.

    A misspelt word would otherwise make the sheet look worse than it is, without a sign.
    """
    sheet, manifest = examples.playbook.sheet, examples.manifest
    events = {"any", *manifest.event_types}
    found: list[Note] = []
    for rule in sheet.rules if sheet else ():
        event, attribute = rule.when.event, rule.when.attribute
        if event is not None and event not in events:
            text = f"never gives points: the history holds no event {event!r}"
        elif attribute is not None and attribute not in manifest.fields:
            text = f"never gives points: the history holds no attribute {attribute!r}"
        else:
            continue
        found.append(Note(level="warn", subject=f"rule {rule.name!r}", text=text))
    return found

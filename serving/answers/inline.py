"""Evidence from what was sent along with a question."""

from __future__ import annotations

from collections.abc import Sequence

from features.clock import micros
from features.evidence import Event, Evidence, Fact, StageEntry
from serving.schemas.evidence import InlineEvent, InlineFact, InlineLead


def evidence_of(sent: InlineLead) -> Evidence:
    """The evidence of a lead. What happened counts as known at once where nothing else is said."""
    return Evidence(
        lead_id=sent.lead_id,
        created_at=micros(sent.created_at),
        account_id=sent.account_id,
        service_line=sent.service_line,
        events=[_event(event, at) for at, event in enumerate(sent.events)],
        stages=[
            StageEntry(
                entry.stage,
                micros(entry.entered_at),
                micros(entry.known_at or entry.entered_at),
                entry.reason,
                entry.actor,
            )
            for entry in sent.stages
        ],
        facts=_facts(sent.attributes),
        account_facts=_facts(sent.account_attributes),
    )


def _event(event: InlineEvent, at: int) -> Event:
    return Event(
        event.event_id or f"\n{at}",  # no id that was sent has a line break in it
        event.type,
        micros(event.occurred_at),
        micros(event.known_at or event.occurred_at),
        event.value,
        event.topic,
        event.channel,
        event.campaign,
        event.source,
    )


def _facts(facts: Sequence[InlineFact]) -> list[Fact]:
    return [
        Fact(fact.field, fact.value, micros(fact.occurred_at), micros(fact.known_at or fact.occurred_at))
        for fact in facts
    ]

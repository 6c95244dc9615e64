"""What is known about one lead, as rows: what a CRM sends, what a store holds, what the kernel is asked about.

The same rows as in the tables of a history (``features.tables``), for a single lead. Instants are int64
microseconds in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pyarrow as pa

from features.tables import SCHEMAS

Rows = list[tuple[Any, ...]]


class Event(NamedTuple):
    """Something a lead did."""

    event_id: str
    type: str
    occurred_at: int
    known_at: int
    value: float | None = None
    topic: str | None = None
    channel: str | None = None
    campaign: str | None = None
    source: str | None = None


class StageEntry(NamedTuple):
    """A stage that a lead entered."""

    stage: str
    entered_at: int
    known_at: int
    reason: str | None = None
    actor: str | None = None


class Fact(NamedTuple):
    """A value of a field of a lead or an account, from ``occurred_at`` on; ``None`` says it was emptied."""

    field: str
    value: str | None
    occurred_at: int
    known_at: int


class Colleague(NamedTuple):
    """Another lead of the same account."""

    lead_id: str
    created_at: int
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything recorded about one lead. Rows may come in any order; repeats of an ``event_id`` count once.

    Attributes:
        facts: of the lead. account_facts: of its account.
        colleagues: the other leads of its account; needed only where a feature looks at the account.
    """

    lead_id: str
    created_at: int
    account_id: str | None = None
    service_line: str | None = None
    events: Sequence[Event] = ()
    stages: Sequence[StageEntry] = ()
    facts: Sequence[Fact] = ()
    account_facts: Sequence[Fact] = ()
    colleagues: Sequence[Colleague] = ()

    def known_before(self, moment: int) -> Evidence:
        """What had been recorded before ``moment``; what is recorded later of earlier days is left out."""
        return replace(
            self,
            events=_known(self.events, moment),
            stages=_known(self.stages, moment),
            facts=_known(self.facts, moment),
            account_facts=_known(self.account_facts, moment),
            colleagues=tuple(
                colleague._replace(events=_known(colleague.events, moment)) for colleague in self.colleagues
            ),
        )

    def with_event(self, event: Event) -> Evidence:
        """The same lead, had it done one thing more."""
        return replace(self, events=(*self.events, event))

    def to_tables(self) -> dict[str, pa.Table]:
        """The four tables of a history that holds this lead and its colleagues."""
        leads: Rows = [(self.lead_id, self.account_id, self.service_line, self.created_at)]
        leads += [(one.lead_id, self.account_id, None, one.created_at) for one in self.colleagues]
        events: Rows = [(self.lead_id, *event) for event in self.events]
        events += [(one.lead_id, *event) for one in self.colleagues for event in one.events]
        facts: Rows = [("lead", self.lead_id, *fact) for fact in self.facts]
        facts += [("account", self.account_id, *fact) for fact in self.account_facts]
        stages: Rows = [(self.lead_id, *entry) for entry in self.stages]
        rows = {"leads": leads, "events": events, "attributes": facts, "stages": stages}
        return {name: _table(name, rows[name]) for name in SCHEMAS}


def _known(rows: Sequence[Any], moment: int) -> tuple[Any, ...]:
    return tuple(row for row in rows if row.known_at < moment)


def _table(name: str, rows: Rows) -> pa.Table:
    schema = SCHEMAS[name]
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )

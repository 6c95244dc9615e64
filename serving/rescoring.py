"""Score many leads of the store at once and record it: after a new model, or each night, since points decay.

The same path as for a single request, so that the queue shows what a request would answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from features.playbook import Playbook
from serving.answers.refusals import Unscorable
from serving.answers.scoring import Prepared, Scoring
from serving.desk import Desk
from serving.live import Live
from serving.logs import silent
from serving.store import predictions
from serving.store.engine import Store
from serving.store.errors import LeadForgotten, LeadObjected
from serving.store.tables import LEADS, STAGES

AT_ONCE: Final = 100
"""Leads of one transaction."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """How many leads were scored, by band, and how many could not be, by reason."""

    bands: Counter[str]
    left_out: Counter[str]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "scored": self.bands.total(),
            "bands": dict(sorted(self.bands.items())),
            "left_out": dict(sorted(self.left_out.items())),
        }

    def lines(self) -> list[str]:
        """For a person."""
        bands = ", ".join(f"{count:,} in {band}" for band, count in sorted(self.bands.items()))
        told = [f"scored    {self.bands.total():,} leads" + (f": {bands}" if bands else "")]
        left = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.most_common())
        return told + ([f"left out  {left}"] if left else [])


def run(desk: Desk, tenant: str, *, only_open: bool, say: Callable[[str], None] = lambda _: None) -> Rescored:
    """Score the leads of a tenant with what the log of activations asks for.

    Raises:
        NoModelError: nothing is active, or it cannot be loaded.
        StoreUnavailable: the store cannot be read or written.
    """
    live = Live(desk.store, desk.bundles, silent())
    live.look()
    playbook = live.current().champion.bundle.playbook
    leads = open_leads(desk.store, tenant, playbook) if only_open else all_leads(desk.store, tenant)
    return rescore(desk, live, tenant, leads, say)


def rescore(
    desk: Desk, live: Live, tenant: str, lead_ids: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> Rescored:
    """Score these leads as of now and record the answers; the outbox hears of changes as it always does.

    Raises:
        NoModelError: no model is active.
        StoreUnavailable: the store cannot be written; what was recorded until then stays.
    """
    scoring, done = Scoring(desk.clock, desk.store, live), Rescored(Counter(), Counter())
    listens = desk.settings.webhook_url is not None
    for start in range(0, len(lead_ids), AT_ONCE):
        prepared = []
        for lead_id in lead_ids[start : start + AT_ONCE]:
            try:
                prepared.append(scoring.of_lead(tenant, lead_id, origin="job"))
            except Unscorable as error:
                done.left_out[error.code] += 1
        try:
            _record(desk.store, prepared, done, listens=listens)
        except (LeadForgotten, LeadObjected):  # one was erased or objected meanwhile; no other is to blame
            for one in prepared:
                with suppress(LeadForgotten, LeadObjected):
                    _record(desk.store, [one], done, listens=listens)
        say(f"{done.bands.total():,} leads scored")
    return done


def _record(store: Store, prepared: Sequence[Prepared], done: Rescored, *, listens: bool) -> None:
    with store.writing() as connection:
        for one in prepared:
            predictions.record(connection, one.records, alert_points=one.alert_points if listens else None)
    done.bands.update(str(one.answer["band"]) for one in prepared if one.answer["scored"])
    done.left_out.update("lead_objected" for one in prepared if not one.answer["scored"])


def open_leads(store: Store, tenant: str, playbook: Playbook) -> list[str]:
    """Leads whose last stage is not one after which nobody waits for a score."""
    closing = set(playbook.stages_of("sql", "rejected", "duplicate"))
    last: dict[str, tuple[int, str]] = {}
    with store.reading() as connection:
        query = select(STAGES.c.lead_id, STAGES.c.entered_at, STAGES.c.stage).where(STAGES.c.tenant == tenant)
        for lead_id, entered_at, stage in connection.execute(query):
            last[lead_id] = max(last.get(lead_id, (entered_at, stage)), (entered_at, stage))
    return [one for one in all_leads(store, tenant) if one not in last or last[one][1] not in closing]


def all_leads(store: Store, tenant: str) -> list[str]:
    """Every lead, in order."""
    query = select(LEADS.c.lead_id).where(LEADS.c.tenant == tenant).order_by(LEADS.c.lead_id)
    with store.reading() as connection:
        return list(connection.execute(query).scalars())

"""What the store holds about a lead, as plain data (``schemas.history.LeadHistory``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

from features.clock import iso
from serving.answers.refusals import Unscorable
from serving.store import arrivals, evidence, predictions
from serving.store.engine import Store
from serving.store.predictions import Prediction

MOST_ROWS: Final = 1_000
"""Of each kind."""
MOST_SCORES: Final = 200

_INSTANTS: Final = frozenset({"occurred_at", "known_at", "entered_at", "recorded_at"})


def lead_history(store: Store, tenant: str, lead_id: str) -> dict[str, Any]:
    """Evidence and past scores, the newest first.

    Raises:
        Unscorable: there is no such lead.
    """
    with store.reading() as connection:
        head = evidence.head(connection, tenant, lead_id)
        held = None if head is None else arrivals.held(connection, tenant, lead_id, head.account_id)
        scores = predictions.of_lead(connection, tenant, lead_id, MOST_SCORES)
    if head is None or held is None:
        raise Unscorable("lead_not_found")
    kinds: dict[str, Sequence[dict[str, Any]]] = {
        "events": held.events,
        "stages": held.stages,
        "attributes": held.facts,
        "account_attributes": held.account_facts,
    }
    return {
        "lead_id": lead_id,
        "account_id": head.account_id,
        "service_line": head.service_line,
        "created_at": iso(head.created_at),
        "recorded_at": iso(held.recorded_at),
        "objected": head.objected,
        **{name: _newest(rows) for name, rows in kinds.items()},
        "scores": [_score(one) for one in scores if one.role != "shadow"],
        "complete": max(map(len, kinds.values())) <= MOST_ROWS and len(scores) < MOST_SCORES,
    }


def _newest(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    newest = sorted(rows, key=itemgetter("known_at"), reverse=True)[:MOST_ROWS]
    return [{name: iso(cell) if name in _INSTANTS else cell for name, cell in row.items()} for row in newest]


def _score(one: Prediction) -> dict[str, Any]:
    return {
        "prediction_id": one.prediction_id,
        "as_of": iso(one.as_of),
        "made_at": iso(one.made_at),
        "origin": one.origin,
        "role": one.role,
        "bundle": one.bundle,
        "scored": one.log_odds is not None,
        "probability": one.probability,
        "points": one.points,
        "band": one.band,
    }

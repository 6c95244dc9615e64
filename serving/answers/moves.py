"""What would move a lead: the playbook's actions, each thought of as done just now.

An action is added to the evidence as an event, all features are computed anew, and the lead is scored again; so
windows, recencies and trends stay consistent. That leads which did such things convert more often is an
association; it promises nothing.
"""

from __future__ import annotations

from typing import Any, Final

from scipy.special import expit

from features.evidence import Event, Evidence
from features.playbook_service import Action
from serving.arms import Arm

NOTE: Final = "association, not promise"

_EVENT_ID: Final = "\nthought of"
"""No event that was sent can be called so."""


def moves(arm: Arm, evidence: Evidence, as_of: int, log_odds: float) -> list[dict[str, Any]]:
    """Each action of the playbook and what it would change, the largest gain first."""
    chance = float(expit(log_odds))
    told = []
    for action in arm.bundle.playbook.actions:
        if _is_withheld(action, arm):
            continue
        after = arm.scorer.log_odds(arm.features.row(arm.features.bind(done(evidence, action, as_of)), as_of))
        told.append(
            {
                "event": action.event,
                "say": action.say,
                "probability_change": float(expit(after)) - chance,
                "points_change": arm.bundle.scale.factor * (after - log_odds),
                "note": NOTE,
            }
        )
    return sorted(told, key=lambda move: -move["points_change"])


def done(evidence: Evidence, action: Action, as_of: int) -> Evidence:
    """The same lead, had it done ``action`` a moment before ``as_of``, so that a score sees it."""
    moment = as_of - 1
    event = Event(
        _EVENT_ID,
        action.event,
        occurred_at=moment,
        known_at=moment,
        value=action.value,
        topic=action.topic,
        channel=action.channel,
        campaign=action.campaign,
        source=action.source,
    )
    return evidence.with_event(event)


def _is_withheld(action: Action, arm: Arm) -> bool:
    words = (action.event, action.topic, action.channel, action.campaign, action.source)
    return any(word in arm.bundle.playbook.withhold for word in words if word)

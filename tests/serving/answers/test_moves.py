"""What would move a lead is what a lead with that event would get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from features.clock import DAY
from features.evidence import Event, Evidence
from features.kernel import build
from serving.answers.moves import NOTE
from serving.answers.scoring import Scoring
from serving.arms import Arm
from tests.serving.answers import company

LEADS = [f"lead {number}" for number in range(0, 60, 5)]


def of_account(lead: Evidence) -> dict[str, Evidence]:
    """All that a feature of the lead can look at."""
    people = company.people()
    return {lead.lead_id: lead, **{one.lead_id: people[one.lead_id] for one in lead.colleagues}}


def test_a_move_is_the_score_of_the_history_with_the_event(reading: Scoring, champion: Arm) -> None:
    """Through the tables and the kernel of the pipelines, as no move is computed."""
    actions = {action.event: action for action in champion.bundle.playbook.actions}
    for lead_id in LEADS:
        lead = company.people()[lead_id]
        as_of = lead.created_at + 12 * DAY
        answer = reading.explanation("acme", lead_id, as_of).answer
        assert {move["event"] for move in answer["moves"]} == {"demo_request", "webinar"}
        for move in answer["moves"]:
            action = actions[move["event"]]
            done = Event("thought of", action.event, as_of - 1, as_of - 1, action.value)
            history = company.history(
                {**of_account(lead), lead_id: replace(lead, events=[*lead.events, done])}
            )
            matrix = build(
                champion.scorer.features, history, np.array([lead_id], dtype=object), np.array([as_of])
            )
            after = float(champion.bundle.log_odds(matrix)[0])
            change = float(expit(after)) - answer["probability"]
            assert move["probability_change"] == pytest.approx(change, abs=1e-12)
            points = champion.bundle.scale.points(after) - answer["points"]
            assert move["points_change"] == pytest.approx(points, abs=1e-9)
            assert move["note"] == NOTE == "association, not promise"


def test_moves_come_with_the_largest_gain_first_and_some_gain(reading: Scoring) -> None:
    best = []
    for lead_id in LEADS:
        changes = [move["points_change"] for move in reading.explanation("acme", lead_id).answer["moves"]]
        assert changes == sorted(changes, reverse=True)
        best.append(changes[0])
    assert max(best) > 10


def test_an_explanation_names_the_typical_lead(reading: Scoring, champion: Arm) -> None:
    answer = reading.explanation("acme", "lead 1").answer
    peer = champion.bundle.peers.of("assays")
    assert answer["peer"] == {"name": peer.name, "leads": peer.leads}
    assert answer["reasons"]["by_feature"]

"""What a job records is what a replay of the record gives, to the last bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.clock import DAY
from serving.answers.stored import row_of
from serving.arms import Arm
from serving.jobs.progress import Order
from serving.jobs.reading import StoreSource
from serving.jobs.rows import InputRow
from serving.jobs.scoring import BlockScorer
from serving.live import LiveModels
from tests.serving.answers import company
from tests.serving.answers.conftest import arm_of
from tests.serving.jobs.conftest import PEOPLE, TENANT

MOMENTS = 6


@pytest.fixture(scope="module")
def blended(bundle_dir: Path) -> Arm:
    return arm_of(bundle_dir)


@pytest.mark.parametrize("reasons", ["none", "signals"])
@pytest.mark.parametrize("model", ["blended", "champion"])
def test_every_row(request, office, reasons, model):
    arm = request.getfixturevalue(model)
    some = list(company.people().values())[:PEOPLE]
    rows = [InputRow(one.lead_id, 0, one.created_at + day * DAY) for one in some for day in range(MOMENTS)]
    rows += [InputRow(one.lead_id, 0, one.created_at + DAY, one) for one in some[:10]]
    order, now = Order("score", "csv", reasons, None), office.clock.now()
    scorer = BlockScorer(LiveModels(arm), StoreSource(office.store, TENANT), TENANT, order, now)
    told = [outcome.scored for outcome in scorer.score(rows, now) if outcome.scored is not None]
    assert len(told) >= 300
    for one in told:
        kept = one.prediction
        assert arm.scorer.score(row_of(kept.values, kept.words)).log_odds == kept.log_odds
        assert one.answer["log_odds"] == kept.log_odds
        assert one.answer["probability"] == kept.probability

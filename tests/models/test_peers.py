"""A typical lead is the mean of leads, by weight, and adds up as each of them does."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from models.blend import Blend
from models.boosting import BoostingLearner, Settings
from models.bundle import GROUPS
from models.contributions import TOLERANCE
from models.logistic import LogisticLearner
from models.peers import EVERYBODY, LEAST_LEADS, Parted, Peer, Peers, gather
from tests.models.bundles import dataset, taken_apart


def rows(number: int = 200, lines: tuple[str, ...] = ("",), seed: int = 0) -> Parted:
    """Rows that add up by making."""
    rng = np.random.default_rng(seed)
    by_group = rng.normal(size=(number, len(GROUPS)))
    return Parted(
        base=-1.5,
        by_group=by_group,
        log_odds=-1.5 + by_group.sum(axis=1),
        weight=np.ones(number),
        service_line=np.array([lines[at % len(lines)] for at in range(number)], dtype=object),
    )


@pytest.fixture(scope="module")
def learned() -> Parted:
    """A blend's contributions, with unequal weights and two lines of business."""
    train = dataset()
    boosting = BoostingLearner(settings=Settings(most_rounds=30, least_rounds=20)).fit(train, seed=0)
    blend = Blend((LogisticLearner().fit(train, seed=0), boosting), (0.5, 0.6), -0.1)
    lines = np.array(["genomics", "proteomics"], dtype=object)[(np.arange(len(train)) % 5 == 0).astype(int)]
    weight = np.random.default_rng(1).uniform(0.2, 1.8, len(train))
    return taken_apart(blend, dataclasses.replace(train, weight=weight, service_line=lines))


def test_groups_of_a_model_add_up_to_its_mean_log_odds(learned):
    peers = gather(learned)
    for line in (None, "genomics", "proteomics"):
        peer = peers.of(line)
        of = np.ones(len(learned.weight), dtype=bool) if line is None else learned.service_line == line
        expected = np.average(learned.log_odds[of], weights=learned.weight[of])
        assert abs(peers.base + sum(peer.by_group) - peer.log_odds) <= TOLERANCE
        assert peer.log_odds == pytest.approx(expected, abs=1e-12)
        assert peer.leads == pytest.approx(learned.weight[of].sum())
        assert peer.name == (line or EVERYBODY)


def test_a_row_counts_as_much_as_its_weight():
    plain = rows(100)
    first = np.arange(100) < 20
    twice = gather(dataclasses.replace(plain, weight=np.where(first, 2.0, 1.0)))
    repeated = np.flatnonzero(first).tolist() + list(range(100))
    written_out = gather(
        Parted(
            plain.base,
            plain.by_group[repeated],
            plain.log_odds[repeated],
            plain.weight[repeated],
            plain.service_line[repeated],
        )
    )
    np.testing.assert_allclose(twice.everybody.by_group, written_out.everybody.by_group, rtol=1e-12)
    assert twice.everybody.leads == written_out.everybody.leads == 120
    assert twice.everybody.log_odds != pytest.approx(gather(plain).everybody.log_odds)


def test_a_line_with_too_few_leads_is_held_against_everybody():
    lines = ("large", "small")
    few = rows(LEAST_LEADS * 2 - 1, lines)
    peers = gather(few)
    assert set(peers.by_line) == {"large"}
    assert peers.of("small") is peers.everybody
    assert peers.of("large").leads == LEAST_LEADS
    light = dataclasses.replace(few, weight=np.full(len(few.weight), 0.99))
    assert gather(light).by_line == {}


def test_leads_of_no_line_or_an_unknown_one_are_held_against_everybody():
    peers = gather(rows(400, ("", "large")))
    assert set(peers.by_line) == {"large"}
    for line in (None, "", "unheard of"):
        assert peers.of(line) is peers.everybody


def test_it_comes_back_from_json_as_it_was():
    peers = gather(rows(400, ("b", "a", "")))
    assert Peers.from_json(json.loads(json.dumps(peers.to_json()))) == peers
    assert [peer["name"] for peer in peers.to_json()["by_line"]] == ["a", "b"]


def test_means_that_miss_their_whole_cannot_be():
    peers = gather(rows())
    with pytest.raises(ValueError, match="the means of all leads miss their whole by 1e-06"):
        dataclasses.replace(peers, base=peers.base + 1e-6)


@pytest.mark.parametrize(
    "change",
    [{"leads": 0.0}, {"leads": float("nan")}, {"log_odds": float("inf")}, {"by_group": (float("nan"),)}],
)
def test_a_typical_lead_of_nobody_or_of_nothing_cannot_be(change):
    with pytest.raises(ValueError, match="needs leads and finite means"):
        dataclasses.replace(Peer("x", 3.0, (1.0,), 1.0), **change)


def test_lines_are_taken_apart_alike():
    everybody = Peer(EVERYBODY, 3.0, (1.0, 0.0), 1.0)
    with pytest.raises(ValueError, match="x is not taken apart as all leads is"):
        Peers(0.0, everybody, {"x": Peer("x", 2.0, (1.0,), 1.0)})

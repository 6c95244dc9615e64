"""The race: judged forward in time, on the same rows, won by the simplest good one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from features.errors import TooLittleDataError
from models.boosting import Settings
from models.learning import Model
from models.metrics import roc_auc
from models.race import BASELINE, Entrants, Entry, Race, _where, pick, race, why
from models.splits import AccountFold, Fold, ForwardFold, OrderedFold, forward_split
from tests.models import samples

QUICK = Settings(most_rounds=60, least_rounds=20)
ENTRANTS = Entrants(samples.FEATURES, samples.GOOD_SHEET, QUICK)


@pytest.fixture(scope="module")
def outcome() -> Race:
    return race(samples.dataset(900, days=400), ENTRANTS, seed=1)


def entry(name: str, log_loss: float, difference: float, error: float) -> Entry:
    return Entry(name, log_loss, difference, error, name != BASELINE)


def test_the_simplest_within_one_standard_error_wins() -> None:
    entries = [
        entry(BASELINE, 0.49, -0.01, 0.02),
        entry("blend", 0.50, 0.0, 0.0),
        entry("lightgbm", 0.502, 0.002, 0.001),
        entry("logistic", 0.504, 0.004, 0.005),
        entry("sheet", 0.60, 0.1, 0.02),
    ]
    winner, best = pick(entries)
    assert (winner.name, best.name) == ("logistic", "blend")
    sentence = why(winner, best, entries, "on 100 later rows")
    assert "logistic is the simplest model within one standard error of the best" in sentence
    assert "0.0040 better, with a standard error of 0.0050" in sentence


def test_the_best_wins_where_nothing_simpler_is_close() -> None:
    entries = [
        entry("blend", 0.50, 0.0, 0.0),
        entry("logistic", 0.52, 0.02, 0.01),
        entry("lightgbm", 0.53, 0.03, 0.01),
    ]
    winner, best = pick(entries)
    assert winner is best is entries[0]
    assert "the closest simpler one, logistic, is 0.0200 worse" in why(
        winner, best, entries, "on 100 later rows"
    )


def test_everyone_is_judged_and_fitted(outcome: Race) -> None:
    names = {"sheet", "points", "naive_bayes", "logistic", "lightgbm", "blend"}
    assert {one.name for one in outcome.entries} == set(outcome.models) == names
    assert all(isinstance(model, Model) for model in outcome.models.values())
    assert [model.name for model in outcome.models.values()] == list(outcome.models)
    assert outcome.winner in outcome.why
    assert outcome.best in outcome.why
    assert outcome.fold_kind == "forward, purged"
    assert outcome.folds == 4
    assert f"{outcome.rows:,} later rows" in outcome.why
    losses = [one.log_loss for one in outcome.entries]
    assert losses == sorted(losses)


def test_it_finds_the_signal_forward_in_time() -> None:
    split = forward_split(samples.dataset(1600, seed=3, days=400))
    outcome = race(split.training, ENTRANTS, seed=1)
    told = expit(outcome.models[outcome.winner].log_odds(split.testing.matrix))
    assert roc_auc(split.testing.label, told) > 0.65
    assert told.mean() == pytest.approx(split.testing.label.mean(), abs=0.1)


def test_two_races_end_alike() -> None:
    train = samples.dataset(400, days=400)
    first, second = race(train, ENTRANTS, seed=4), race(train, ENTRANTS, seed=4)
    assert first.entries == second.entries
    assert {name: model.to_files() for name, model in first.models.items()} == {
        name: model.to_files() for name, model in second.models.items()
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ForwardFold, "on 1 later rows (1 forward fold inside the training period)"),
        (OrderedFold, "on 1 later rows (1 fold in order of time, not purged, inside the training period)"),
        (
            AccountFold,
            "on 1 rows of other accounts (1 fold inside the training period, not in order of time)",
        ),
    ],
)
def test_the_reason_says_how_the_rows_were_judged(kind: type[Fold], words: str) -> None:
    data = samples.dataset(400, days=400)
    assert _where(1, [kind(data, np.array([0]), np.array([399]))]) == words


def test_below_sixty_conversions_no_trees_race() -> None:
    train = samples.dataset(150, days=400)
    assert 20 <= train.positives < 60
    outcome = race(train, ENTRANTS, seed=1)
    assert set(outcome.models) == {"sheet", "points", "naive_bayes", "logistic"}
    assert "LightGBM and the blend join at 60" in outcome.ladder.note


def test_too_little_is_refused() -> None:
    with pytest.raises(TooLittleDataError, match="are missing"):
        race(samples.dataset(30), ENTRANTS, seed=1)


@pytest.mark.slow
def test_where_there_is_no_signal_none_is_found() -> None:
    """Sticky leads, four snapshots each: a random split would learn them by heart."""
    areas = []
    for seed in range(6):
        split = forward_split(samples.dataset(2000, seed, signal=False, snapshots=4, days=300))
        outcome = race(split.training, Entrants(samples.FEATURES, None, QUICK), seed=seed)
        for name in ("logistic", "lightgbm", "blend"):
            fresh = split.unseen_account
            told = expit(outcome.models[name].log_odds(split.testing.matrix))[fresh]
            areas.append(roc_auc(split.testing.label[fresh], told))
    assert 0.45 <= np.mean(areas) <= 0.55

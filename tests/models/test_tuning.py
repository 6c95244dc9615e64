"""The search for settings: repeatable, stored, and modest."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from models.boosting import BoostingLearner, Settings
from models.tuning import Search, tune
from tests.models import samples

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
QUICK = Settings(most_rounds=30, least_rounds=10)


def test_it_is_repeatable_and_stored(tmp_path: Path) -> None:
    train = samples.dataset(500)
    found = [
        tune(train, BoostingLearner(settings=QUICK), Search(4, 600.0, tmp_path / f"{at}" / "study.db", 7))
        for at in range(2)
    ]
    assert found[0] == found[1]
    assert found[0].trials == 4
    with sqlite3.connect(tmp_path / "0" / "study.db") as store:
        assert store.execute("select count(*) from trials").fetchone() == (4,)


def test_on_noise_the_default_stays(tmp_path: Path) -> None:
    train = samples.dataset(500, signal=False)
    found = tune(train, BoostingLearner(settings=QUICK), Search(3, 600.0, tmp_path / "study.db", 1))
    assert found.log_loss[1] <= found.log_loss[0]
    assert found.settings == QUICK or "is kept" in found.why
    assert "standard error" in found.why

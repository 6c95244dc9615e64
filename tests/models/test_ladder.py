"""How much may be learned from how little, in words and in models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import TooLittleDataError
from models.dataset import Dataset
from models.ladder import climb
from tests.models import samples


def with_positives(positives: int, rows: int = 400) -> Dataset:
    label = np.zeros(rows)
    label[np.linspace(0, rows - 1, positives).astype(int)] = 1.0
    return replace(samples.dataset(rows), label=label)


def test_too_little_says_how_many_are_missing_and_what_is_still_honest() -> None:
    with pytest.raises(TooLittleDataError) as refused:
        climb(with_positives(13), samples.GOOD_SHEET)
    said = str(refused.value)
    assert "13 leads converted and mature, at least 20 are needed: 7 are missing" in said
    assert "not converted" not in said
    assert "'hand-set sheet' would still be honest" in said


def test_the_other_outcome_is_needed_too() -> None:
    with pytest.raises(TooLittleDataError) as refused:
        climb(with_positives(395), None)
    assert "5 leads not converted and mature, at least 20 are needed: 15 are missing" in str(refused.value)
    assert "a hand-set point sheet in the playbook would still be honest" in str(refused.value)


@pytest.mark.parametrize(
    ("positives", "lightgbm", "may_tune"),
    [(20, False, False), (59, False, False), (60, True, False), (199, True, False), (200, True, True)],
)
def test_rungs(positives: int, lightgbm: bool, may_tune: bool) -> None:
    ladder = climb(with_positives(positives), None)
    assert "logistic" in ladder.admitted
    assert ("lightgbm" in ladder.admitted) == ("blend" in ladder.admitted) == lightgbm
    assert ladder.may_tune == may_tune


def test_leads_count_not_rows() -> None:
    train = samples.dataset(120, snapshots=4)
    sure = replace(train, label=np.where(np.isin(train.lead_id, sorted(set(train.lead_id))[:15]), 1.0, 0.0))
    assert sure.label.sum() == 60
    with pytest.raises(TooLittleDataError, match="15 leads converted and mature, at least 20"):
        climb(sure, None)

"""Golden rows resemble the leads and are none of them; a model read wrongly does not pass."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from features.matrix import Matrix
from models.contributions import Contributions
from models.golden import LARGE, ROWS, UNSEEN, Golden, dumps, record, verify
from models.sealed import BundleError
from tests.models.bundles import CANARIES, Visits, dataset


@pytest.fixture(scope="module")
def train():
    return dataset()


@pytest.fixture(scope="module")
def golden(train):
    return record(Visits(), train)


def test_rows_cover_nothing_known_words_never_seen_and_large_numbers(golden):
    assert len(golden.matrix) == ROWS + 3
    assert np.isnan(golden.matrix.values[0]).all()
    assert golden.matrix.texts("latest(industry)")[1] == UNSEEN
    assert golden.matrix.column("count(visit, 7d)")[1:3].tolist() == [0.0, LARGE]


def test_drawn_rows_lie_within_the_training_data(golden, train):
    drawn, learned = golden.matrix.values[3:], train.matrix.values
    for at, feature in enumerate(train.matrix.features):
        if not feature.is_category:
            assert np.nanmin(drawn[:, at]) >= np.nanmin(learned[:, at])
            assert np.nanmax(drawn[:, at]) <= np.nanmax(learned[:, at])
    visits = golden.matrix.column("count(visit, 30d)")[3:]
    assert (visits == np.round(visits)).all()
    assert set(golden.matrix.texts("latest(industry)")[3:]) <= {"biotech", "pharma", "university", None}
    assert 0.1 < np.isnan(golden.matrix.column("latest_number(employees)")[3:]).mean() < 0.6


def test_nobodys_extreme_shows(golden, train):
    employees = train.matrix.column("latest_number(employees)")
    assert np.nanmax(golden.matrix.values[3:, 3]) <= np.ceil(np.nanquantile(employees, 0.98))
    assert np.nanmin(golden.matrix.values[3:, 3]) >= np.floor(np.nanquantile(employees, 0.02))
    assert len(np.unique(golden.matrix.values[3:, 3])) > 25


def test_no_lead_is_reproduced(golden, train):
    known = {row.tobytes() for row in train.matrix.values[:, :5]}
    assert not known & {row.tobytes() for row in golden.matrix.values[:, :5]}


def test_words_that_point_to_somebody_are_not_used(golden):
    assert set(golden.matrix.words["latest(email)"]) == {UNSEEN}
    assert not any(canary in dumps(golden) for canary in CANARIES)


def test_a_word_needs_twenty_different_leads_not_twenty_snapshots(train):
    codes = train.matrix.column("latest(industry)")
    lead = train.lead_id.copy()
    lead[codes == 2.0] = "the same lead, asked about every week"
    repeated = dataclasses.replace(train, lead_id=lead)
    assert "university" not in record(Visits(), repeated).matrix.words["latest(industry)"]


def test_features_nobody_has_stay_missing(train):
    values = train.matrix.values.copy()
    values[:, [3, 4]] = np.nan
    empty = dataclasses.replace(train, matrix=Matrix(train.matrix.features, values, train.matrix.words))
    assert np.isnan(record(Visits(), empty).matrix.values[3:, [3, 4]]).all()


def test_the_same_seed_gives_the_same_rows(train, golden):
    assert dumps(record(Visits(), train)) == dumps(golden)
    assert dumps(record(Visits(), train, seed=1)) != dumps(golden)


def test_rows_and_answers_survive_json_to_the_last_bit(golden, train):
    again = Golden.from_json(json.loads(dumps(golden)), train.matrix.features)
    assert dumps(again) == dumps(golden)
    np.testing.assert_array_equal(again.matrix.values, golden.matrix.values)
    np.testing.assert_array_equal(again.contributions.by_feature, golden.contributions.by_feature)
    verify(again, Visits())


def test_golden_rows_of_other_features_are_refused(golden, train):
    with pytest.raises(BundleError, match="other features"):
        Golden.from_json(json.loads(dumps(golden)), train.matrix.features[::-1])


class Shifted(Visits):
    """Visits, with something wrong."""

    def __init__(self, base=0.0, factor=1.0, sheet=0.0):
        self.base, self.factor, self.sheet = base, factor, sheet

    def contributions(self, matrix):
        right = super().contributions(matrix)
        return Contributions(right.base + self.base, right.by_feature * self.factor, right.sheet + self.sheet)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(Shifted(base=2e-9), id="a base off by two billionths"),
        pytest.param(Shifted(factor=1 + 1e-6), id="contributions off by a millionth"),
        pytest.param(Shifted(sheet=1e-3), id="a sheet where there was none"),
        pytest.param(Shifted(base=1e-3, sheet=-1e-3), id="the right sum of wrong parts"),
        pytest.param(Shifted(factor=float("nan")), id="no number at all"),
    ],
)
def test_a_model_that_answers_otherwise_is_caught(golden, model):
    with pytest.raises(BundleError, match="golden rows are not reproduced"):
        verify(golden, model)


def test_the_right_model_passes(golden):
    verify(golden, Shifted())

"""What every model promises: parts that add up, plain files, the same answer twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import LeadlightError
from features.matrix import Matrix
from models.blend import Blend
from models.boosting import BoostingLearner, Settings
from models.contributions import TOLERANCE, Contributions
from models.learning import Learner, Model
from models.loading import model_from_files
from models.logistic import LogisticLearner
from models.naive_bayes import NaiveBayesLearner
from models.pointsheet import SheetLearner
from tests.models import samples

QUICK = Settings(most_rounds=60, least_rounds=20)
LEARNERS: dict[str, Callable[[], Learner]] = {
    "logistic": LogisticLearner,
    "naive_bayes": NaiveBayesLearner,
    "sheet": lambda: SheetLearner(samples.GOOD_SHEET),
    "lightgbm": lambda: BoostingLearner(settings=QUICK),
    "lightgbm from the sheet": lambda: BoostingLearner(settings=QUICK, sheet=samples.GOOD_SHEET),
}


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    train = samples.dataset()
    made: dict[str, Model] = {name: learner().fit(train, seed=3) for name, learner in LEARNERS.items()}
    parts = tuple(made[name] for name in ("logistic", "lightgbm from the sheet", "sheet"))
    made["blend"] = Blend(parts, (0.5, 0.4, 0.0), -0.25)
    made["blend of blends"] = Blend((made["blend"], made["naive_bayes"]), (0.7, 0.1), 0.5)
    return made


NAMES = [*LEARNERS, "blend", "blend of blends"]


def odd_matrix(seed: int, *, shuffle: bool) -> Matrix:
    """Unseen words, gaps anywhere, absurd numbers; columns in another order."""
    random = np.random.default_rng(seed)
    given_ = samples.matrix(random, 25)
    values = given_.values.copy()
    values[random.random(values.shape) < 0.2] = np.nan
    numbers = [at for at, feature in enumerate(samples.FEATURES) if not feature.is_category]
    values[0, numbers] = random.choice([-1e12, 1e12, 0.0], len(numbers))
    words = {
        name: (*(f"unseen {word}" for word in known[:2]), *known[2:]) for name, known in given_.words.items()
    }
    odd = Matrix(samples.FEATURES, values, words)
    order = random.permutation(len(samples.FEATURES)) if shuffle else np.arange(len(samples.FEATURES))
    return odd.select([samples.FEATURES[at] for at in order])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), shuffle=st.booleans())
def test_parts_add_up(models: dict[str, Model], name: str, seed: int, shuffle: bool) -> None:
    matrix = odd_matrix(seed, shuffle=shuffle)
    log_odds, parts = models[name].log_odds(matrix), models[name].contributions(matrix)
    assert log_odds.shape == (25,)
    assert parts.by_feature.shape == matrix.values.shape
    assert np.isfinite(log_odds).all()
    assert np.abs(parts.total - log_odds).max() <= TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_column_order_does_not_matter(models: dict[str, Model], name: str) -> None:
    matrix = odd_matrix(0, shuffle=False)
    turned = matrix.select(matrix.features[::-1])
    np.testing.assert_array_equal(models[name].log_odds(turned), models[name].log_odds(matrix))
    parts, same = models[name].contributions(turned), models[name].contributions(matrix)
    np.testing.assert_array_equal(parts.by_feature[:, ::-1], same.by_feature)


@pytest.mark.parametrize("name", NAMES)
def test_one_row_alone_scores_as_among_others(models: dict[str, Model], name: str) -> None:
    matrix = odd_matrix(1, shuffle=False)
    alone = np.concatenate(
        [models[name].log_odds(matrix.take(np.array([row]))) for row in range(len(matrix))]
    )
    np.testing.assert_allclose(alone, models[name].log_odds(matrix), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_give_no_answers(models: dict[str, Model], name: str) -> None:
    nobody = samples.dataset().matrix.take(np.array([], dtype=np.int64))
    assert models[name].log_odds(nobody).shape == (0,)
    assert models[name].contributions(nobody).by_feature.shape == (0, len(samples.FEATURES))


@pytest.mark.parametrize("name", NAMES)
def test_files_bring_it_back_exactly(models: dict[str, Model], name: str) -> None:
    files = models[name].to_files()
    again = model_from_files(files)
    assert again.to_files() == files
    assert again.name == models[name].name
    assert again.features == models[name].features
    matrix = odd_matrix(2, shuffle=False)
    np.testing.assert_array_equal(again.log_odds(matrix), models[name].log_odds(matrix))
    np.testing.assert_array_equal(
        again.contributions(matrix).by_feature, models[name].contributions(matrix).by_feature
    )


@pytest.mark.parametrize("name", NAMES)
def test_its_own_features_are_enough(models: dict[str, Model], name: str) -> None:
    matrix = odd_matrix(3, shuffle=False)
    own = matrix.select(models[name].features)
    np.testing.assert_array_equal(models[name].log_odds(own), models[name].log_odds(matrix))


@pytest.mark.parametrize("name", LEARNERS)
def test_two_fits_write_the_same_text(name: str) -> None:
    train = samples.dataset(300)
    texts = [LEARNERS[name]().fit(train, seed=5).to_files() for _ in range(2)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("files", "said"), [({}, "no model.json"), ({"model.json": '{"kind": "forest"}'}, "does not know")]
)
def test_what_is_no_model_is_refused(files: dict[str, str], said: str) -> None:
    with pytest.raises(LeadlightError, match=said):
        model_from_files(files)


def test_contributions_of_different_rows_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="do not match"):
        Contributions(0.0, np.zeros((2, 3)), np.zeros(3))

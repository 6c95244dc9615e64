"""A bundle answers as the model it was made of, adds up, and is refused when it was touched."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from features.definitions import SIGNALS
from features.errors import DefinitionError, LeadlightError
from features.language import count
from features.matrix import Matrix
from features.playbook import parse_playbook
from models.blend import Blend
from models.boosting import BoostingLearner, Settings
from models.bundle import GROUPS, Scores, load, save
from models.contributions import of_features
from models.logistic import LogisticLearner
from models.pointsheet import SheetLearner
from models.sealed import BundleError, seal, unseal
from tests.models.bundles import CANARIES, PLAYBOOK, Visits, dataset, parts

SHEET = parse_playbook(
    "{name: a, stages: {s: sql}, sql: [{version: v, effective_from: 2020-01-01, any_of: [{stage: s}]}],"
    "sheet: {rules: [{name: visits, points: 20, when: {event: visit, days: 30, times: 3}}]}}"
).sheet


@pytest.fixture(scope="module")
def train():
    return dataset()


@pytest.fixture(scope="module")
def blend(train):
    boosting = BoostingLearner(settings=Settings(most_rounds=60, least_rounds=20), sheet=SHEET).fit(
        train, seed=0
    )
    logistic = LogisticLearner().fit(train, seed=0)
    return Blend((logistic, boosting, SheetLearner(SHEET).fit(train, seed=0)), (0.4, 0.5, 0.2), -0.1)


@pytest.fixture(scope="module")
def sealed(blend, train, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "bundle"
    save(path, parts(blend, train))
    return path


@pytest.fixture
def copy(sealed, tmp_path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def loaded(sealed):
    return load(sealed)


def test_it_answers_as_the_model_it_was_made_of(loaded, blend, train):
    np.testing.assert_array_equal(loaded.log_odds(train.matrix), blend.log_odds(train.matrix))
    np.testing.assert_allclose(
        loaded.probability(train.matrix), expit(blend.log_odds(train.matrix)), rtol=1e-12
    )
    loaded.verify()


def test_everything_came_along(loaded, blend, train):
    made = parts(blend, train)
    assert loaded.bands == made.bands
    assert loaded.scale == made.scale
    assert loaded.peers == made.peers
    assert loaded.playbook == parse_playbook(PLAYBOOK)
    assert loaded.card == made.card
    assert {feature.name for feature in loaded.features} == {feature.name for feature in blend.features}
    assert loaded.manifest["horizon_days"] == {"": 60, "genomics": 120}
    assert loaded.range_of(0.2) == made.bands.range_of(0.2)


def test_scores_add_up_in_log_odds_and_in_points(loaded, train):
    scores = loaded.score(train.matrix)
    base, whole = scores.contributions.base, scores.log_odds
    assert np.abs(base + scores.by_signal.sum(axis=1) - whole).max() < 1e-9
    sheet = scores.scale.shares(scores.contributions.sheet)
    assert (
        np.abs(scores.base_points + scores.points_by_feature.sum(axis=1) + sheet - scores.points).max() < 1e-6
    )
    assert np.abs(scores.base_points + scores.points_by_signal.sum(axis=1) - scores.points).max() < 1e-6
    np.testing.assert_allclose(scores.probability, expit(whole), rtol=1e-12)
    assert scores.band.tolist() == loaded.bands.band(scores.probability).tolist()


def test_a_signal_is_the_sum_of_its_features(loaded, train):
    scores = loaded.score(train.matrix.take(np.arange(50)))
    for at, signal in enumerate(SIGNALS):
        members = [i for i, feature in enumerate(scores.features) if feature.signal == signal]
        expected = scores.contributions.by_feature[:, members].sum(axis=1)
        np.testing.assert_allclose(scores.by_signal[:, at], expected, atol=1e-12)
    assert GROUPS[-1] == "sheet"
    np.testing.assert_array_equal(scores.by_signal[:, -1], scores.contributions.sheet)


def test_a_score_that_does_not_add_up_cannot_be(loaded, train):
    scores = loaded.score(train.matrix.take(np.arange(2)))
    crooked = of_features(scores.contributions.base + 1e-6, scores.contributions.by_feature)
    with pytest.raises(ValueError, match="miss the score"):
        dataclasses.replace(scores, contributions=crooked)
    assert isinstance(scores, Scores)


def test_columns_are_found_by_definition_whatever_their_order(loaded, train):
    given = train.matrix
    reordered = given.select(given.features[::-1])
    extra = Matrix(
        (*count("other", days=3), *reordered.features),
        np.column_stack([np.ones(len(given)), reordered.values]),
        reordered.words,
    )
    np.testing.assert_array_equal(loaded.score(extra).log_odds, loaded.score(given).log_odds)


def test_one_row_scores_as_it_does_among_many(loaded, train):
    many = loaded.score(train.matrix)
    for row in (0, 7, 1499):
        one = loaded.score(train.matrix.take(np.array([row])))
        assert one.log_odds[0] == pytest.approx(many.log_odds[row], abs=1e-12)


def test_missing_features_are_named(loaded, train):
    kept = [feature for feature in train.matrix.features if feature.name != "latest(industry)"]
    with pytest.raises(DefinitionError) as caught:
        loaded.score(train.matrix.select(kept))
    assert caught.value.problems == ("latest(industry)",)


def test_a_feature_belongs_to_the_signal_it_had_in_training(loaded, train):
    in_training = {feature.name: feature.signal for feature in train.matrix.features}
    assert {feature.name: feature.signal for feature in loaded.features}.items() <= in_training.items()


def test_the_same_parts_give_the_same_bytes(sealed, blend, train, tmp_path):
    assert save(tmp_path / "again", parts(blend, train)) == load(sealed).fingerprint
    assert unseal(tmp_path / "again")[0] == unseal(sealed)[0]


def test_training_again_gives_the_same_fingerprint(train, tmp_path):
    learner = BoostingLearner(settings=Settings(most_rounds=30, least_rounds=20))
    first, second = (save(tmp_path / str(at), parts(learner.fit(train, seed=3), train)) for at in range(2))
    assert first == second


def test_it_holds_no_pickle_and_no_path(sealed):
    for name, content in unseal(sealed)[0].items():
        content.decode()
        assert not name.endswith((".pkl", ".joblib", ".npy", ".npz"))
        assert b"/tmp/" not in content
        assert str(Path.cwd()).encode() not in content


@pytest.mark.parametrize(
    "name", ["manifest.json", "model/model.json", "model/parts/1/booster.txt", "golden.json"]
)
@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "removed"])
def test_a_damaged_bundle_is_refused_before_it_is_read(copy, monkeypatch, name, damage):
    monkeypatch.setattr("models.bundle.model_from_files", lambda _: pytest.fail("the model was read"))
    victim = copy / name
    content = victim.read_bytes()
    middle = len(content) // 2
    damaged = {
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "truncated": content[:middle],
        "emptied": b"",
        "removed": None,
    }[damage]
    victim.unlink() if damaged is None else victim.write_bytes(damaged)
    with pytest.raises(BundleError, match="is not what was sealed"):
        load(copy)


def test_an_additional_file_is_refused(copy):
    (copy / "model" / "hook.py").write_text("print('hello')")
    with pytest.raises(BundleError, match=r"model/hook\.py is not listed"):
        load(copy)


def resealed(copy: Path, **changes: object) -> Path:
    """A bundle whose sums are right and whose content is not."""
    files = unseal(copy)[0]
    for name, change in changes.items():
        key = f"{name}.json"
        plain = json.loads(files[key])
        change(plain)
        files[key] = json.dumps(plain).encode()
    seal(copy, files)
    return copy


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"manifest": lambda plain: plain.update(format=99)}, "format 99", id="a later format"),
        pytest.param(
            {"manifest": lambda plain: plain.update(format=2)},
            "format 2, this version reads 3: train again",
            id="an earlier format",
        ),
        pytest.param(
            {"features": lambda plain: plain.pop()}, "not what its model needs", id="a feature short"
        ),
        pytest.param({"scale": lambda plain: plain.pop("factor")}, "cannot be understood", id="no unit"),
        pytest.param(
            {"scale": lambda plain: plain.update(factor=-1)}, "cannot be understood", id="a negative unit"
        ),
        pytest.param(
            {"peers": lambda plain: plain.update(base=0.0)},
            "miss their whole",
            id="typical leads that do not add up",
        ),
        pytest.param(
            {"peers": lambda plain: plain["everybody"]["by_group"].pop()},
            "cannot be understood",
            id="a group short",
        ),
        pytest.param(
            {"peers": lambda plain: plain["everybody"]["by_group"].append(0.0)},
            "taken apart into 6 groups",
            id="a group more",
        ),
    ],
)
def test_sound_hashes_around_nonsense_are_still_refused(copy, change, told):
    with pytest.raises(LeadlightError, match=told):
        load(resealed(copy, **change))


def test_a_model_whose_golden_rows_do_not_hold_is_never_written(train, tmp_path, blend):
    made = parts(blend, train)
    wrong = dataclasses.replace(made.golden, log_odds=made.golden.log_odds + 1e-6)
    with pytest.raises(BundleError, match="golden rows"):
        save(tmp_path / "bundle", dataclasses.replace(made, golden=wrong))
    assert not (tmp_path / "bundle").exists()


def test_a_swapped_booster_fails_the_golden_rows(copy):
    files = unseal(copy)[0]
    name = "model/parts/0/model.json"
    plain = json.loads(files[name])
    plain["coefficients"][0] += 1e-4
    files[name] = json.dumps(plain).encode()
    seal(copy, files)
    with pytest.raises(BundleError, match="golden rows"):
        load(copy).verify()


def test_any_model_can_be_bundled(train, tmp_path, monkeypatch):
    monkeypatch.setattr("models.bundle.model_from_files", lambda _: Visits())
    save(tmp_path / "bundle", parts(Visits(), train))
    assert (
        load(tmp_path / "bundle").score(train.matrix).log_odds.tolist()
        == Visits().log_odds(train.matrix).tolist()
    )


@pytest.mark.parametrize(
    "canary",
    CANARIES,
)
def test_nobody_can_be_found_in_it(sealed, canary):
    found = [name for name, content in unseal(sealed)[0].items() if canary.encode() in content]
    assert found == []


SERVING = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"pandas", "sklearn", "mlflow", "shap", "duckdb", "optuna", "matplotlib"}:
            raise ImportError(f"{name} is not there when serving")

sys.meta_path.insert(0, Refuse())
from pathlib import Path
from models.bundle import load
bundle = load(Path(sys.argv[1]))
bundle.verify()
scores = bundle.score(bundle.golden.matrix)
print(bundle.fingerprint, len(scores.points), sorted({"pandas", "sklearn", "mlflow", "shap"} & set(sys.modules)))
"""


def test_it_loads_and_scores_without_the_training_libraries(sealed, root):
    done = subprocess.run(
        [sys.executable, "-c", SERVING, str(sealed)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == [load(sealed).fingerprint, "53"]
    assert done.stdout.strip().endswith("[]")

"""One row at a time tells what the bundle tells of a matrix."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definitions import Feature
from features.matrix import Matrix
from features.online import Row
from features.sheet import Sheet
from models.blend import Blend
from models.boosting import BoostingLearner, Settings
from models.bundle import ModelBundle, load, save
from models.dataset import Dataset
from models.learning import Model
from models.logistic import LogisticLearner
from models.naive_bayes import LIMIT, NaiveBayesLearner
from models.online import ContributionError, OnlineScorer, Told
from models.online_parts import AnyPart, TreePart
from models.points.evaluation import with_sheet
from models.points.model import PointsLearner
from models.pointsheet import SheetLearner
from models.sealed import BundleError
from tests.models import bundles, samples

QUICK = Settings(most_rounds=60, least_rounds=20, leaves=8)
EXTREME = [np.nan, 0.0, -0.0, 1e-36, -1.0, 1.0, 499.99997, 500.0, 1e6, 1e30]


VISIT = {"event": "visit"}
RULES = [
    {"points": 20, "when": {"event": "demo", "days": 30}, "group": "doing"},
    {"points": 4, "when": {**VISIT, "days": 30}, "each": True, "most": 18, "group": "doing"},
    {"points": 6, "when": VISIT, "each": True, "most": 12, "decay": {"linear_days": 60}, "group": "doing"},
    {"points": -3, "when": VISIT, "each": True, "most": 9, "decay": {"half_life_days": 9}, "group": "doing"},
    {"points": 2, "when": VISIT, "each": True, "most": 8, "decay": {"steps": {30: 0.5, 90: 0}}},
    {"points": 5, "when": {"event": "any"}, "decay": {"half_life_days": 10}},
    {"points": 5, "when": VISIT, "decay": {"steps": {30: 0.4}}},
    {"points": -15, "when": {**VISIT, "silent_days": 30}},
    {"points": 10, "when": {"attribute": "industry", "one_of": ["pharma"]}, "group": "being"},
    {"points": 7, "when": {"attribute": "landing_page", "contains": ["PAGE 0", "never"]}, "group": "being"},
    {"points": 8, "when": {"attribute": "employees", "at_least": 500}, "group": "being"},
]
EVERY_KIND = Sheet.model_validate(
    {
        "rules": [{"name": f"rule {at}", **rule} for at, rule in enumerate(RULES)],
        "groups": {"doing": {"most": 30}, "being": {"most": 15}},
        "total": {"least": -10, "most": 40},
    }
)
"""Rules of every kind, with every cap."""


def wide() -> Dataset:
    """The sample, with whatever else ``EVERY_KIND`` reads."""
    train, random = samples.dataset(), np.random.default_rng(5)
    features = with_sheet(train.matrix.features, EVERY_KIND)
    beyond = random.exponential(3.0, (len(train), len(features) - len(train.matrix.features))).round(2)
    values = np.column_stack([train.matrix.values, beyond])
    return dataclasses.replace(train, matrix=Matrix(tuple(features), values, train.matrix.words))


WIDE = wide()


def of_every_kind() -> dict[str, Model]:
    by_hand = SheetLearner(EVERY_KIND).fit(WIDE, seed=1)
    booster = BoostingLearner(settings=QUICK).fit(WIDE, seed=1)
    return {
        "sheet of every kind": by_hand,
        "learned points of every kind": PointsLearner(EVERY_KIND).fit(WIDE, seed=1),
        "lightgbm from a sheet of every kind": dataclasses.replace(booster, sheet=by_hand),
    }


def fitted() -> dict[str, Model]:
    train = samples.dataset()
    of_sheet = SheetLearner(samples.GOOD_SHEET).fit(train, seed=1)
    logistic = LogisticLearner().fit(train, seed=1)
    from_sheet = BoostingLearner(settings=QUICK, sheet=samples.GOOD_SHEET).fit(train, seed=1)
    bayes = NaiveBayesLearner().fit(train, seed=1)
    blend = Blend((logistic, from_sheet, of_sheet), (0.4, 0.5, 0.2), -0.1)
    return {
        "sheet": of_sheet,
        "logistic": logistic,
        "logistic on two features": LogisticLearner((samples.INDUSTRY, samples.SIZE)).fit(train, seed=1),
        "lightgbm": BoostingLearner(settings=QUICK).fit(train, seed=1),
        "lightgbm from the sheet": from_sheet,
        "naive_bayes": bayes,
        "certain naive_bayes": dataclasses.replace(bayes, prior=LIMIT - 1.0),
        "blend": blend,
        "blend of blends": Blend((blend, bayes), (0.7, 0.1), 0.5),
        **of_every_kind(),
    }


MODELS = fitted()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bundles")


def bundle_of(model: Model, folder) -> ModelBundle:
    save(folder / "bundle", bundles.parts(model, WIDE))
    return load(folder / "bundle")


@pytest.fixture(scope="module")
def served(folder) -> dict[str, tuple[ModelBundle, OnlineScorer]]:
    loaded = {name: bundle_of(model, folder / name) for name, model in MODELS.items()}
    return {name: (bundle, OnlineScorer.compile(bundle)) for name, bundle in loaded.items()}


def drawn_row(data: st.DataObject, features: tuple[Feature, ...]) -> Row:
    words, values = [], []
    for feature in features:
        known = [*samples.INDUSTRIES, *samples.PAGES[:12], "never seen", ""]
        words.append(data.draw(st.sampled_from([None, *known])) if feature.is_category else None)
        number = st.sampled_from(EXTREME) | st.floats(-10, 2000, width=32)
        value = 0.0 if words[-1] is not None else np.nan
        values.append(value if feature.is_category else data.draw(number))
    return Row(np.array(values, dtype=np.float32), tuple(words))


@settings(max_examples=200)
@given(data=st.data())
def test_tells_what_the_bundle_tells(served, data) -> None:
    bundle, scorer = served[data.draw(st.sampled_from(sorted(served)))]
    row = drawn_row(data, scorer.features)
    told, scores = scorer.score(row), bundle.score(row.matrix(scorer.features))
    assert told.log_odds == pytest.approx(scores.log_odds[0], rel=0, abs=1e-12)
    assert told.base == pytest.approx(scores.contributions.base, rel=0, abs=1e-12)
    assert told.sheet == pytest.approx(scores.contributions.sheet[0], rel=0, abs=1e-12)
    np.testing.assert_allclose(told.by_feature, scores.contributions.by_feature[0], rtol=0, atol=1e-9)
    assert told.base + told.by_feature.sum() + told.sheet == pytest.approx(told.log_odds, rel=0, abs=1e-9)
    assert scorer.log_odds(row) == told.log_odds


def test_nothing_but_models_that_are_unknown_is_asked_itself(served) -> None:
    assert not any(isinstance(part, AnyPart) for _, scorer in served.values() for part in scorer._parts)


def test_rows_are_as_wide_as_the_playbooks_sheet_wants(served) -> None:
    bundle, scorer = served["logistic on two features"]
    assert {feature.name for feature in bundle.features} == {samples.INDUSTRY.name, samples.SIZE.name}
    assert scorer.features[:2] == bundle.features
    assert [feature.name for feature in scorer.features[2:]] == [samples.DEMOS.name]
    assert scorer.score(blank(scorer)).by_feature.shape == (2,)
    narrow = Row(np.zeros(2, dtype=np.float32), (None, None))
    with pytest.raises(ValueError, match="broadcast"):
        scorer.score(narrow)


def blank(scorer: OnlineScorer, number: float = 3.0, word: str | None = None) -> Row:
    kinds = [feature.is_category for feature in scorer.features]
    cells = [(np.nan if word is None else 0.0) if is_category else number for is_category in kinds]
    words = tuple(word if is_category else None for is_category in kinds)
    return Row(np.array(cells, dtype=np.float32), words)


def test_a_kind_of_model_that_is_unknown_is_asked_itself(served) -> None:
    bundle, _ = served["logistic"]
    model = bundles.Visits()
    golden = bundles.parts(model, bundles.dataset(60)).golden
    scorer = OnlineScorer.compile(
        dataclasses.replace(bundle, features=model.features, model=model, golden=golden)
    )
    assert [type(part) for part in scorer._parts] == [AnyPart]
    told = scorer.score(blank(scorer, 2.0))
    assert told.log_odds == scorer.log_odds(blank(scorer, 2.0)) == 0.0
    assert told.by_feature.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_trees_that_are_not_understood_are_asked_of_lightgbm(served) -> None:
    bundle, scorer = served["lightgbm"]
    old = bundle.model.booster_text.replace("version=v4", "version=v3")
    safe = OnlineScorer.compile(
        dataclasses.replace(bundle, model=dataclasses.replace(bundle.model, booster_text=old))
    )
    assert [type(part) for part in safe._parts] == [AnyPart]
    for row in (blank(scorer), blank(scorer, word="never seen")):
        told, wanted = safe.score(row), scorer.score(row)
        assert told.log_odds == wanted.log_odds
        np.testing.assert_allclose(told.by_feature, wanted.by_feature, rtol=0, atol=1e-9)
        assert safe.unseen(row) == scorer.unseen(row)


def turned_around(told):
    return told._replace(by_feature=told.by_feature[::-1].copy())  # adds up, and is wrong


@pytest.mark.parametrize(
    ("method", "change"), [("explain", turned_around), ("log_odds", lambda told: told + 1e-6)]
)
def test_a_part_that_misses_the_golden_rows_is_replaced_alone(served, monkeypatch, method, change) -> None:
    bundle, good = served["blend"]
    right = getattr(TreePart, method)
    monkeypatch.setattr(TreePart, method, lambda self, row, cells: change(right(self, row, cells)))
    scorer = OnlineScorer.compile(bundle)
    replaced = [isinstance(part, AnyPart) for part in scorer._parts]
    assert replaced == [isinstance(part, TreePart) for part in good._parts]
    scores = bundle.score(bundle.golden.matrix)
    for at, row in enumerate(_golden_rows(bundle, scorer)):
        told = scorer.score(row)
        np.testing.assert_allclose(told.by_feature, scores.contributions.by_feature[at], rtol=0, atol=1e-9)
        assert scorer.log_odds(row) == told.log_odds


def _golden_rows(bundle: ModelBundle, scorer: OnlineScorer) -> list[Row]:
    matrix, beyond = bundle.golden.matrix, len(scorer.features) - len(bundle.features)
    rows = []
    for at in range(len(matrix)):
        words = [matrix.texts(f.name)[at] if f.is_category else None for f in bundle.features]
        cells = [
            (np.nan if word is None else 0.0) if feature.is_category else value
            for feature, word, value in zip(bundle.features, words, matrix.values[at], strict=True)
        ]
        rows.append(Row(np.array([*cells, *[0.0] * beyond], dtype=np.float32), (*words, *[None] * beyond)))
    return rows


@pytest.mark.parametrize("what", ["log_odds", "base", "by_feature", "sheet"])
def test_golden_rows_that_nothing_reproduces_are_an_error(served, what) -> None:
    bundle, _ = served["lightgbm from the sheet"]
    golden = bundle.golden
    if what == "log_odds":
        changed = dataclasses.replace(golden, log_odds=golden.log_odds + 1e-8)
    else:
        shifted = {what: getattr(golden.contributions, what) + 1e-8}
        changed = dataclasses.replace(
            golden, contributions=dataclasses.replace(golden.contributions, **shifted)
        )
    with pytest.raises(BundleError, match="golden rows are missed by 1e-08"):
        OnlineScorer.compile(dataclasses.replace(bundle, golden=changed))


def test_unseen_names_categories_whose_word_says_nothing(served) -> None:
    _, scorer = served["blend of blends"]
    at = {feature.name: position for position, feature in enumerate(scorer.features)}
    industry, page = at[samples.INDUSTRY.name], at[samples.PAGE.name]

    def unseen(**words: str) -> tuple[str, ...]:
        told: list[str | None] = [None] * len(scorer.features)
        told[industry], told[page] = words.get("industry"), words.get("page")
        return scorer.unseen(Row(np.zeros(len(told), dtype=np.float32), tuple(told)))

    assert unseen() == ()
    assert unseen(industry="pharma", page=samples.PAGES[0]) == ()
    assert unseen(industry="farming", page=samples.PAGES[0]) == (samples.INDUSTRY.name,)
    assert unseen(industry="farming", page="page 99") == (samples.INDUSTRY.name, samples.PAGE.name)


def test_parts_that_do_not_add_up_are_not_told() -> None:
    Told(1.0, 0.25, np.array([0.5, 0.25]), 0.0)
    Told(1.0, 0.25, np.array([0.5]), 0.25 + 5e-10)
    for wrong in (2e-9, -2e-9, np.nan, np.inf):
        with pytest.raises(ContributionError):
            Told(1.0 + wrong, 0.25, np.array([0.5]), 0.25)


def test_threads_may_share_it(served) -> None:
    bundle, scorer = served["blend of blends"]
    rows = _golden_rows(bundle, scorer)
    alone = [scorer.score(row) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(scorer.score, rows * 10))
    assert [told.log_odds for told in together] == [told.log_odds for told in alone] * 10
    same = zip(together, alone * 10, strict=True)
    assert all(one.by_feature.tolist() == other.by_feature.tolist() for one, other in same)


def test_numbers_are_plain_floats(served) -> None:
    for bundle, scorer in served.values():
        row = _golden_rows(bundle, scorer)[5]
        told = scorer.score(row)
        numbers = (told.log_odds, told.base, told.sheet, scorer.log_odds(row))
        assert {type(number) for number in numbers} == {float}

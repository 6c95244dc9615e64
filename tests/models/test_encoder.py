"""The encoder: what it keeps, what order in time it promises."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import DAY
from features.errors import LeadlightError
from features.matrix import Matrix
from models.dataset import Dataset
from models.encoder import Encoder, fit_encode
from tests.models import samples


def lift_of(train: Dataset) -> np.ndarray:
    encoder, encoded = fit_encode(train)
    [at] = [at for at, column in enumerate(encoder.columns) if column.kind == "lift"]
    return encoded[:, at]


def test_json_brings_it_back_exactly() -> None:
    train = samples.dataset()
    encoder, _ = fit_encode(train)
    again = Encoder.from_json(encoder.to_json())
    assert again == encoder
    assert again.to_json() == encoder.to_json()
    np.testing.assert_array_equal(again.encode(train.matrix), encoder.encode(train.matrix))


def test_training_and_serving_agree_in_all_but_the_lift() -> None:
    train = samples.dataset()
    encoder, encoded = fit_encode(train)
    served = encoder.encode(train.matrix)
    same = [at for at, column in enumerate(encoder.columns) if column.kind != "lift"]
    assert encoded.dtype == served.dtype == np.float32
    np.testing.assert_array_equal(encoded[:, same], served[:, same])
    assert len(same) < len(encoder.columns)


def test_numbers_keep_their_gaps() -> None:
    train = samples.dataset()
    encoder, encoded = fit_encode(train)
    at = [column.name for column in encoder.columns].index(samples.SIZE.name)
    np.testing.assert_array_equal(encoded[:, at], train.matrix.column(samples.SIZE.name).astype(np.float32))
    assert np.isnan(encoded[:, at]).any()


def test_few_words_are_flags_alone_and_many_also_get_a_lift() -> None:
    encoder, _ = fit_encode(samples.dataset())
    kinds = {
        feature.name: {column.kind for column in encoder.columns if column.feature == feature.name}
        for feature in (samples.INDUSTRY, samples.PAGE)
    }
    assert kinds[samples.INDUSTRY.name] == {"word", "missing"}
    assert kinds[samples.PAGE.name] == {"word", "missing", "lift"}


def test_unseen_and_missing_words() -> None:
    train = samples.dataset()
    encoder, _ = fit_encode(train)
    names = [column.name for column in encoder.columns]
    values = train.matrix.values[:2].copy()
    at = samples.FEATURES.index(samples.PAGE)
    values[0, at], values[1, at] = 0.0, np.nan
    served = Matrix(samples.FEATURES, values, {**train.matrix.words, samples.PAGE.name: ("never seen",)})
    encoded = dict(zip(names, encoder.encode(served).T, strict=True))
    flags = [values for name, values in encoded.items() if name.startswith(f"{samples.PAGE.name} [page")]
    assert not np.any(flags)
    assert encoded[f"{samples.PAGE.name} [missing]"].tolist() == [0.0, 1.0]
    assert encoded[f"{samples.PAGE.name} [lift]"][0] == 0.0
    assert np.isnan(encoded[f"{samples.PAGE.name} [lift]"][1])


def test_words_in_another_order_encode_alike() -> None:
    train = samples.dataset()
    encoder, _ = fit_encode(train)
    name, at = samples.PAGE.name, samples.FEATURES.index(samples.PAGE)
    turned = train.matrix.values.copy()
    turned[:, at] = len(samples.PAGES) - 1 - turned[:, at]
    other = Matrix(samples.FEATURES, turned, {**train.matrix.words, name: samples.PAGES[::-1]})
    np.testing.assert_array_equal(encoder.encode(other), encoder.encode(train.matrix))


def test_constant_columns_and_twins_are_left_out() -> None:
    train = samples.dataset()
    values = train.matrix.values.copy()
    values[:, samples.FEATURES.index(samples.HOUR)] = 9.0
    values[:, samples.FEATURES.index(samples.DEMOS)] = values[:, samples.FEATURES.index(samples.VISITS)]
    encoder, _ = fit_encode(replace(train, matrix=Matrix(samples.FEATURES, values, train.matrix.words)))
    assert {samples.HOUR, samples.DEMOS}.isdisjoint(encoder.features)
    assert samples.VISITS in encoder.features


def test_a_matrix_without_a_feature_is_refused_by_name() -> None:
    train = samples.dataset()
    encoder, _ = fit_encode(train)
    with pytest.raises(LeadlightError, match=r"latest\(industry\)"):
        encoder.encode(train.matrix.select(samples.FEATURES[:5]))


@settings(max_examples=20)
@given(st.integers(0, 399), st.integers(0, 10_000))
def test_labels_known_later_never_matter(row: int, seed: int) -> None:
    train = samples.dataset(400)
    late = train.label_known_at >= train.as_of[row]
    flipped = np.where(late & (np.random.default_rng(seed).random(400) < 0.5), 1.0 - train.label, train.label)
    before, after = lift_of(train)[row], lift_of(replace(train, label=flipped))[row]
    np.testing.assert_array_equal(before, after)


@settings(max_examples=20)
@given(st.integers(0, 399))
def test_the_own_account_never_matters(row: int) -> None:
    train = samples.dataset(400)
    own = train.account == train.account[row]
    flipped = np.where(own, 1.0 - train.label, train.label)
    np.testing.assert_array_equal(lift_of(train)[row], lift_of(replace(train, label=flipped))[row])


def test_a_label_known_before_does_matter() -> None:
    train = samples.dataset(400)
    known = train.label_known_at < train.as_of[-1]
    flipped = np.where(known, 1.0 - train.label, train.label)
    rows = ~np.isnan(lift_of(train))
    assert (lift_of(train) != lift_of(replace(train, label=flipped)))[rows][-50:].any()


def test_lift_is_the_shrunk_log_odds_over_the_common_ones() -> None:
    train = samples.dataset(1_200)
    page = train.matrix.column(samples.PAGE.name)
    row = int(np.flatnonzero(page == np.bincount(page[~np.isnan(page)].astype(int)).argmax())[-1])
    known = (train.label_known_at < train.as_of[row]) & (train.account != train.account[row])
    rate = (train.label[known].sum() + 1.0) / (known.sum() + 2.0)
    same = known & (page == page[row])
    shrunk = (train.label[same].sum() + 20.0 * rate) / (same.sum() + 20.0)
    expected = np.log(shrunk / (1 - shrunk)) - np.log(rate / (1 - rate))
    assert lift_of(train)[row] == pytest.approx(expected, rel=1e-6)


def test_a_word_of_a_few_leads_has_no_lift_and_is_not_kept() -> None:
    train = samples.dataset(300)
    texts = train.matrix.texts(samples.PAGE.name)
    words = [word for word in train.matrix.words[samples.PAGE.name] if 0 < (texts == word).sum() < 10]
    assert words
    assert (lift_of(train)[np.isin(texts, words)] == 0.0).all()
    encoder, _ = fit_encode(train)
    assert not [word for word in words if json.dumps(word) in encoder.to_json()]


def test_no_lift_where_most_rows_could_not_have_one() -> None:
    train = samples.dataset()
    slow = replace(train, label_known_at=train.as_of + 190 * DAY)
    encoder, _ = fit_encode(slow)
    assert "lift" not in {column.kind for column in encoder.columns}

"""The matrix: columns by name, words by position."""

from __future__ import annotations

import numpy as np
import pytest

from features.definitions import Feature
from features.language import count, latest, lead_age, recency
from features.matrix import Matrix, stack

NAN = float("nan")
FEATURES = tuple(count(days=7) + latest("industry") + recency())
COUNT, INDUSTRY, RECENCY = (feature.name for feature in FEATURES)


def matrix(values: list[list[float]], words: tuple[str, ...] = ("bank", "pharma")) -> Matrix:
    return Matrix(FEATURES, np.array(values), {INDUSTRY: words})


def three() -> Matrix:
    return matrix([[1.0, 1.0, 0.5], [2.0, NAN, NAN], [3.0, 0.0, 7.0]])


def test_columns_are_found_by_name():
    assert three().names == ("count(any, 7d)", "latest(industry)", "recency(any, all)")
    assert three().column(COUNT).tolist() == [1.0, 2.0, 3.0]
    assert len(three()) == 3
    with pytest.raises(ValueError, match="not in tuple"):
        three().column("count")


def test_words_are_read_and_none_where_missing():
    assert three().texts(INDUSTRY).tolist() == ["pharma", None, "bank"]


def test_a_column_without_words_is_all_missing():
    assert matrix([[1.0, NAN, 0.5]], ()).texts(INDUSTRY).tolist() == [None]


@pytest.mark.parametrize(
    "shape", [pytest.param((2, 2), id="a column too few"), pytest.param((3,), id="a plain row")]
)
def test_every_feature_needs_its_column(shape):
    with pytest.raises(ValueError, match="3 features need as many columns, got shape"):
        Matrix(FEATURES, np.zeros(shape), {})


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        pytest.param(np.array([2, 0, 2]), [3.0, 1.0, 3.0], id="positions in any order"),
        pytest.param(np.array([False, True, True]), [2.0, 3.0], id="a mask"),
        pytest.param(np.zeros(0, dtype=np.int64), [], id="none"),
    ],
)
def test_some_of_the_rows(rows, counts):
    taken = three().take(rows)
    assert taken.column(COUNT).tolist() == counts
    assert taken.words == three().words


def test_some_of_the_columns_in_another_order():
    chosen = three().select([FEATURES[2], FEATURES[1]])
    assert chosen.names == (RECENCY, INDUSTRY)
    assert chosen.texts(INDUSTRY).tolist() == ["pharma", None, "bank"]
    assert three().select([FEATURES[0]]).words == {}
    with pytest.raises(ValueError, match="not in tuple"):
        three().select([Feature("lead_age")])


def test_a_frame_has_categories_for_words():
    frame = three().to_pandas()
    assert list(frame.columns) == list(three().names)
    assert frame[INDUSTRY].tolist()[::2] == ["pharma", "bank"]
    assert frame[INDUSTRY].isna().tolist() == [False, True, False]
    assert list(frame[INDUSTRY].cat.categories) == ["bank", "pharma"]
    np.testing.assert_array_equal(frame[RECENCY], [0.5, NAN, 7.0])


def test_stacking_brings_words_to_one_list():
    parts = [
        matrix([[1.0, 0.0, 0.5], [2.0, 1.0, 0.5]], ("pharma", "retail")),
        matrix([[3.0, NAN, 0.5]], ()),
        matrix([[4.0, 1.0, NAN], [5.0, 0.0, 0.5]], ("bank", "pharma")),
    ]
    before = [part.values.copy() for part in parts]
    joined = stack(parts)
    assert joined.words == {INDUSTRY: ("bank", "pharma", "retail")}
    assert joined.texts(INDUSTRY).tolist() == ["pharma", "retail", None, "pharma", "bank"]
    assert joined.column(COUNT).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    for part, values in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part.values, values)


def test_stacking_one_part_gives_it_back():
    joined = stack([three()])
    np.testing.assert_array_equal(joined.values, three().values)
    assert joined.words == three().words


def test_different_features_do_not_stack():
    other = Matrix(tuple(lead_age()), np.zeros((1, 1)), {})
    with pytest.raises(ValueError, match="same features"):
        stack([three(), other])

"""The text of a booster, read or refused."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from models.trees import TreesError, parse_trees
from tests.models.boosters import all_kinds, booster, made_up


@pytest.fixture(scope="module")
def text() -> str:
    return booster(*made_up(), rounds=3).model_to_string()


def test_a_tree_is_what_was_written() -> None:
    model = booster(*made_up(), rounds=2, num_leaves=4)
    trees, frame = parse_trees(model.model_to_string()), model.trees_to_dataframe()
    nodes, leaves = frame[frame["left_child"].notna()], frame[frame["left_child"].isna()]
    nodes, leaves = (
        part.assign(at=part["node_index"].str.extract(r"[SL](\d+)$").astype(int)).sort_values(
            ["tree_index", "at"]
        )
        for part in (nodes, leaves)
    )
    assert trees.first_node.tolist() == [0, 3, 6]
    assert trees.first_leaf.tolist() == [0, 4, 8]
    np.testing.assert_array_equal(trees.threshold, nodes["threshold"].astype(float))
    assert [f"Column_{column}" for column in trees.column] == nodes["split_feature"].tolist()
    np.testing.assert_array_equal(trees.leaf_value, leaves["value"])
    np.testing.assert_allclose(trees.leaf_share, leaves["count"] / 800, rtol=1e-15)
    counts = dict(zip(frame["node_index"], frame["count"], strict=True))
    shares = [counts[left] / count for left, count in zip(nodes["left_child"], nodes["count"], strict=True)]
    np.testing.assert_array_equal(trees.left_share, shares)
    missing = nodes["missing_type"].to_numpy()
    default = nodes["missing_direction"].to_numpy() == "left"
    below = nodes["threshold"].to_numpy() >= 0
    np.testing.assert_array_equal(trees.nan_left, np.where(missing == "None", below, default))
    np.testing.assert_array_equal(trees.zero_left, np.where(missing == "Zero", default, below))


def test_a_constant_tree_is_one_leaf() -> None:
    trees = parse_trees(all_kinds()["constant trees"].model_to_string())
    assert len(trees) == len(trees.leaf_value) == 1  # LightGBM stops after the first
    assert not len(trees.threshold)
    assert trees.leaf_share.tolist() == [1.0]


def test_splits_on_sets_of_words_are_refused() -> None:
    x, y = made_up()
    x[:, 3] += 3
    data = lightgbm.Dataset(x, y, categorical_feature=[3], params={"verbose": -1})
    model = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 5)
    with pytest.raises(TreesError, match="sets of words"):
        parse_trees(model.model_to_string())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"linear_tree": True}, "linear"),
        ({"objective": "multiclass", "num_class": 2}, "num_class"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged"),
    ],
)
def test_other_sums_are_refused(settings, says) -> None:
    with pytest.raises(TreesError, match=says):
        parse_trees(booster(*made_up(), rounds=2, **settings).model_to_string())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version=v4", "version=v9", "version"),
        ("end of trees", "", "too early"),
        ("left_child=", "left_child=7 ", "do not belong|do not hang|length"),
        ("internal_count=800", "internal_count=801", "do not add up"),
        ("leaf_value=", "leaf_value=x ", "cannot be read"),
        ("leaf_value=", "leaf=", "cannot be read"),
        ("threshold=", "threshold=1 ", "length"),
        ("num_cat=0", "num_cat=1", "sets of words"),
        ("decision_type=2", "decision_type=14", "missing value"),
    ],
)
def test_what_was_touched_is_refused(text, old, new, says) -> None:
    assert old in text
    with pytest.raises(TreesError, match=says):
        parse_trees(text.replace(old, new))


HAND_MADE = """tree
version=v4
num_class=1
num_tree_per_iteration=1

Tree=0
num_leaves=4
num_cat=0
split_feature=0 1 2
threshold=0.5 1.5 2.5
decision_type=2 2 2
left_child={left}
right_child={right}
leaf_value=1 2 3 4
leaf_count=1 2 3 4
internal_count={counts}
is_linear=0

end of trees
"""


def test_a_hand_made_tree_is_read() -> None:
    trees = parse_trees(HAND_MADE.format(left="1 2 -1", right="-4 -3 -2", counts="10 6 3"))
    assert trees.left.tolist() == [1, 2, -1]
    np.testing.assert_allclose(trees.left_share, [6 / 10, 3 / 6, 1 / 3])


@pytest.mark.parametrize(
    ("left", "right", "says"),
    [
        ("0 2 -1", "-4 -3 -2", "hang together"),
        ("1 1 -1", "-4 -3 -2", "hang together"),
        ("1 2 -1", "-4 -3 -3", "hang together"),
        ("1 2 -1", "-4 -3 -5", "hang together"),
        ("2 -2 1", "-1 -3 -4", "before its parent"),
    ],
)
def test_nodes_that_do_not_form_a_tree_are_refused(left, right, says) -> None:
    with pytest.raises(TreesError, match=says):
        parse_trees(HAND_MADE.format(left=left, right=right, counts="10 6 3"))


def test_a_node_that_no_row_came_to_is_refused() -> None:
    text = HAND_MADE.format(left="1 2 -1", right="-4 -3 -2", counts="7 3 0")
    with pytest.raises(TreesError, match="do not add up"):
        parse_trees(text.replace("leaf_count=1 2", "leaf_count=0 0"))

"""The trees of a LightGBM model, read from its text into flat arrays.

What is not understood is refused, never guessed: splits on sets of words, linear leaves, several classes,
averaged forests. Whoever asked can still let LightGBM itself answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.errors import LeadlightError
from features.matrix import Floats, Ints

Int32s = NDArray[np.int32]
Flags = NDArray[np.bool_]

ZERO: Final = float(np.float32(1e-35))
"""LightGBM takes numbers up to this size for 0, and never sees them."""

VERSION: Final = "v4"
END: Final = "\nend of trees"
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
MISSING_NONE, MISSING_ZERO, MISSING_NAN = range(3)


class TreesError(LeadlightError):
    """The text holds trees that are not understood here."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Binary decision trees, one behind the other. A row goes left where its value is ``<= threshold``.

    A child is the number of a node within its tree; one below 0 is leaf ``~child`` of the tree. Children
    have higher numbers than their parents.

    Attributes:
        first_node, first_leaf: where each tree begins, and the end of the last one; shape (trees + 1,).
        column: what a node looks at; threshold, left, right: shape (nodes,).
        nan_left, zero_left: whether a missing value, or one that counts as 0, goes left; shape (nodes,).
        left_share: share of training rows that went left, shape (nodes,).
        leaf_value: shape (leaves,); leaf_share: share of all training rows that came to it.
    """

    first_node: Int32s
    first_leaf: Int32s
    column: Int32s
    threshold: Floats
    left: Int32s
    right: Int32s
    nan_left: Flags
    zero_left: Flags
    left_share: Floats
    leaf_value: Floats
    leaf_share: Floats

    def __len__(self) -> int:
        return len(self.first_node) - 1


def parse_trees(text: str) -> Trees:
    """Read the text of ``lightgbm.Booster.model_to_string``.

    Raises:
        TreesError: saying what is not understood.
    """
    head, *blocks = text.partition(END)[0].split("\nTree=")
    _check_head(head.splitlines(), complete=END in text)
    try:
        trees = [_tree(at, _pairs(block.splitlines()[1:])) for at, block in enumerate(blocks)]
    except (KeyError, ValueError, IndexError) as error:
        raise TreesError("the trees cannot be read", [f"{type(error).__name__}: {error}"]) from error
    return _joined(trees)


def _pairs(lines: Sequence[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _check_head(lines: Sequence[str], *, complete: bool) -> None:
    told = _pairs(lines)
    problems = [
        f"{key} is {told.get(key)!r}, understood is {wanted!r}"
        for key, wanted in {"version": VERSION, "num_class": "1", "num_tree_per_iteration": "1"}.items()
        if told.get(key) != wanted
    ]
    problems += ["the trees are averaged"] if "average_output" in lines else []
    problems += [] if complete else ["the text ends too early"]
    if problems:
        raise TreesError("this is no sum of trees that is understood", problems)


@dataclass(frozen=True, slots=True)
class _Tree:
    column: Ints
    threshold: Floats
    left: Ints
    right: Ints
    nan_left: Flags
    zero_left: Flags
    left_share: Floats
    leaf_value: Floats
    leaf_share: Floats


def _tree(at: int, told: Mapping[str, str]) -> _Tree:
    columns = {key: _whole(told[key]) for key in ("split_feature", "left_child", "right_child")}
    kind, threshold, leaf_value = (
        _whole(told["decision_type"]),
        _numbers(told["threshold"]),
        _numbers(told["leaf_value"]),
    )
    left, right = columns["left_child"], columns["right_child"]
    missing = kind >> MISSING_SHIFT
    problems = [
        *_kind_problems(told, kind),
        *_structure_problems(left, right, len(leaf_value)),
        *(
            ["columns differ in length"]
            if len({len(kind), len(threshold), *map(len, columns.values())}) > 1
            else []
        ),
    ]
    of_node, of_leaf = _whole(told["internal_count"]), _whole(told["leaf_count"])
    left_share, leaf_share = np.empty(0), np.ones(1)
    if not problems and len(left):
        both = np.concatenate([of_node, of_leaf[::-1]])  # leaf -1 is the first of them, and the last here
        if (both <= 0).any() or (both[left] + both[right] != of_node).any():
            problems.append("the numbers of its rows do not add up")
        else:
            left_share, leaf_share = both[left] / of_node, of_leaf / of_node[0]
    if problems:
        raise TreesError(f"tree {at} is not understood", problems)
    default, zero_below = (kind & DEFAULT_LEFT) > 0, threshold >= 0.0
    return _Tree(
        column=columns["split_feature"],
        threshold=threshold,
        left=left,
        right=right,
        # A missing value is 0 to a split that knows of none, and 0 is a missing value to others.
        nan_left=np.where(missing == MISSING_NONE, zero_below, default),
        zero_left=np.where(missing == MISSING_ZERO, default, zero_below),
        left_share=left_share,
        leaf_value=leaf_value,
        leaf_share=leaf_share,
    )


def _kind_problems(told: Mapping[str, str], kind: Ints) -> Iterator[str]:
    if told["num_cat"] != "0" or (kind & CATEGORICAL).any():
        yield "it splits on sets of words"
    if told.get("is_linear", "0") != "0":
        yield "its leaves are linear"
    if (kind >> MISSING_SHIFT > MISSING_NAN).any():
        yield "it knows a kind of missing value that is unknown here"


def _structure_problems(left: Ints, right: Ints, leaves: int) -> Iterator[str]:
    """Every node but the first, and every leaf, has to be the child of one node before it."""
    nodes = len(left)
    children = np.concatenate([left, right])
    if len(right) != nodes or leaves != nodes + 1:
        yield f"{leaves} leaves do not belong to {nodes} nodes"
    elif sorted(children.tolist()) != [*range(-leaves if nodes else 0, 0), *range(1, nodes)]:
        yield "its nodes do not hang together"
    elif (np.where(children > 0, children, nodes) <= np.tile(np.arange(nodes), 2)).any():
        yield "a node stands before its parent"


def _numbers(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)


def _whole(text: str) -> Ints:
    return np.array(text.split(), dtype=np.int64)


def _joined(trees: Sequence[_Tree]) -> Trees:
    def starts(lengths: list[int]) -> Int32s:
        return np.cumsum([0, *lengths]).astype(np.int32)

    return Trees(
        first_node=starts([len(tree.column) for tree in trees]),
        first_leaf=starts([len(tree.leaf_value) for tree in trees]),
        column=_behind(tree.column for tree in trees).astype(np.int32),
        threshold=_behind(tree.threshold for tree in trees),
        left=_behind(tree.left for tree in trees).astype(np.int32),
        right=_behind(tree.right for tree in trees).astype(np.int32),
        nan_left=_behind(tree.nan_left for tree in trees).astype(np.bool_),
        zero_left=_behind(tree.zero_left for tree in trees).astype(np.bool_),
        left_share=_behind(tree.left_share for tree in trees),
        leaf_value=_behind(tree.leaf_value for tree in trees),
        leaf_share=_behind(tree.leaf_share for tree in trees),
    )


def _behind(columns: Iterable[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0), *columns])

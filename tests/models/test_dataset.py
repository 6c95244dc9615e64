"""What a model learns from: refused where a column cannot be true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.language import count
from features.matrix import Matrix
from models.dataset import Dataset


def dataset(**changes: Any) -> Dataset:
    """Lead a is asked about three times and converts in the end; b and c do not."""
    columns: dict[str, Any] = {
        "matrix": Matrix(tuple(count(days=7)), np.arange(5.0)[:, None], {}),
        "label": np.array([0.0, 0.0, 1.0, 0.0, 1.0]),
        "weight": np.array([1 / 3, 1.0, 1 / 3, 1.0, 1 / 3]),
        "lead_id": np.array(["a", "b", "a", "c", "a"], dtype=object),
        "account": np.array(["x", "x", "x", "c", "x"], dtype=object),
        "service_line": np.array(["", "", "", "loans", ""], dtype=object),
        "as_of": np.array([1, 2, 3, 3, 5]),
        "label_known_at": np.array([11, 12, 13, 4, 15]),
    }
    return Dataset(**{**columns, **changes})


def test_leads_are_counted_not_rows():
    assert (len(dataset()), dataset().positives, dataset().negatives) == (5, 1, 2)


def test_a_dataset_without_rows_has_neither():
    empty = dataset().take(np.zeros(0, dtype=np.int64))
    assert (len(empty), empty.positives, empty.negatives) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"weight": np.ones(4)}, "must have one length, got .*'weight': 4", id="a row too few"),
        pytest.param(
            {"label": np.array([0, 0, 1, 0, np.nan])}, "labels must be 0 or 1", id="a label not known"
        ),
        pytest.param({"label": np.array([0, 0, 0.5, 0, 1])}, "labels must be 0 or 1", id="half a label"),
        pytest.param({"as_of": np.array([1, 2, 4, 3, 5])}, "in order of as_of", id="out of order"),
        pytest.param({"label_known_at": np.array([11, 12, 3, 4, 15])}, "known before", id="known when asked"),
        pytest.param({"label_known_at": np.array([11, 1, 13, 4, 15])}, "known before", id="known earlier"),
    ],
)
def test_what_cannot_be_true_is_refused(changes, problem):
    with pytest.raises(ValueError, match=problem):
        dataset(**changes)


def test_equal_moments_are_in_order_and_a_label_may_be_known_a_microsecond_later():
    assert dataset(as_of=np.array([3, 3, 3, 3, 3]), label_known_at=np.full(5, 4)).positives == 1


@pytest.mark.parametrize(
    "rows",
    [pytest.param(np.array([1, 3]), id="positions"), pytest.param(np.arange(5) % 2 == 1, id="a mask")],
)
def test_rows_are_taken_from_every_column(rows):
    taken = dataset().take(rows)
    assert taken.matrix.values.tolist() == [[1.0], [3.0]]
    assert taken.lead_id.tolist() == ["b", "c"]
    assert taken.account.tolist() == ["x", "c"]
    assert taken.service_line.tolist() == ["", "loans"]
    assert taken.as_of.tolist() == [2, 3]
    assert taken.label_known_at.tolist() == [12, 4]
    assert (taken.label.tolist(), taken.weight.tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_rows_taken_out_of_order_are_refused():
    with pytest.raises(ValueError, match="in order of as_of"):
        dataset().take(np.array([3, 1]))

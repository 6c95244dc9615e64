"""Cuts in time: what may be learned from when, and by whom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import DAY
from features.errors import TooLittleDataError
from features.language import recency
from features.matrix import Matrix
from models.dataset import Dataset
from models.splits import (
    AccountFold,
    ForwardFold,
    OrderedFold,
    Split,
    SplitError,
    account_folds,
    forward_folds,
    forward_split,
)


def dataset(as_of, *, label=None, account=None, horizon=30):
    """Snapshots at days ``as_of``; a lead each, an account each unless said."""
    n = len(as_of)
    names = np.array([f"lead-{i}" for i in range(n)], dtype=object)
    days = np.asarray(as_of, dtype=np.int64)
    features = tuple(recency())
    return Dataset(
        matrix=Matrix(features, np.zeros((n, len(features))), {}),
        label=np.asarray(label if label is not None else np.arange(n) % 3 == 0, dtype=np.float64),
        weight=np.ones(n),
        lead_id=names,
        account=np.array(account, dtype=object) if account is not None else names,
        service_line=np.full(n, "", dtype=object),
        as_of=days * DAY,
        label_known_at=(days + horizon) * DAY,
    )


def year(n=730, horizon=30, **more):
    return dataset(np.arange(n) // 2, horizon=horizon, **more)


def test_the_last_share_of_rows_is_test_and_labels_known_by_then_train():
    split = forward_split(dataset(range(100), horizon=10), 0.25)
    assert list(split.test) == list(range(75, 100))
    assert split.test_begins == 75 * DAY
    assert list(split.train) == list(range(66)), "a label known at the very moment the test begins may train"
    assert list(split.purged) == list(range(66, 75))


def test_an_instant_is_never_cut_in_two():
    split = forward_split(dataset([0] * 4 + [50] * 4 + [99] * 2, horizon=10), 0.4)
    assert list(split.test) == list(range(4, 10))


def test_where_the_first_instant_holds_the_cut_the_test_begins_after_it():
    split = forward_split(dataset([0] * 9 + [99], horizon=10), 0.25)
    assert list(split.test) == [9]


def test_accounts_seen_in_training_are_told_apart():
    account = ["a"] * 50 + ["b"] * 30 + ["a", "c"] * 10
    split = forward_split(dataset(range(100), horizon=10, account=account), 0.2)
    assert list(split.unseen_account) == [False, True] * 10


def test_an_account_that_was_only_purged_is_unseen():
    account = ["a"] * 70 + ["b"] * 5 + ["b"] * 25
    assert forward_split(dataset(range(100), horizon=10, account=account), 0.25).unseen_account.all()


@pytest.mark.parametrize(
    ("days", "horizon", "words"),
    [
        pytest.param([5] * 20, 10, "no time to split", id="one instant"),
        pytest.param(range(20), 100, "no label was known", id="a horizon longer than the history"),
    ],
)
def test_what_cannot_be_split_is_refused(days, horizon, words):
    with pytest.raises(TooLittleDataError, match=words):
        forward_split(dataset(days, horizon=horizon))


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_outside_of_0_and_1_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        forward_split(year(), share)


def test_a_label_known_too_late_is_refused_by_the_split_itself():
    rows = dataset(range(100), horizon=10)
    with pytest.raises(SplitError, match="1 training labels became known after"):
        Split(rows, np.arange(67), np.arange(75, 100), 75 * DAY)


def test_a_test_row_before_the_beginning_is_refused():
    rows = dataset(range(100), horizon=10)
    with pytest.raises(SplitError, match="1 test rows lie before"):
        Split(rows, np.arange(10), np.arange(74, 100), 75 * DAY)


def test_a_forward_fold_refuses_a_label_known_too_late_but_takes_one_known_in_time():
    rows = dataset(range(100), horizon=10)
    ForwardFold(rows, np.arange(66), np.arange(75, 100))
    with pytest.raises(SplitError, match="became known after"):
        ForwardFold(rows, np.arange(67), np.arange(75, 100))


def test_an_ordered_fold_refuses_rows_of_the_future():
    rows = dataset(range(100), horizon=10)
    OrderedFold(rows, np.arange(75), np.arange(75, 100))
    with pytest.raises(SplitError, match="lie after"):
        OrderedFold(rows, np.array([0, 75]), np.arange(75, 100))


@pytest.mark.parametrize("kind", [AccountFold, ForwardFold, OrderedFold])
def test_no_fold_takes_an_account_on_both_sides(kind):
    rows = dataset([0, 1, 90, 91], horizon=10, account=["a", "b", "b", "c"])
    with pytest.raises(SplitError, match=r"1 accounts are on both sides, for example 'b'"):
        kind(rows, np.array([0, 1]), np.array([2, 3]))


def test_forward_folds_cover_the_later_half_in_order():
    folds = forward_folds(year(), 4)
    assert [type(fold) for fold in folds] == [ForwardFold] * 4
    valid = np.concatenate([fold.valid for fold in folds])
    np.testing.assert_array_equal(valid, np.arange(364, 730))


def test_a_label_known_when_the_block_begins_may_train():
    fold = forward_folds(year(horizon=30), 4)[0]
    assert fold.valid_begins == 182 * DAY
    assert list(fold.train) == list(range(2 * 153)), "day 152 plus 30 days is the day the block begins"


@pytest.mark.parametrize(
    "label", [np.arange(730) % 3 == 0, np.arange(730) % 3 != 0], ids=["converted", "others"]
)
def test_exactly_the_least_that_is_asked_for_is_enough(label):
    rows = year(label=label)
    first = forward_folds(rows, 4)[0]
    fewest = min(int((rows.label[first.train] == side).sum()) for side in (0.0, 1.0))
    assert forward_folds(rows, 4, min_train=fewest)[0].valid_begins == first.valid_begins
    assert forward_folds(rows, 4, min_train=fewest + 1)[0].valid_begins > first.valid_begins
    judged = min(
        int((rows.label[f.valid] == side).sum()) for f in forward_folds(rows, 4) for side in (0.0, 1.0)
    )
    assert len(forward_folds(rows, 4, min_valid=judged)) == 4
    assert len(forward_folds(rows, 4, min_valid=judged + 1)) == 3


def test_folds_drop_the_rows_of_judged_accounts_from_training():
    account = [f"account-{i % 300}" for i in range(730)]
    rows = year(account=account)
    for fold in forward_folds(rows, 4):
        assert not set(rows.account[fold.train]) & set(rows.account[fold.valid])


def test_with_little_behind_it_the_first_fold_begins_later():
    rows = year(horizon=180)
    folds = forward_folds(rows, 4)
    assert {type(fold) for fold in folds} == {ForwardFold}
    assert folds[0].valid_begins > rows.as_of[len(rows) // 2]


def test_with_few_conversions_there_are_fewer_blocks():
    label = np.zeros(730)
    label[::10] = 1.0
    assert len(forward_folds(year(label=label), 4, min_valid=15)) == 2


def test_a_history_shorter_than_two_horizons_is_folded_in_order_only():
    folds = forward_folds(year(horizon=300), 4)
    assert [type(fold) for fold in folds] == [OrderedFold] * 4


def test_large_accounts_that_are_always_there_are_dealt_out():
    folds = forward_folds(year(account=[f"account-{i % 8}" for i in range(730)]), 4)
    assert [type(fold) for fold in folds] == [AccountFold] * 4


def test_too_few_conversions_are_refused_with_the_counts():
    label = np.zeros(730)
    label[[10, 400]] = 1.0
    with pytest.raises(TooLittleDataError, match="2 converted and 728 other leads"):
        forward_folds(year(label=label))


def test_account_folds_cover_all_rows_and_spread_conversions_evenly():
    rng = np.random.default_rng(3)
    rows = year(account=[f"account-{i}" for i in rng.integers(0, 200, 730)], label=rng.random(730) < 0.1)
    folds = account_folds(rows, 5, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.valid for fold in folds])), np.arange(730))
    converted = [rows.label[fold.valid].sum() for fold in folds]
    assert max(converted) - min(converted) <= 2
    assert max(map(len, (fold.valid for fold in folds))) < 730 / 5 * 1.3


def test_account_folds_need_a_conversion_each():
    with pytest.raises(TooLittleDataError, match="3 folds need 3 accounts"):
        account_folds(dataset(range(9), label=[1, 1, 0, 0, 0, 0, 0, 0, 0]), 3, seed=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_within_an_instant_changes_no_cut(seed):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, 200, 400))
    rows = dataset(days, account=[f"a{i}" for i in rng.integers(0, 250, 400)], label=rng.random(400) < 0.3)
    mixed = rows.take(np.lexsort((rng.random(400), days)))

    def leads(data, positions):
        return frozenset(data.lead_id[positions])

    def sides(data):
        split = forward_split(data)
        ahead, apart = forward_folds(data), account_folds(data, 4, seed=7)
        return [leads(data, split.train), leads(data, split.test)] + [
            (leads(data, fold.train), leads(data, fold.valid)) for fold in ahead + apart
        ]

    assert sides(rows) == sides(mixed)


def test_on_rows_without_signal_an_unpurged_or_random_cut_flatters_and_ours_does_not():
    """Four snapshots of a lead share label and traits: a random cut lets a model look the answer up."""
    rng = np.random.default_rng(0)
    leads, snapshots = 400, 4
    traits = rng.normal(size=(leads, 6))
    label = rng.random(leads) < 0.5
    start = rng.integers(0, 360, leads)
    days = (start[:, None] + 7 * np.arange(snapshots)).ravel()
    order = np.argsort(days, kind="stable")
    member = np.repeat(np.arange(leads), snapshots)[order]
    rows = dataset(days[order], label=label[member], account=[f"a{i}" for i in member], horizon=60)
    nearest = traits[member]

    def auc(train, valid):
        gaps = ((nearest[valid][:, None, :] - nearest[train][None, :, :]) ** 2).sum(axis=2)
        guess = rows.label[train][gaps.argmin(axis=1)]
        from models.metrics import roc_auc

        return roc_auc(rows.label[valid], guess)

    shuffled = rng.permutation(len(rows))
    assert auc(shuffled[400:], shuffled[:400]) > 0.9
    ours = [auc(fold.train, fold.valid) for fold in forward_folds(rows)]
    assert 0.42 < np.mean(ours) < 0.58

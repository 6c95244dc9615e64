"""params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import DefinitionError
from pipelines.params import Params, parse_params, read_params


def test_no_file_means_the_defaults():
    assert read_params(None) == parse_params("") == Params()


def test_what_is_left_out_keeps_its_default():
    read = parse_params("train: {tuning: {trials: 5}}")
    assert read.train.tuning.trials == 5
    assert read.train.test_share == Params().train.test_share


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("train: {tset_share: 0.2}", "train.tset_share", id="an unknown key"),
        pytest.param("trian: {}", "trian", id="an unknown section"),
        pytest.param("train: {test_share: 1}", "train.test_share", id="a share of everything"),
        pytest.param("train: {forward_folds: 1}", "train.forward_folds", id="a single fold"),
        pytest.param(
            "train: {boosting: {threads: many}}", "train.boosting.threads", id="a word for a number"
        ),
        pytest.param("- train", "file", id="a list instead of sections"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text, place):
    with pytest.raises(DefinitionError, match=r"mine\.yaml cannot be used") as caught:
        parse_params(text, source="mine.yaml")
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [place]


def test_all_slips_are_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        parse_params("train: {seed: -1, interval: 2}")
    assert len(caught.value.problems) == 2


def test_what_is_no_yaml_is_refused():
    with pytest.raises(DefinitionError, match="is not YAML"):
        parse_params("train: {")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DefinitionError, match=r"none\.yaml"):
        read_params(tmp_path / Path("none.yaml"))

"""A bundle is tried in a process of its own, as the store does it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from models.bundle import load
from models.online import OnlineScorer
from models.sealed import BundleError, unseal
from serving import canary


@pytest.fixture(scope="module")
def bundle(bundle_dir):
    return load(bundle_dir)


@pytest.fixture(scope="module")
def scorer(bundle):
    return OnlineScorer.compile(bundle)


def test_a_good_bundle_is_told_in_the_last_line(bundle_dir):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "serving.canary", str(bundle_dir)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    verdict = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, verdict["ok"]) == (0, True)
    assert verdict["fingerprint"] == unseal(bundle_dir)[1]
    assert verdict["rows"] == 53
    assert verdict["apart"] <= 1e-9


@pytest.fixture
def in_process(monkeypatch):
    """``main`` in this process: its limits and its leanness are for processes of their own."""
    monkeypatch.setattr(canary, "_limit", lambda *_: None)
    monkeypatch.setattr(canary, "stay_lean", lambda: None)


def test_a_refused_bundle_is_exit_code_2_with_every_problem(in_process, tmp_path, capsys):
    assert canary.main([str(tmp_path)]) == 2
    verdict = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not verdict["ok"]
    assert "SHA256SUMS" in verdict["problems"][0]


def test_too_little_memory_is_told(in_process, tmp_path, capsys, monkeypatch):
    def attempt(_):
        raise MemoryError

    monkeypatch.setattr(canary, "attempt", attempt)
    assert canary.main([str(tmp_path)]) == 2
    assert "memory" in capsys.readouterr().out


def test_one_lead_at_a_time_gives_the_golden_answers(bundle, scorer):
    rows = range(len(bundle.golden.log_odds))
    assert max(canary.disagreement(bundle, scorer, at) for at in rows) <= canary.TOLERANCE


@pytest.mark.parametrize("part", ["log_odds", "base", "by_feature", "sheet"])
def test_every_part_of_an_answer_is_compared(bundle, scorer, part, monkeypatch):
    told = scorer.score(canary.golden_row(bundle, scorer, 3))
    wrong = {name: getattr(told, name) for name in ("log_odds", "base", "by_feature", "sheet")}
    wrong[part] = wrong[part] + 1e-6
    stand_in = type("Scorer", (), {"features": scorer.features, "score": lambda *_: Answer(**wrong)})()
    assert canary.disagreement(bundle, stand_in, 3) == pytest.approx(1e-6, rel=1e-3)


@dataclasses.dataclass
class Answer:
    log_odds: float
    base: float
    by_feature: np.ndarray
    sheet: float


def test_an_answer_that_is_no_number_agrees_with_nothing(bundle, scorer):
    told = scorer.score(canary.golden_row(bundle, scorer, 3))
    nothing = Answer(float("nan"), told.base, told.by_feature, told.sheet)
    stand_in = type("Scorer", (), {"features": scorer.features, "score": lambda *_: nothing})()
    assert not canary.disagreement(bundle, stand_in, 3) <= canary.TOLERANCE


def test_a_scorer_that_answers_otherwise_is_refused(bundle_dir, monkeypatch):
    monkeypatch.setattr(canary, "disagreement", lambda *_: 1e-6)
    with pytest.raises(BundleError, match="otherwise for one lead"):
        canary.attempt(bundle_dir)


def test_words_and_gaps_of_a_golden_row_come_through(bundle, scorer):
    matrix = bundle.golden.matrix
    for at in range(len(matrix)):
        row = canary.golden_row(bundle, scorer, at)
        again = row.matrix(scorer.features)
        for feature in matrix.features:
            if feature.is_category:
                assert again.texts(feature.name)[0] == matrix.texts(feature.name)[at]
            else:
                np.testing.assert_array_equal(again.column(feature.name)[0], matrix.column(feature.name)[at])


@pytest.mark.slow
def test_the_canary_needs_none_of_the_training_libraries(run_python, bundle_dir):
    program = (
        f"import sys; from serving import canary; code = canary.main([{str(bundle_dir)!r}])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(code, sorted(loaded & {'pandas', 'sklearn', 'mlflow', 'shap', 'matplotlib', 'fastapi', 'sqlalchemy'}))"
    )
    assert run_python(program).splitlines()[-1] == "0 []"

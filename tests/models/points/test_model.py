"""The team's rules with learned points, as a model of the race."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from features.language import count
from features.playbook import parse_playbook
from models.learning import Learner, Model
from models.loading import model_from_files
from models.points.evaluation import capped, points_of, times
from models.points.model import PointsLearner
from models.pointsheet import SheetLearner
from models.ridge import log_loss_terms
from tests.serving.answers.company import PLAYBOOK, training

SHEET = parse_playbook(PLAYBOOK).sheet


@pytest.fixture(scope="module")
def train():
    return training()


@pytest.fixture(scope="module")
def model(train):
    return PointsLearner(SHEET).fit(train, seed=0)


def test_it_is_a_model_made_by_a_learner(model):
    assert isinstance(model, Model)
    assert PointsLearner(SHEET).name == model.name == "points"
    learner: Learner = PointsLearner(SHEET)
    assert learner


def test_contributions_add_up_and_belong_to_the_rules_features(model, train):
    parts = model.contributions(train.matrix)
    whole = parts.base + parts.by_feature.sum(axis=1)
    np.testing.assert_allclose(whole, model.log_odds(train.matrix), atol=1e-12)
    read = {feature.name for feature in model.features}
    others = [at for at, name in enumerate(train.matrix.names) if name not in read]
    assert not parts.by_feature[:, others].any()
    assert abs(float(parts.by_feature.mean())) < 1e-12


def test_it_comes_back_from_its_files_to_the_bit(model, train):
    files = model.to_files()
    again = model_from_files(files)
    assert again.to_files() == files
    assert (again.log_odds(train.matrix) == model.log_odds(train.matrix)).all()


def test_signs_of_the_team_are_kept(model):
    assert (np.array(model.log_odds_of) * points_of(SHEET) >= 0.0).all()


def test_no_other_coefficients_of_these_signs_do_better(model, train):
    """Against a general optimizer on the same objective, for whichever penalty was chosen."""
    counted = capped(SHEET, times(SHEET, train.matrix))
    today = points_of(SHEET)
    toward = SheetLearner(SHEET).fit(train, seed=0).slope * today

    def objective(b, penalty):
        losses = log_loss_terms(counted @ b[1:] + b[0], train.label)
        return float(train.weight @ losses + penalty / 2 * ((b[1:] - toward) ** 2).sum())

    bounds = [(None, None), *((0, None) if points > 0 else (None, 0) for points in today)]
    own = np.array([model.intercept, *model.log_odds_of])
    gaps = []
    for penalty in (0.3, 1.0, 3.0, 10.0):
        found = minimize(objective, np.zeros(len(own)), (penalty,), "L-BFGS-B", bounds=bounds, tol=1e-14)
        gaps.append(objective(own, penalty) - found.fun)
    assert min(gaps) < 1e-6
    assert min(gaps) > -1e-6


def test_it_knows_no_service_lines(train):
    """Neither in the fit nor where the penalty is chosen."""
    random = np.random.default_rng(0)
    lines = np.array(["a", "b", "c"], dtype=object)[random.integers(0, 3, len(train))]
    blank = np.full(len(train), "", dtype=object)
    one, other = (
        PointsLearner(SHEET).fit(replace(train, service_line=line), seed=0) for line in (lines, blank)
    )
    assert one == other


def test_it_needs_only_the_columns_of_the_sheet(model, train):
    alone = train.matrix.select(model.features)
    np.testing.assert_array_equal(model.log_odds(alone), model.log_odds(train.matrix))
    assert count("webinar", days=7)[0] not in model.features

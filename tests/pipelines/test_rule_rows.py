"""The short way from a simulated company to the rows of a refit tells what the long way over exports tells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from features.playbook import read_playbook
from pipelines.simulate import EXAMPLE, simulate
from pipelines.simulation.rule_rows import tell_rules


def test_the_rows_are_those_of_the_truth(tmp_path: Path) -> None:
    simulate(tmp_path, 600, 5)
    snapshots = json.loads((tmp_path / "truth.json").read_text())["snapshots"]
    told = tell_rules(read_playbook(EXAMPLE / "playbook.yaml"), 600, 5)
    worked = np.array(snapshots["worked"])
    probability = np.array(snapshots["probability"])[worked]
    found = np.sort(np.round(told.probability, 6))
    # Copies are in the truth too, but are no leads of their own.
    assert 0.9 * len(probability) <= len(found) <= len(probability)
    assert np.isin(found, probability).all()
    assert np.isin(np.unique(told.rows.totals), snapshots["sheet_points"]).all()
    assert (np.diff(told.rows.as_of) >= 0).all()
    assert (told.rows.label_known_at > told.rows.as_of).all()
    assert abs(told.rows.label.mean() - told.probability.mean()) < 0.05

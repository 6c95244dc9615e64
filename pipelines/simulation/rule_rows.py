"""A simulated company as the refit of its sheet sees it, without a detour over exports: for benchmarks and tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.clock import SECOND
from features.matrix import Floats
from features.playbook import Playbook
from models.points.rows import RuleRows
from pipelines.simulation.behavior import draw_events
from pipelines.simulation.company import EXPORTED_AT, LINES, SECONDS_PER_DAY
from pipelines.simulation.outcomes import Episode, decide
from pipelines.simulation.people import NEVER, People, draw_people


@dataclass(frozen=True, slots=True)
class Told:
    """Snapshots at triage of the leads that somebody worked, in order of time.

    Attributes:
        rows: as the refit reads them; every lead of a company weighs the same.
        probability: true, of an SQL within the horizon, shape (rows,).
    """

    rows: RuleRows
    probability: Floats


def tell_rules(playbook: Playbook, leads: int, seed: int) -> Told:
    """Draw a company; the same arguments as ``pipelines.simulate.simulate`` draw the same one.

    Args:
        playbook: of ``examples/simulated``; its sheet may have other points.
        leads: how many.
        seed: at least 0.
    """
    if playbook.sheet is None:
        raise ValueError("the playbook of the simulated company has a sheet")
    draws = [np.random.default_rng([seed, part]) for part in range(3)]
    people = draw_people(draws[0], leads)
    episodes = decide(draws[2], people, draw_events(draws[1], people), playbook.sheet, 1.0)
    parts = [_columns(people, episode, playbook.recording_lag_days) for episode in episodes]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((joined["lead_id"].astype(str), joined["as_of"]))
    columns = {name: column[order] for name, column in joined.items()}
    probability = columns.pop("probability")
    return Told(RuleRows(sheet=playbook.sheet, weight=np.ones(len(order)), **columns), probability)


def _columns(people: People, episode: Episode, lag_days: int) -> dict[str, np.ndarray]:
    worked = episode.open & episode.worked & (episode.copied == NEVER) & (episode.as_of < EXPORTED_AT)
    at = np.flatnonzero(worked)
    horizon = np.array([line.horizon_days for line in LINES])[people.line[at]] + lag_days
    lead_id = np.array([f"lead {place}" for place in at.tolist()], dtype=object)
    account = np.array([f"account {place}" for place in people.account[at].tolist()], dtype=object)
    return {
        "times": episode.fired[at].astype(np.float64),
        "label": episode.converted(people)[at].astype(np.float64),
        "lead_id": lead_id,
        "account": np.where(people.account[at] >= 0, account, lead_id),
        "service_line": np.array([line.name for line in LINES], dtype=object)[people.line[at]],
        "as_of": episode.as_of[at] * SECOND,
        "label_known_at": (episode.as_of[at] + horizon * SECONDS_PER_DAY) * SECOND,
        "probability": episode.probability[at],
    }

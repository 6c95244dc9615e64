"""`leadlight horizon`: how many days to wait for an SQL, from how long it took so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.episodes import SQL, episodes
from features.history import History
from features.playbook import Playbook, read_playbook
from models.maturity import ENOUGH, LONGEST, PROPOSED, Maturity, maturity
from pipelines.reading import HistoryReader

ALL = "all leads"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A curve per service line, beside what the playbook says now."""

    curves: dict[str, Maturity]
    agreed: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``share`` is by day of age, from day 0."""
        return {
            "service_lines": {
                name: {
                    "horizon_days": curve.horizon,
                    "agreed_days": self.agreed[name],
                    "caught": {
                        str(days): _known(curve.caught(days)) for days in PROPOSED if days <= curve.followed
                    },
                    "leads": curve.leads,
                    "converted": curve.converted,
                    "followed_days": curve.followed,
                    "share": [round(float(share), 6) for share in curve.share],
                }
                for name, curve in self.curves.items()
            }
        }

    def describe(self) -> str:
        """A table for people, and what follows from it."""
        width = max(len(name) for name in self.curves)
        head = "".join(f"{days:>7} d" for days in PROPOSED)
        lines = [f"{'':{width}} {'leads':>8} {'SQLs':>7}{head}      proposed  agreed"]
        for name, curve in self.curves.items():
            cells = "".join(_cell(curve, days) for days in PROPOSED)
            proposed = f"{curve.horizon} d" if curve.horizon else "cannot tell"
            agreed = f"{self.agreed[name]} d"
            counted = f"{name:{width}} {curve.leads:>8,} {curve.converted:>7,}"
            lines.append(f"{counted}{cells}   {proposed:>11}  {agreed:>6}")
        followed = min(max(curve.followed for curve in self.curves.values()), LONGEST)
        lines += [
            "",
            f"A column says which share of the SQLs to come (within {followed} days) has come by that age.",
            f"Proposed is the shortest that catches {ENOUGH:.0%}; longer waits cost fresh training data.",
        ]
        return "\n".join(lines)


def propose(history: Path, playbook: Path) -> Proposal:
    """Measure how outcomes ripen, for all leads and per service line.

    Raises:
        TableError: there is no history. DefinitionError: the playbook cannot be used.
    """
    agreed = read_playbook(playbook)
    reader = HistoryReader(history, agreed)
    parts = [_ripening(bucket, agreed) for bucket in reader]
    start, end, converted = (np.concatenate([part[i] for part in parts]) for i in range(3))
    line = np.concatenate([part[3] for part in parts])
    until = reader.manifest.observed_until
    groups = {ALL: np.ones(len(line), dtype=np.bool_)}
    groups |= {name: line == name for name in sorted(set(line) - {""})}
    curves = {
        name: maturity(start[rows], end[rows], converted[rows], observed_until=until)
        for name, rows in groups.items()
    }
    return Proposal(curves, {name: agreed.horizon_of(None if name == ALL else name) for name in groups})


def _ripening(history: History, playbook: Playbook) -> tuple[Any, ...]:
    """Start, end, whether it was an SQL, and service line of each episode of a bucket."""
    found = episodes(history, playbook, playbook.definition())
    since = playbook.since_instant
    kept = np.ones(len(found), dtype=np.bool_) if since is None else history.created_at[found.lead] >= since
    lines = np.array(history.service_line.words, dtype=object)[history.service_line.codes[found.lead]]
    return found.start[kept], found.end[kept], found.ending[kept] == SQL, lines[kept]


def _cell(curve: Maturity, days: int) -> str:
    caught = curve.caught(days)
    return f"{'':>9}" if days > curve.followed or np.isnan(caught) else f"{caught:>8.0%} "


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)

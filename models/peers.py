"""A typical lead: what the groups of a model's reasons add on average, to hold one lead against.

Taken from the test rows, which the model did not learn from, and by weight, as everything judged on them. Means
of contributions add up as contributions do: ``base + sum(by_group)`` is the mean log-odds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.matrix import Floats, Texts
from models.contributions import TOLERANCE

LEAST_LEADS: Final = 50
"""A service line with fewer leads has no typical lead of its own."""
EVERYBODY: Final = "all leads"


@dataclass(frozen=True, slots=True)
class Peer:
    """The mean of a group of leads.

    Attributes:
        name: the service line, or ``EVERYBODY``.
        leads: how many, by weight.
        by_group: mean contributions in log-odds, in the order of ``models.bundle.GROUPS``.
        log_odds: their mean.
    """

    name: str
    leads: float
    by_group: tuple[float, ...]
    log_odds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_group", tuple(self.by_group))
        if not all(map(math.isfinite, (self.leads, self.log_odds, *self.by_group))) or self.leads <= 0:
            raise ValueError(f"a typical lead needs leads and finite means, got {self}")


@dataclass(frozen=True, slots=True)
class Peers:
    """Typical leads, of everybody and by service line.

    Attributes:
        base: log-odds before anything is known of a lead; the same for all.
    """

    base: float
    everybody: Peer
    by_line: Mapping[str, Peer]

    def __post_init__(self) -> None:
        for peer in (self.everybody, *self.by_line.values()):
            if len(peer.by_group) != len(self.everybody.by_group):
                raise ValueError(f"{peer.name} is not taken apart as {self.everybody.name} is")
            apart = abs(self.base + sum(peer.by_group) - peer.log_odds)
            if not apart <= TOLERANCE:
                raise ValueError(f"the means of {peer.name} miss their whole by {apart:.3g} log-odds")

    def of(self, service_line: str | None) -> Peer:
        """The typical lead to hold one of ``service_line`` against."""
        return self.by_line.get(service_line or "", self.everybody)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "base": self.base,
            "everybody": asdict(self.everybody),
            "by_line": [asdict(self.by_line[line]) for line in sorted(self.by_line)],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Peers:
        """Inverse of ``to_json``."""
        peers = [Peer(**peer) for peer in data["by_line"]]
        return cls(data["base"], Peer(**data["everybody"]), {peer.name: peer for peer in peers})


@dataclass(frozen=True, slots=True)
class Parted:
    """Rows taken apart.

    Attributes:
        base: log-odds before anything is known of a lead.
        by_group: contributions in log-odds, shape (rows, groups).
        log_odds: what the model says, shape (rows,).
        weight: how much a row counts; weights add up to the number of leads.
        service_line: texts, shape (rows,); "" is no line.
    """

    base: float
    by_group: Floats
    log_odds: Floats
    weight: Floats
    service_line: Texts


def gather(rows: Parted) -> Peers:
    """Typical leads of some rows."""
    of_line = {str(line): rows.service_line == line for line in set(rows.service_line) - {""}}
    large = [line for line, of in of_line.items() if rows.weight[of].sum() >= LEAST_LEADS]
    return Peers(
        base=rows.base,
        everybody=_mean(EVERYBODY, rows, np.ones(len(rows.weight), dtype=np.bool_)),
        by_line={line: _mean(line, rows, of_line[line]) for line in sorted(large)},
    )


def _mean(name: str, rows: Parted, of: NDArray[np.bool_]) -> Peer:
    weight = rows.weight[of]
    share = weight / weight.sum()
    by_group = tuple(float(mean) for mean in share @ rows.by_group[of])
    return Peer(name, float(weight.sum()), by_group, float(share @ rows.log_odds[of]))

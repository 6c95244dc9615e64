"""What happened since the last score: the change, and its causes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from features.errors import TableError
from serving.answers.answer import Asked, Outcome
from serving.answers.change import Scored, change
from serving.answers.known import Known
from serving.arms import Arm
from serving.store import suppression


@dataclass(frozen=True, slots=True)
class Since:
    """What telling a change needs besides: the model of the last score, and of whom nothing may be said."""

    earlier: Arm | None = None
    objected: Collection[str] = ()

    @classmethod
    def of(cls, connection: Connection, asked: Asked, known: Known, earlier: Arm | None) -> Since:
        """Look up colleagues who objected, where something of them may have to be told."""
        last, others = asked.last, known.evidence.colleagues
        if not others or last is None or known.complete_since <= last.as_of:
            return cls(earlier)
        return cls(earlier, suppression.standing(connection, asked.tenant, [one.lead_id for one in others]))

    def change(self, asked: Asked, arm: Arm, known: Known, result: Outcome) -> dict[str, Any] | None:
        """The change with its causes; ``None`` where there is no earlier score to compare with."""
        last = asked.last
        if last is None or asked.as_of <= last.as_of:
            return None
        parts = result.log_odds, result.points, result.probability
        now = Scored(arm, known, asked.as_of, *parts, self.objected)
        try:
            return change(now, last, self.earlier)
        except TableError:  # the earlier model cannot read what the present one can
            return change(now, last, None)


NOTHING: Final = Since()
"""Nothing is known of an earlier score."""

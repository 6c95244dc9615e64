"""What the playbook says about leads that are being scored: what to do next, what may be said, who is asked about.

Nothing of it changes what a model learns.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

from pydantic import Field, field_validator

from features.strict import Strict, Word

Letter = Literal["A", "B", "C", "D"]
"""A band."""

HASHES: Final = 2**256


class Action(Strict):
    """Something that a lead could do next, as the event that it would be, and in words: ``asks for a demo``."""

    event: Word
    say: Word
    value: float | None = Field(None, allow_inf_nan=False)
    topic: Word | None = None
    channel: Word | None = None
    campaign: Word | None = None
    source: Word | None = None


class NextStep(Strict):
    """What is to be done with a lead of a band, how soon, and by whom."""

    do: Word
    within_hours: int | None = Field(None, ge=1, le=8760)
    route: Word | None = None


class ReviewReasons(Strict):
    """What a reviewer may pick from when turning a lead down or sending it back."""

    rejected: tuple[Word, ...] = ()
    recycled: tuple[Word, ...] = ()

    @field_validator("rejected", "recycled")
    @classmethod
    def _differ(cls, reasons: tuple[str, ...]) -> tuple[str, ...]:
        return _each_once(reasons, "reasons")


class Pilot(Strict):
    """Which leads a challenger answers for, where one is loaded.

    The share is drawn by hash, so that every process draws alike, and whoever is in stays in.

    Attributes:
        share: of leads or accounts, 0 to 1.
        by: what is drawn. An account's leads are drawn together; a lead without an account, by itself.
        service_lines: where the pilot is held; everywhere if left out.
        salt: another one draws anew; the playbook's name by default.
    """

    share: float = Field(ge=0, le=1)
    by: Literal["lead", "account"] = "account"
    service_lines: tuple[Word, ...] = ()
    salt: str = ""

    def takes(self, lead_id: str, account_id: str | None, service_line: str | None) -> bool:
        """Whether the challenger answers for a lead.

        >>> pilot = Pilot(share=0.5, by="account", salt="spring")
        >>> pilot.takes("ann", "acme", None) == pilot.takes("bob", "acme", None)
        True
        """
        if self.service_lines and service_line not in self.service_lines:
            return False
        by_account = self.by == "account" and account_id is not None
        unit = f"account\0{account_id}" if by_account else f"lead\0{lead_id}"
        drawn = int.from_bytes(sha256(f"{self.salt}\0{unit}".encode()).digest())
        return drawn < self.share * HASHES


class Alerts(Strict):
    """When the CRM is told of a new score: from this change of points on. A change of band is always told."""

    points: float = Field(10.0, gt=0, allow_inf_nan=False)


def one_way_to_say(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Refuse actions that people could not tell apart."""
    _each_once([action.say for action in actions], "actions")
    return actions


def _each_once(words: tuple[str, ...] | list[str], what: str) -> tuple[str, ...]:
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise ValueError(f"{what} named twice: {', '.join(twice)}")
    return tuple(words)

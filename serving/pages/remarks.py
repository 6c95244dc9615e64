"""What a reviewer says of a score, as a form sends it."""

from __future__ import annotations

from typing import Final, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from features.playbook import Playbook
from serving.pages.common import PRINTABLE_OR_EMPTY
from serving.pages.guard import Visitor
from serving.pages.looking import Known
from serving.pages.views.answer import signals
from serving.schemas.words import Text
from serving.store.feedback import Feedback

Verdict = Literal["accept", "reject", "recycle", "disagree"]

OTHER_LEAD: Final = "This score is not one of this lead. Load the page again."
NO_REASON: Final = "Choose one of the playbook's reasons."
NO_SIGNAL: Final = "Say which reason you disagree with."


class Remark(BaseModel):
    """The fields of the forms; ``csrf`` is checked before."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    csrf: str
    prediction_id: str = Field(max_length=64)
    verdict: Verdict
    reason: str = Field("", max_length=255, pattern=PRINTABLE_OR_EMPTY)
    signal: str = Field("", max_length=255)
    note: Text = ""


def refusal(remark: Remark, known: Known, playbook: Playbook) -> str:
    """Why a remark cannot be recorded; empty where it can."""
    answered = next((one for one in known.past if one.prediction_id == remark.prediction_id), None)
    if answered is None:
        return OTHER_LEAD
    if remark.verdict in ("reject", "recycle"):
        offered = playbook.reasons.rejected if remark.verdict == "reject" else playbook.reasons.recycled
        return NO_REASON if offered and remark.reason not in offered else ""
    if remark.verdict == "disagree":
        named = {signal.name for signal in signals(known.answer_of(answered)) if signal.can_be_disputed}
        return "" if remark.signal in named else NO_SIGNAL
    return ""


def as_feedback(remark: Remark, lead_id: str, who: Visitor, now: int) -> Feedback:
    """The remark as it is kept."""
    turned_down = remark.verdict in ("reject", "recycle")
    return Feedback(
        feedback_id=str(uuid4()),
        tenant=who.tenant,
        lead_id=lead_id,
        prediction_id=remark.prediction_id,
        at=now,
        actor=who.key_id,
        verdict=remark.verdict,
        reason=(remark.reason or None) if turned_down else None,
        signal=remark.signal if remark.verdict == "disagree" else None,
        note=remark.note or None,
    )

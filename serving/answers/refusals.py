"""Why a lead cannot be scored."""

from __future__ import annotations

from typing import Literal

from features.errors import LeadlightError

Code = Literal[
    "lead_not_found",
    "lead_forgotten",
    "prediction_not_found",
    "as_of_in_future",
    "as_of_before_lead",
    "evidence_unusable",
    "model_not_available",
    "lead_objected",
    "no_sheet",
]

SAID: dict[Code, str] = {
    "lead_not_found": "There is no such lead.",
    "lead_forgotten": "This lead was erased and cannot be scored again.",
    "prediction_not_found": "There is no such prediction.",
    "as_of_in_future": "as_of lies in the future; what will be known then cannot be known now.",
    "as_of_before_lead": "as_of is before the lead was created; there was nobody to score yet.",
    "evidence_unusable": "The evidence of this lead cannot be used.",
    "model_not_available": "The model that gave this answer cannot be loaded any more.",
    "lead_objected": "This person objected to profiling, so nothing is computed.",
    "no_sheet": "The playbook of the model has no point sheet.",
}


class Unscorable(LeadlightError):  # noqa: N818 - it is an answer, not a fault of ours
    """No score can be given, for a reason that the caller can understand.

    Attributes:
        code: stable, for programs; the text is for people and never repeats what was sent.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(SAID[code])

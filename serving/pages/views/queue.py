"""A row of the queue: one lead in one line."""

from __future__ import annotations

from dataclasses import dataclass

from serving.pages import words
from serving.pages.views import answer as answers
from serving.pages.views.answer import Answer, NextStep
from serving.pages.views.setting import Setting


@dataclass(frozen=True, slots=True)
class Row:
    """Every field as it is shown. ``reason_look``: whether the reason speaks for or against the lead."""

    lead_id: str
    service_line: str
    band: str
    band_words: str
    chance: str
    percent: str
    points: str
    moved: str
    moved_look: str
    cause: str
    reason: str
    reason_points: str
    reason_look: str
    next_step: NextStep | None
    scored_at: str
    scored: str


def row(answer: Answer, service_line: str | None, setting: Setting, moved_by: Answer | None = None) -> Row:
    """The line of a scored lead, from its latest recorded answer; ``moved_by`` has its latest change."""
    change, reason = (moved_by or answer).get("change"), _main_reason(answer)
    moved = words.signed(change["points"]) if change else ""
    return Row(
        lead_id=answer["lead_id"],
        service_line=words.plain(service_line or ""),
        band=answer["band"],
        band_words=words.BAND_WORDS[answer["band"]],
        chance=words.chance(answer["probability"]),
        percent=words.percent(answer["probability"]),
        points=words.whole_points(answer["points"]),
        moved="" if moved == "0.0" else moved,
        moved_look="for" if change and change["points"] > 0 else "against",
        cause=_main_cause(moved_by or answer) if moved not in {"", "0.0"} else "",
        reason=reason.gist if reason else _no_reason(answer),
        reason_points=reason.points if reason else "",
        reason_look=reason.look if reason else "",
        next_step=answers.next_step(answer),
        scored_at=answer["as_of"],
        scored=words.ago(words.instant(answer["as_of"]), setting.now),
    )


def _main_reason(answer: Answer) -> answers.Signal | None:
    """What weighs most, be it for the lead or against it."""
    return next((signal for signal in answers.signals(answer) if signal.is_reason), None)


def _no_reason(answer: Answer) -> str:
    return "Nothing stands out" if answers.is_explained(answer) else "Not explained yet"


def _main_cause(answer: Answer) -> str:
    causes = answer["change"]["causes"]
    if not causes:
        return ""
    return words.sentence(max(causes, key=lambda cause: abs(cause["points"]))["sentence"])

"""Everything that a template shows of a lead or of a record, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from features.clock import iso
from models.bundle import ModelBundle
from serving.answers.view import TITLES
from serving.pages import words
from serving.pages.drawing import course as courses
from serving.pages.drawing import waterfall as waterfalls
from serving.pages.drawing.course import Moment
from serving.pages.looking import Known
from serving.pages.rendering import drawn
from serving.pages.views import answer as answers
from serving.pages.views.answer import Answer
from serving.pages.views.setting import Setting
from serving.pages.views.sheet import sheet_view
from serving.pages.views.timeline import timeline

SHORT: Final = 12
"""Characters of a hash that people compare."""

VERDICTS: Final = {
    "accept": "Accepted",
    "reject": "Rejected",
    "recycle": "Recycled",
    "disagree": "Disagreed with a reason",
}
ORIGINS: Final = {
    "score": "a system, with evidence sent along",
    "lead": "a system",
    "job": "a bulk job",
    "page": "a reviewer, on the lead's page",
}


@dataclass(frozen=True, slots=True)
class PastScore:
    """A row of the table of scores so far, as it is shown."""

    at: str
    when: str
    band: str
    percent: str
    points: str
    prediction_id: str


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """What a reviewer said, as it is shown."""

    at: str
    when: str
    verdict: str
    about: str
    note: str
    who: str


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a record is what its stored values give."""

    equal: bool
    sentence: str


def verdict_of(answer: Answer, setting: Setting) -> dict[str, Any]:
    """Head, signals and drawing of a scored answer: what a lead's page and a record share."""
    head = {
        "verdict": answers.verdict(answer),
        "change": answers.change(answer, setting),
        "signals": answers.signals(answer),
    }
    return head | _explained(answer, setting) if answers.is_explained(answer) else head


def _explained(answer: Answer, setting: Setting) -> dict[str, Any]:
    drawing = replace(answers.waterfall(answer), limits=setting.limits)
    peer = answer.get("peer")
    return {
        "base": words.points(answer["base"]["points"]),
        "peer": f"{words.plain(peer['name'])}, {words.whole(peer['leads'])} leads" if peer else "",
        "figures": {
            "waterfall_wide": drawn(waterfalls.draw("waterfall", drawing, waterfalls.WIDE)),
            "waterfall_narrow": drawn(waterfalls.draw("waterfall-narrow", drawing, waterfalls.NARROW)),
        },
    }


def lead_page(
    known: Known, sheet: Mapping[str, Any] | None, bundle: ModelBundle, setting: Setting, reader: str
) -> dict[str, Any]:
    """The page of a scored lead, from the answer that counts; ``reader`` is the id of the key that looks."""
    answer = known.answer
    shown = verdict_of(answer, setting)
    speaks_for, speaks_against = answers.for_and_against(answer)
    shown["figures"] |= _course(known, setting)
    playbook = bundle.playbook
    return shown | {
        "lead_id": answer["lead_id"],
        "prediction_id": answer["prediction_id"],
        "service_line": words.plain(known.head.service_line or ""),
        "scored_at": answer["as_of"],
        "scored": words.ago(words.instant(answer["as_of"]), setting.now),
        "speaks_for": speaks_for,
        "speaks_against": speaks_against,
        "missing": [words.sentence(said) for said in answer["missing"]],
        "unseen": [words.plain(field) for field in answer["unseen"]],
        "warnings": [words.sentence(said) for said in answer["warnings"]],
        "change": answers.change(known.moved or answer, setting),
        "to_double": f"{words.whole_points(bundle.scale.points_to_double)} more points double the odds.",
        "moves": answers.moves(answer),
        "sheet": sheet_view(sheet, answer["points"]) if sheet else None,
        "course": _past(known, setting),
        "timeline": timeline(
            known.evidence, setting, phrases=playbook.phrases, withhold=frozenset(playbook.withhold)
        ),
        "reject_reasons": playbook.reasons.rejected,
        "recycle_reasons": playbook.reasons.recycled,
        "feedback": said_before(known, setting, reader),
        "model": {
            "name": answer["model"]["name"],
            "arm": answer["model"]["arm"],
            "short": answer["model"]["bundle"][:SHORT],
        },
    }


def unscored_page(answer: Answer, setting: Setting) -> dict[str, Any]:
    """The page of somebody who objected to profiling."""
    return {
        "lead_id": answer["lead_id"],
        "prediction_id": answer["prediction_id"],
        "sentence": answer["sentence"],
        "at": answer["as_of"],
        "when": words.moment(answer["as_of"], setting.zone),
    }


def record_page(replayed: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    """A record as it was sent, with what the stored values give now."""
    answer = replayed["answer"]
    shown: dict[str, Any] = {"verdict": None, "sentence": answer.get("sentence", "")}
    if answers.is_scored(answer):
        shown |= verdict_of(answer, setting)
    return shown | {
        "lead_id": answer["lead_id"],
        "prediction_id": replayed["prediction_id"],
        "facts": _facts(replayed, setting),
        "check": _check(replayed["replay"]),
        "sent": laid_out(answer),
    }


def said_before(known: Known, setting: Setting, reader: str) -> tuple[SaidBefore, ...]:
    """What reviewers said of a lead, newest first; ``reader`` is the id of the key that looks."""
    return tuple(
        SaidBefore(
            at=iso(one.at),
            when=words.moment(iso(one.at), setting.zone),
            verdict=VERDICTS.get(one.verdict, one.verdict),
            about=TITLES.get(one.signal, words.plain(one.signal)) if one.signal else one.reason or "",
            note=one.note or "",
            who="by you" if one.actor == reader else f"by key {one.actor}",
        )
        for one in known.said
    )


def laid_out(value: Any, indent: str = "") -> str:
    """JSON for people: what holds further objects or lists has a line for each, the rest stays on one.

    >>> print(laid_out({"a": 1, "b": {"c": [1, 2], "d": [{"e": 1}]}}))
    {
     "a": 1,
     "b": {
      "c": [1,2],
      "d": [
       {"e":1}
      ]
     }
    }
    """
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not any(isinstance(one, dict | list) for one in inner):
        return orjson.dumps(value).decode()
    deeper = indent + " "
    lines = [laid_out(one, deeper) for one in inner]
    if isinstance(value, dict):
        lines = [f"{orjson.dumps(key).decode()}: {line}" for key, line in zip(value, lines, strict=True)]
    start, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{start}\n" + ",\n".join(deeper + line for line in lines) + f"\n{indent}{end}"


def _past(known: Known, setting: Setting) -> tuple[PastScore, ...]:
    return tuple(
        PastScore(
            iso(one.as_of),
            words.moment(iso(one.as_of), setting.zone),
            str(one.band),
            words.percent(one.probability),
            words.points(one.points),
            one.prediction_id,
        )
        for one in known.past
        if one.points is not None
    )


def _course(known: Known, setting: Setting) -> dict[str, Any]:
    scored = sorted((one.as_of, one.points, one.bundle) for one in known.past if one.points is not None)
    moments = [Moment(*one) for one in scored]
    return {
        "course_wide": drawn(courses.draw("course", moments, setting.limits, setting.zone, courses.WIDE)),
        "course_narrow": drawn(
            courses.draw("course-narrow", moments, setting.limits, setting.zone, courses.NARROW)
        ),
    }


def _facts(replayed: Mapping[str, Any], setting: Setting) -> list[tuple[str, str]]:
    answer = replayed["answer"]
    facts = [
        ("record", replayed["prediction_id"]),
        ("lead", answer["lead_id"]),
        ("as of", words.moment(answer["as_of"], setting.zone)),
        ("made", words.moment(replayed["made_at"], setting.zone)),
        ("asked by", ORIGINS.get(replayed["origin"], replayed["origin"])),
    ]
    if answers.is_scored(answer):
        facts += [
            ("model", f"{answer['model']['name']}, {replayed['role']}"),
            ("bundle", answer["model"]["bundle"]),
        ]
    return facts


def _check(replay: Mapping[str, Any] | None) -> Check | None:
    if replay is None:
        return None
    result = "equal to the last bit" if replay["equal"] else f"{replay['difference']:.3g} log-odds apart"
    return Check(replay["equal"], f"Computed again just now from what was stored: {result}.")

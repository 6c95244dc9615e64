"""Why the score moved since the last one: the same evidence older, new evidence, an edited field, another model.

The parts are differences of re-scored rows, one thing changed at a time, so they add up to the change exactly:

===========  ===========================================================================================
late_record  what we believe now was known then, against what was believed when the last score was given
decay        the clock moved on, and nothing else
new_event    events of the lead and its colleagues that became known since
new_stage    stages that became known since
edited_field values of fields that became known since
new_model    the same evidence, by the model that answers now
===========  ===========================================================================================

Where the model of the last score is not in memory, the present one tells the parts of the evidence, and what is
left is the model's: no score waits for a model to be loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from features.clock import DAY, HOUR, iso
from features.evidence import Evidence, Fact
from serving.answers import news
from serving.answers.known import Known
from serving.arms import Arm
from serving.store.heads import Last

Plain = dict[str, Any]

_LATE: Final = "what was known then has been completed or corrected since"
_MODEL: Final = "another model answers now"
_MODEL_GONE: Final = "another model answers now; the earlier one is not at hand to compare"


@dataclass(frozen=True, slots=True)
class Scored:
    """The score that is explained. ``log_odds`` is what ``arm`` gives for ``known`` at ``as_of``.

    Attributes:
        objected: ids of colleagues who objected to profiling: their events count, and are not told.
    """

    arm: Arm
    known: Known
    as_of: int
    log_odds: float
    points: float
    probability: float
    objected: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    cause: str
    points: float
    log_odds: float
    sentence: str

    @property
    def plain(self) -> Plain:
        return {
            "cause": self.cause,
            "points": self.points,
            "log_odds": self.log_odds,
            "sentence": self.sentence,
        }


def change(now: Scored, last: Last, earlier: Arm | None) -> Plain:
    """The change since ``last`` and its causes.

    Args:
        now: the present score.
        last: the last one; earlier than ``now``.
        earlier: the model that gave it, ``None`` where it is not at hand.
    """
    return {
        "since": last.prediction_id,
        "as_of": iso(last.as_of),
        "points": now.points - last.points,
        "log_odds": now.log_odds - last.log_odds,
        "probability": now.probability - last.probability,
        "causes": [part.plain for part in _parts(now, last, earlier)],
    }


def _parts(now: Scored, last: Last, earlier: Arm | None) -> Iterator[_Part]:
    arm = now.arm if earlier is None else earlier
    factor = arm.bundle.scale.factor
    then = _believed_then(now, last, arm)
    if earlier is not None and then != last.log_odds:
        yield _Part("late_record", factor * (then - last.log_odds), then - last.log_odds, _LATE)
    at = then
    for cause, log_odds, sentence in _steps(now, last, arm):
        if log_odds != at or cause != "decay":
            yield _Part(cause, factor * (log_odds - at), log_odds - at, sentence)
        at = log_odds
    if earlier is None:
        points = now.arm.bundle.scale.points(then) - last.points
        yield _Part("new_model", points, then - last.log_odds, _MODEL_GONE)
    elif earlier.fingerprint != now.arm.fingerprint:
        points = now.points - earlier.bundle.scale.points(at)
        yield _Part("new_model", points, now.log_odds - at, _MODEL)


def _believed_then(now: Scored, last: Last, arm: Arm) -> float:
    """What the evidence that we now believe was known then gives; the stored score where nothing was changed."""
    if now.known.revision == last.revision and arm.fingerprint == last.bundle:
        return last.log_odds
    return arm.scorer.log_odds(arm.features.row(now.known.bound(arm), last.as_of))


def _steps(now: Scored, last: Last, arm: Arm) -> Iterator[tuple[str, float, str]]:
    """Cause, log-odds after it, and its sentence: the clock first, then what became known, kind by kind."""
    full = now.known.evidence
    steps = list(_kinds(now, last, arm))
    passed = f"the same evidence is {_length(now.as_of - last.as_of)} older"
    if not steps:
        yield "decay", _everything(now, arm), passed
        return
    evidence = _as_known(full, last.as_of, arm.bundle.excused)
    yield "decay", _log_odds(arm, evidence, now.as_of), passed
    for at, (cause, sentence, added) in enumerate(steps, start=1):
        evidence = replace(evidence, **added)
        last_one = at == len(steps)
        yield cause, _everything(now, arm) if last_one else _log_odds(arm, evidence, now.as_of), sentence


def _kinds(now: Scored, last: Last, arm: Arm) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What became known since, by kind: cause, sentence, and the fields of the evidence that bring it in."""
    if now.known.complete_since <= last.as_of:
        return
    full, since = now.known.evidence, news.Since(last.as_of, now.as_of)
    events = news.of_events(full, since, arm.bundle.playbook, now.objected)
    if events:
        yield "new_event", events, {"events": full.events, "colleagues": full.colleagues}
    stages = news.of_stages(full, since, arm.bundle.playbook)
    if stages:
        yield "new_stage", stages, {"stages": full.stages}
    fields = news.of_fields(full, since, arm)
    if fields:
        yield "edited_field", fields, {"facts": full.facts, "account_facts": full.account_facts}


def _as_known(evidence: Evidence, moment: int, excused: Collection[str]) -> Evidence:
    """The evidence as a score at ``moment`` saw it, to be looked at with a later clock."""
    then = evidence.known_before(moment)
    return replace(
        then,
        facts=_facts_known(evidence.facts, moment, excused),
        account_facts=_facts_known(evidence.account_facts, moment, excused),
        colleagues=tuple(one for one in then.colleagues if one.created_at < moment),
    )


def _facts_known(facts: Collection[Fact], moment: int, excused: Collection[str]) -> tuple[Fact, ...]:
    """Facts known before ``moment``; an excused field counts as known when it was so."""
    return tuple(
        fact for fact in facts if (fact.occurred_at if fact.field in excused else fact.known_at) < moment
    )


def _everything(now: Scored, arm: Arm) -> float:
    """All the evidence, at the present moment, by ``arm``."""
    if arm.fingerprint == now.arm.fingerprint:
        return now.log_odds
    return arm.scorer.log_odds(arm.features.row(now.known.bound(arm), now.as_of))


def _log_odds(arm: Arm, evidence: Evidence, as_of: int) -> float:
    return arm.scorer.log_odds(arm.features.row(arm.features.bind(evidence), as_of))


def _length(span: int) -> str:
    """A length of time for people.

    >>> _length(3 * DAY), _length(HOUR), _length(1)
    ('3 days', '1 hour', 'less than an hour')
    """
    for unit, name in ((DAY, "day"), (HOUR, "hour")):
        number = round(span / unit)
        if span >= unit:
            return f"{number} {name}{'' if number == 1 else 's'}"
    return "less than an hour"

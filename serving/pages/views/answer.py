"""A recorded answer in words: verdict, signals, change, and what would move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serving.pages import words
from serving.pages.drawing.waterfall import Step, Waterfall
from serving.pages.views.setting import Setting

Answer = Mapping[str, Any]

WITHHELD: Final = "withheld"
WITHHELD_SENTENCE: Final = (
    "Not told: the playbook keeps these fields out of reasons. "
    "They count in the score, and only their sum is shown."
)
LEAST_REASON: Final = 0.10
"""In log-odds: what adds less is no reason, only part of the sum."""
NOTHING: Final = "0.0"
"""What a difference too small to be shown reads as."""

IN_GIST: Final = 2
"""Facts told at a glance."""
MOST_FOR: Final = 3
MOST_AGAINST: Final = 2


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the playbook asks for in this band."""

    do: str
    within: str
    route: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to know in ten seconds; every field as it is shown."""

    chance: str
    percent: str
    average: str
    horizon: str
    band: str
    band_words: str
    points: str
    interval: str
    next_step: NextStep | None


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """A member of a signal."""

    name: str
    sentence: str
    points: str
    look: str
    status: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A group of features and what it did to the score.

    Attributes:
        look: "for", "against" or "none".
        sentence: as it was sent. gist: the strongest facts alone, beside title and points.
        further: the facts that ``gist`` leaves out.
    """

    name: str
    title: str
    points: str
    look: str
    sentence: str
    gist: str
    further: tuple[str, ...]
    typical: str
    without: str
    features: tuple[FeatureLine, ...]
    is_reason: bool

    @property
    def can_be_disputed(self) -> bool:
        """Nobody can disagree with what is not told."""
        return self.name != WITHHELD


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of a change."""

    points: str
    look: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the score since the one before."""

    headline: str
    short: str
    since: str
    since_id: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Something the lead could do, and how the score would read then."""

    say: str
    chance: str
    points: str
    look: str


def is_explained(answer: Answer) -> bool:
    """Whether reasons were asked for; bulk jobs give scores alone unless they are told to explain them."""
    return "reasons" in answer


def is_scored(answer: Answer) -> bool:
    """Whether there is a score; a person who objected to profiling has none."""
    return bool(answer["scored"])


def verdict(answer: Answer) -> Verdict:
    """The head of a page."""
    probability = answer["probability"]
    return Verdict(
        chance=words.chance(probability),
        percent=words.percent(probability),
        average=words.against_average(probability, answer["base_rate"]),
        horizon=f"within {words.plural(answer['horizon_days'], 'day')}",
        band=answer["band"],
        band_words=words.BAND_WORDS[answer["band"]],
        points=words.points(answer["points"]),
        interval=words.sentence(answer["interval"]["sentence"]) if "interval" in answer else "",
        next_step=next_step(answer),
    )


def next_step(answer: Answer) -> NextStep | None:
    """What to do, where the playbook says so."""
    step = answer.get("next_step")
    if not step:
        return None
    hours = step.get("within_hours")
    within = "" if hours is None else f"within {_hours(hours)}"
    return NextStep(step["do"], within, step.get("route") or "")


def _hours(hours: float) -> str:
    if hours >= 48 and hours % 24 == 0:
        return f"{hours / 24:g} days"
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def signals(answer: Answer) -> tuple[Signal, ...]:
    """All groups, biggest first; none where the answer is not explained."""
    if not is_explained(answer):
        return ()
    members: dict[str, list[FeatureLine]] = {}
    for feature in answer["reasons"].get("by_feature") or ():
        if feature["signal"] == WITHHELD or feature["sentence"] is None:
            continue  # not told, or nothing beyond the signal itself
        members.setdefault(feature["signal"], []).append(_feature(feature))
    return tuple(
        _signal(part, answer.get("without") or {}, tuple(members.get(part["signal"], ())))
        for part in answer["reasons"]["by_signal"]
    )


def for_and_against(answer: Answer) -> tuple[tuple[Signal, ...], tuple[Signal, ...]]:
    """The few signals worth a sentence, those for the lead and those against it."""
    worth = [signal for signal in signals(answer) if signal.is_reason]
    speaks_for = [signal for signal in worth if signal.look == "for"]
    speaks_against = [signal for signal in worth if signal.look == "against"]
    return tuple(speaks_for[:MOST_FOR]), tuple(speaks_against[:MOST_AGAINST])


def waterfall(answer: Answer) -> Waterfall:
    """Base, signals and score, unrounded; limits of bands are added by the page."""
    steps = tuple(Step(part["title"], part["points"]) for part in answer["reasons"]["by_signal"])
    return Waterfall(answer["base"]["points"], steps, answer["points"])


def change(answer: Answer, setting: Setting) -> Change | None:
    """What became of the score since the one before; ``None`` for a first score."""
    told = answer.get("change")
    if not told:
        return None
    since = words.moment(told["as_of"], setting.zone)
    causes = tuple(
        Cause(words.signed(cause["points"]), _look(cause["points"]), words.sentence(cause["sentence"]))
        for cause in told["causes"]
    )
    moved = words.signed(told["points"]) if is_moved(answer) else "unchanged"
    short = f"{moved} since {words.day(told['as_of'], setting.zone)}"
    return Change(_moved(told["points"]), short, since, told["since"], causes)


def moves(answer: Answer) -> tuple[Move, ...]:
    """What the lead could do, in the order of the answer."""
    return tuple(
        Move(
            say=move["say"],
            chance=words.percent(answer["probability"] + move["probability_change"]),
            points=words.signed(move["points_change"]),
            look=_look(move["points_change"]),
        )
        for move in answer.get("moves") or ()
    )


def _signal(
    part: Mapping[str, Any], without: Mapping[str, float], members: tuple[FeatureLine, ...]
) -> Signal:
    hidden = part["signal"] == WITHHELD
    typical = part.get("typical_points")
    alone = without.get(part["signal"])
    return Signal(
        name=part["signal"],
        title=part["title"],
        points=words.signed(part["points"]),
        look=_look(part["points"]),
        sentence=WITHHELD_SENTENCE if hidden else words.sentence(part.get("sentence") or ""),
        gist=WITHHELD_SENTENCE if hidden else _gist(part),
        further=() if hidden else tuple(words.sentence(fact) for fact in part["facts"][IN_GIST:]),
        typical="" if typical is None else words.signed(typical),
        without="" if alone is None else words.percent(alone),
        features=() if hidden else members,
        is_reason=not hidden and abs(part["log_odds"]) >= LEAST_REASON,
    )


def _gist(part: Mapping[str, Any]) -> str:
    """The strongest facts, or the sentence where there are none."""
    told = "; ".join(part["facts"][:IN_GIST]) or part.get("sentence") or ""
    return words.sentence(told)


def _feature(part: Mapping[str, Any]) -> FeatureLine:
    return FeatureLine(
        name=part["feature"],
        sentence=words.sentence(part["sentence"]),
        points=words.signed(part["points"]),
        look=_look(part["points"]),
        status="" if part["status"] == "present" else part["status"],
    )


def is_moved(answer: Answer) -> bool:
    """Whether the score differs from the one before by more than the rounding of what is shown."""
    told = answer.get("change")
    return told is not None and words.points(told["points"]) != NOTHING


def _moved(points: float) -> str:
    told = words.points(abs(points))
    if told == NOTHING:
        return "Unchanged"
    return f"{'Up' if points > 0 else 'Down'} {told} points"


def _look(points: float) -> str:
    """Whether it speaks for or against a lead; neither where it reads as nothing."""
    if words.points(points) == NOTHING:
        return "none"
    return "for" if points > 0 else "against"

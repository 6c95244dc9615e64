"""Why: what each signal adds, beside a typical lead, with the facts that carry it.

Contributions in log-odds are the canonical ones of the served model; points are the same on the scale of the
bundle. Numbers are never rounded here, so that they add up in the JSON as they do in the model; sentences are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import expit

from features.online import Row
from models.bundle import GROUPS, SHEET
from models.online import Told
from models.peers import Peer
from models.scale import Scale
from serving.answers.view import SIGNALS, TITLES, WITHHELD, View

LEAST: Final = 0.10
"""A signal of less log-odds than this makes little difference and is not argued for."""

MOST_FACTS: Final = 3
LEAST_SHARE: Final = 0.25
"""A fact carries at least this share of what the strongest one does."""

STRONGEST: Final = 3
"""For so many signals the chance without them is told."""

_SHEET: Final = GROUPS.index(SHEET)

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What a model said of a row, and how it is to be told.

    Attributes:
        peer: the typical lead beside it.
    """

    view: View
    told: Told
    row: Row
    scale: Scale
    peer: Peer


def by_signal(case: Case) -> list[Plain]:
    """What each signal adds, the largest first; a signal that adds nothing is left out.

    ``base`` and all of them add up to the score.
    """
    view, parts = case.view, case.told.by_feature
    sums = np.bincount(view.group, weights=parts, minlength=len(SIGNALS)).tolist()
    sums[_SHEET] += case.told.sheet
    carried = np.bincount(view.family, weights=parts, minlength=len(view.families)).tolist()
    weights = _Weights(parts.tolist(), carried)
    order = sorted((at for at, part in enumerate(sums) if part), key=lambda at: -abs(sums[at]))
    return [_signal(case, at, sums[at], weights) for at in order]


class _Weights(NamedTuple):
    """Contributions of a row as plain lists, which are quicker to pick from: by feature, and by family."""

    features: list[float]
    families: list[float]


def _signal(case: Case, at: int, log_odds: float, weights: _Weights) -> Plain:
    name, factor = SIGNALS[at], case.scale.factor
    points = factor * log_odds
    comparable = name not in case.view.mixed and name != WITHHELD
    typical = factor * case.peer.by_group[at] if comparable else None
    facts = _facts(case, at, log_odds, weights)
    return {
        "signal": name,
        "title": TITLES[name],
        "points": points,
        "log_odds": log_odds,
        "direction": "for" if log_odds > 0 else "against",
        "typical_points": typical,
        "against_typical": None if typical is None else points - typical,
        "sentence": _sentence(name, log_odds, points, typical, facts),
        "facts": facts,
    }


def _facts(case: Case, group: int, log_odds: float, weights: _Weights) -> list[str]:
    """Sentences of what carries a signal, each thing once: in the window in which it weighs most."""
    view = case.view
    if group == _SHEET:
        return _rules(view, case.row, log_odds)
    most = max if log_odds > 0 else min
    families = sorted(view.of_group[group], key=weights.families.__getitem__, reverse=log_odds > 0)
    strongest = weights.families[families[0]] if families else 0.0
    if strongest * log_odds <= 0:
        return []
    enough = abs(strongest) * LEAST_SHARE
    return [
        view.say(case.row, most(view.families[family].members, key=weights.features.__getitem__))
        for family in families[:MOST_FACTS]
        if weights.families[family] * log_odds > 0 and abs(weights.families[family]) >= enough
    ]


def _rules(view: View, row: Row, log_odds: float) -> list[str]:
    """Rules of the sheet that hold and pull the same way; where there is none, that so few hold is the fact."""
    if view.sheet is None:
        return []
    holding = sorted(
        (rule for rule in view.sheet.given(row) if rule.fired), key=lambda rule: -abs(rule.points)
    )
    rounded = [(rule.name, round(rule.points, 1)) for rule in holding]
    told = [f"{name} ({points:+g} on your sheet)" for name, points in rounded if points * log_odds > 0]
    if told:
        return told[:MOST_FACTS]
    if log_odds > 0 or not view.sheet.complete:
        return []
    names = ", ".join(rule.name for rule in holding[:MOST_FACTS])
    return [f"on your sheet it has only: {names}" if holding else "no rule of your sheet holds"]


def _sentence(name: str, log_odds: float, points: float, typical: float | None, facts: list[str]) -> str:
    """What a sales rep understands in ten seconds."""
    title, verb = TITLES[name], ("speak" if name == SHEET else "speaks")
    if abs(log_odds) < LEAST:
        return f"{title} {'make' if name == SHEET else 'makes'} little difference ({said_points(points)})."
    beside = "" if typical is None else f"; a typical lead has {said_points(typical)}"
    side = f"{title} {verb} {'for' if log_odds > 0 else 'against'} this lead ({said_points(points)}{beside})"
    if name == WITHHELD:
        return f"{side}: it is protected or confidential."
    return f"{side}: {'; '.join(facts)}." if facts else f"{side}."


def said_points(points: float) -> str:
    """Points for people.

    >>> said_points(12.3), said_points(-0.2), said_points(1.0)
    ('+12 points', '0 points', '+1 point')
    """
    whole = round(points)
    return f"{whole:+d} point{'' if abs(whole) == 1 else 's'}" if whole else "0 points"


def by_feature(case: Case, unseen: tuple[str, ...]) -> list[Plain]:
    """What each feature adds, the largest first; those that add nothing are left out.

    What is withheld is one entry without a name, and so is what the team's own points add.
    """
    hidden, parts = case.view.hidden, case.told.by_feature.tolist()
    entries = [_feature(case, at, part, unseen) for at, part in enumerate(parts) if part and not hidden[at]]
    not_told = sum(part for at, part in enumerate(parts) if hidden[at])
    for name, part in ((SHEET, case.told.sheet), (WITHHELD, not_told)):
        entries += [_unnamed(name, part, case.scale)] if part else []
    entries.sort(key=lambda entry: -abs(entry["log_odds"]))
    return entries


def _feature(case: Case, at: int, log_odds: float, unseen: tuple[str, ...]) -> Plain:
    feature, value = case.view.features[at], case.view.value(case.row, at)
    status = "missing" if value is None else "unseen" if feature.name in unseen else "present"
    entry = {"feature": feature.name, "signal": feature.signal, **_amounts(log_odds, case.scale)}
    return entry | {"sentence": case.view.say(case.row, at), "value": value, "status": status}


def _unnamed(name: str, log_odds: float, scale: Scale) -> Plain:
    entry = {"feature": name, "signal": name, **_amounts(log_odds, scale)}
    return entry | {"sentence": None, "value": None, "status": "present"}


def _amounts(log_odds: float, scale: Scale) -> Plain:
    direction = "for" if log_odds > 0 else "against"
    return {"points": scale.factor * log_odds, "log_odds": log_odds, "direction": direction}


def without(signals: list[Plain], log_odds: float) -> dict[str, float]:
    """The chance without one signal, for the strongest; these do not add up, and are not meant to."""
    told = [one for one in signals if one["signal"] != WITHHELD and abs(one["log_odds"]) >= LEAST]
    return {one["signal"]: float(expit(log_odds - one["log_odds"])) for one in told[:STRONGEST]}


def missing(view: View, row: Row) -> list[str]:
    """Sentences of the attributes that are not known, each once."""
    gone = np.isnan(row.values).tolist()
    return list(dict.fromkeys(view.say(row, at) for at in view.attributes if gone[at]))


def unseen_fields(view: View, unseen: tuple[str, ...]) -> list[str]:
    """Fields that hold a word the model has not met; its effect is that of any unknown word."""
    fields = dict.fromkeys(view.field_of[name] for name in unseen)
    return [field for field in fields if field not in view.withhold]

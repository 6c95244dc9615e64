"""The pictures behind the metrics, as plain numbers: gain, precision and recall, reliability, scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats
from models.wilson import Z_95, wilson

Numbers = tuple[float, ...]

MOST_POINTS: Final = 200
"""Points kept of a precision-recall curve; more than a screen can show."""


@dataclass(frozen=True, slots=True)
class Gain:
    """The best ``share`` of the leads holds ``captured`` of the conversions, ``lift`` times a fair share."""

    share: Numbers
    captured: Numbers
    lift: Numbers


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Catching ``recall`` of the conversions, ``precision`` of the leads taken convert."""

    recall: Numbers
    precision: Numbers


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of similar probability: what was promised, and what came.

    Attributes:
        rows: how many rows.
        weight: their share of all weight.
        promised: their mean probability.
        converted: their share converted, with its Wilson interval ``low`` to ``high``.
    """

    rows: int
    weight: float
    promised: float
    converted: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Weight of converted and of other rows between neighboring ``edges`` (one more than counts)."""

    edges: Numbers
    converted: Numbers
    others: Numbers


def gain(label: Floats, probability: Floats, weight: Floats, points: int = 100) -> Gain:
    """Cumulative gain and lift at ``points`` equal steps of the weight; part of a tie counts in part."""
    taken, caught = _running(label, probability, weight)
    share = np.arange(1, points + 1) / points
    captured = np.interp(share, taken / taken[-1], caught / max(caught[-1], np.finfo(float).tiny))
    at_zero = (0.0,)
    return Gain(
        at_zero + _plain(share),
        at_zero + _plain(captured),
        (_plain(captured / share)[0], *_plain(captured / share)),
    )


def precision_recall(label: Floats, probability: Floats, weight: Floats) -> PrecisionRecall:
    """Precision at each recall, best rows first; one point per tie, thinned to ``MOST_POINTS``."""
    taken, caught = (part[1:] for part in _running(label, probability, weight))
    kept = np.unique(np.linspace(0, len(taken) - 1, MOST_POINTS).round().astype(np.int64))
    recall = caught / max(caught[-1], np.finfo(float).tiny)
    return PrecisionRecall(_plain(recall[kept]), _plain((caught / taken)[kept]))


def reliability(label: Floats, probability: Floats, weight: Floats, bins: int = 10) -> tuple[Bin, ...]:
    """Bins of about equal weight, each with the Wilson interval of its share converted.

    Rows of one probability stay in one bin, so there may be fewer bins. The interval counts
    effective rows, (sum of weights)^2 / (sum of squared weights): snapshots of one lead share its weight.
    """
    order = np.argsort(probability, kind="stable")
    ranked, mass = probability[order], np.cumsum(weight[order])
    starts = np.searchsorted(mass, mass[-1] * np.arange(1, bins) / bins, side="left") + 1
    first = np.unique([0, *(np.searchsorted(ranked, ranked[starts[starts < len(ranked)]], side="left"))])
    return tuple(
        _bin(label[rows], probability[rows], weight[rows], mass[-1]) for rows in np.split(order, first[1:])
    )


def scores(label: Floats, probability: Floats, weight: Floats, bins: int = 25) -> Histogram:
    """Weights per bin of probability, from 0 to the largest probability rounded up to a twentieth."""
    top = max(np.ceil(probability.max() * 20.0) / 20.0, 0.05)
    edges = np.linspace(0.0, top, bins + 1)
    converted, _ = np.histogram(probability, edges, weights=weight * label)
    others, _ = np.histogram(probability, edges, weights=weight * (1.0 - label))
    return Histogram(_plain(edges), _plain(converted), _plain(others))


def _running(label: Floats, probability: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weight and converted weight taken so far, best first; begins with 0, one entry per group of ties."""
    order = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    taken = np.cumsum(weight[order])[ends]
    caught = np.cumsum((weight * label)[order])[ends]
    return np.append(0.0, taken), np.append(0.0, caught)


def _bin(label: Floats, probability: Floats, weight: Floats, total: float) -> Bin:
    mass = weight.sum()
    converted = float(weight @ label / mass)
    rows = float(mass**2 / (weight @ weight))
    low, high = wilson(converted * rows, rows, z=Z_95)
    return Bin(len(label), float(mass / total), float(weight @ probability / mass), converted, low, high)


def _plain(values: Floats) -> Numbers:
    return tuple(float(value) for value in values)

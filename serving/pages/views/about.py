"""What the model is, for the page that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from models.bundle import ModelBundle
from serving.pages import words
from serving.pages.views.setting import band_limits


@dataclass(frozen=True, slots=True)
class BandRow:
    """A band: from which probability and points on, and what to do with it."""

    band: str
    band_words: str
    chance: str
    percent: str
    points: str
    next_step: str


@dataclass(frozen=True, slots=True)
class About:
    """Every field as it is shown."""

    headline: str
    facts: tuple[tuple[str, str], ...]
    bands: tuple[BandRow, ...]
    limits_from: str
    scale: str
    card: str


def about(bundle: ModelBundle, role: str) -> About:
    """From the manifest, the bands and the card of a loaded bundle."""
    made = bundle.manifest
    average = made["base_rate"]
    return About(
        headline=f"It says how likely a lead is to become an SQL. On average it is {words.chance(average)}.",
        facts=(
            ("model", f"{made['model']}, {role}"),
            ("bundle", bundle.fingerprint),
            ("playbook", bundle.playbook.name),
            ("an SQL is", f"definition {made['definition']}"),
            ("base rate", f"{words.percent(average)} ({words.chance(average)})"),
            ("horizon", _horizons(made["horizon_days"])),
            ("learned from", _learned(made)),
            ("asked about", f"{_day(made['first_as_of'])} to {_day(made['last_as_of'])}"),
        ),
        bands=_bands(bundle),
        limits_from=bundle.bands.limits.source,
        scale=bundle.scale.anchor,
        card=bundle.card,
    )


def _bands(bundle: ModelBundle) -> tuple[BandRow, ...]:
    limits = bundle.bands.limits
    shares: dict[str, float | None] = {"A": limits.a, "B": limits.b, "C": limits.c, "D": None}
    points = {limit.band: limit.points for limit in band_limits(bundle)}
    return tuple(
        BandRow(
            band=band,
            band_words=words.BAND_WORDS[band],
            chance="below C" if share is None else words.chance(share),
            percent="" if share is None else f"from {words.percent(share)}",
            points="" if share is None else words.points(points[band]),
            next_step=_step(bundle, band),
        )
        for band, share in shares.items()
    )


def _step(bundle: ModelBundle, band: str) -> str:
    step = getattr(bundle.playbook, "next_steps", {}).get(band)
    return "" if step is None else str(step.do)


def _horizons(days: Mapping[str, int]) -> str:
    """The usual horizon first, then the lines of business that differ."""
    usual = days[""]
    others = [f"{words.plain(line)} {n}" for line, n in sorted(days.items()) if line and n != usual]
    told = words.plural(usual, "day")
    return f"{told} ({', '.join(others)})" if others else told


def _learned(made: Mapping[str, Any]) -> str:

    leads, positives = words.whole(made["leads"]), words.whole(made["positives"])
    return f"{leads} leads, of which {positives} became SQLs"


def _day(text: str) -> str:
    return words.day(text, ZoneInfo("UTC"))

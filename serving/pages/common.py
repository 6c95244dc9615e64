"""What every page of a signed-in visitor is given."""

from __future__ import annotations

from typing import Any, Final

from features.clock import iso
from models.sealed import BundleError
from serving.arms import Arm
from serving.pages import words
from serving.pages.guard import Visitor
from serving.pages.views.setting import Setting
from serving.schemas.words import PRINTABLE
from serving.services import Services

PRINTABLE_OR_EMPTY: Final = f"^$|{PRINTABLE}"
"""Of fields of forms: browsers send those that were left empty, too."""


def common(services: Services, who: Visitor, here: str) -> dict[str, Any]:
    """The frame: who looks, where, and whether the clock is a demo's."""
    return {"visitor": who, "here": here, "demo_clock": _demo_clock(services)}


def setting_of(services: Services, arm: Arm | None = None) -> Setting:
    """Zone and bands of a loaded model, by default the champion's."""
    chosen = arm or services.live.current().champion
    return Setting.of(chosen.bundle, services.clock.now())


def arm_of(services: Services, fingerprint: str | None) -> Arm:
    """The model of an answer; the champion where that one cannot be loaded any more."""
    if fingerprint is None:
        return services.live.current().champion
    try:
        return services.live.arm(fingerprint)
    except BundleError:
        return services.live.current().champion


def _demo_clock(services: Services) -> str:
    if services.settings.demo_clock is None:
        return ""
    zone = services.live.current().champion.bundle.playbook.zone
    return words.moment(iso(services.clock.now()), zone)

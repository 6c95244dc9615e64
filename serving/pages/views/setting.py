"""What is the same for all leads of a page: the zone of the business, the limits of the bands, the hour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from models.bundle import ModelBundle
from serving.pages.drawing.zones import Limit


@dataclass(frozen=True, slots=True)
class Setting:
    """What the words of a page depend on besides the lead.

    Attributes:
        zone: moments are told in it.
        limits: where the bands begin, in points, best band first.
        now: the service's clock (microseconds).
    """

    zone: ZoneInfo
    limits: tuple[Limit, ...]
    now: int

    @classmethod
    def of(cls, bundle: ModelBundle, now: int) -> Setting:
        """Zone and limits are the bundle's."""
        return cls(bundle.playbook.zone, band_limits(bundle), now)


def band_limits(bundle: ModelBundle) -> tuple[Limit, ...]:
    """Lower limits of bands A, B and C in points."""
    limits = bundle.bands.limits
    shares = {"A": limits.a, "B": limits.b, "C": limits.c}
    return tuple(
        Limit(band, float(bundle.scale.points(math.log(share / (1 - share)))))
        for band, share in shares.items()
    )

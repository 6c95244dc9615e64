"""The stretch of time that sheets are judged on, as sales lived through it."""

from __future__ import annotations

from dataclasses import dataclass

from features.playbook import Playbook


@dataclass(frozen=True, slots=True)
class Period:
    """What a week holds.

    Attributes:
        leads_per_week: asked about, those that nobody worked among them.
        weeks: how many.
        capacity_per_week: leads that sales can work; ``None`` where the playbook does not say.
        today_per_week: leads that today's sheet hands over; ``None`` where it does not decide.
        within_hours: how soon a lead that is handed over has to be called; ``None`` likewise.
        unworked_above, unworked_below: share of leads that sales never touched, among those that today's sheet
            hands over and among the others; ``None`` where there are none.
    """

    leads_per_week: float
    weeks: float
    capacity_per_week: float | None = None
    within_hours: float | None = None
    unworked_above: float | None = None
    unworked_below: float | None = None
    today_per_week: float | None = None

    def __post_init__(self) -> None:
        if not self.leads_per_week > 0.0 or not self.weeks > 0.0:
            raise ValueError(f"a period has leads, got {self.leads_per_week:g} in {self.weeks:g} weeks")

    @property
    def capacity_share(self) -> float | None:
        """Share of the leads that sales can work, at most all of them."""
        if self.capacity_per_week is None:
            return None
        return min(self.capacity_per_week / self.leads_per_week, 1.0)

    @property
    def calls_per_week(self) -> float | None:
        """Leads a week at which all ways are compared: what sales can work or, unstated, what today's sheet brings."""
        return self.today_per_week if self.capacity_per_week is None else self.capacity_per_week

    @property
    def calls_share(self) -> float | None:
        """Share of the leads that are called then, at most all of them."""
        return None if not self.calls_per_week else min(self.calls_per_week / self.leads_per_week, 1.0)


def hours_of(playbook: Playbook) -> float | None:
    """How soon a lead that is handed over has to be called: the longest that the playbook gives bands A and B."""
    steps = [playbook.next_steps[band] for band in ("A", "B") if band in playbook.next_steps]
    hours = [step.within_hours for step in steps if step.within_hours is not None]
    return float(max(hours)) if hours else None

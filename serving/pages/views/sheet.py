"""The team's own point sheet, beside what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.points.evaluation import reaches
from serving.pages import words


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A rule that holds, as it is shown."""

    name: str
    points: str
    look: str
    refitted: str


@dataclass(frozen=True, slots=True)
class SheetView:
    """The rules that hold, with their total, and both with learned points where some were learned.

    Attributes:
        silent: rules that do not hold. withheld: those that are not told.
    """

    name: str
    rows: tuple[SheetRow, ...]
    total: str
    refitted: str
    verdict: str
    silent: int
    withheld: int


def sheet_view(sheet: Mapping[str, Any], model_points: float) -> SheetView:
    """From what ``Scoring.sheet`` says of a lead (``schemas.model.SheetShown``).

    Args:
        sheet: rules and total.
        model_points: of the recorded answer that the page shows.
    """
    rules = sheet["rules"]
    holding = sorted((rule for rule in rules if rule["fired"]), key=lambda rule: -abs(rule["points"]))
    return SheetView(
        name=sheet["sheet"],
        rows=tuple(
            SheetRow(
                rule["name"],
                words.signed(rule["points"]),
                "for" if rule["points"] > 0 else "against",
                "" if rule["refitted"] is None else words.signed(rule["refitted"]),
            )
            for rule in holding
        ),
        total=words.points(sheet["total"]),
        refitted=words.points(sheet["refitted"]["total"]) if sheet["refitted"] else "",
        verdict=_verdict(sheet, model_points),
        silent=sum(rule["fired"] is False for rule in rules),
        withheld=sum(rule["fired"] is None for rule in rules),
    )


_WOULD: Final = {True: "hand it over", False: "not hand it over"}


def _verdict(sheet: Mapping[str, Any], model_points: float) -> str:
    """Who would hand the lead over. A sheet with withheld rules does not say."""
    by_hand, mql_at = sheet["is_mql"], sheet["mql_at"]
    if by_hand is None:
        return ""
    if mql_at is None:
        where = f"Its cell of the grid is {sheet['cell']}. " if sheet["cell"] else ""
        return f"{where}The sheet would {_WOULD[by_hand]}."
    learned = model_points >= mql_at
    told = f"At {words.whole_points(mql_at)} points a lead is handed over to sales.{_besides(sheet)}"
    if by_hand == learned:
        return f"{told} Both the sheet and the model would {_WOULD[by_hand]}."
    return f"{told} The sheet would {_WOULD[by_hand]}, the model would {_WOULD[learned]}."


def _besides(sheet: Mapping[str, Any]) -> str:
    """Why the total alone does not say it."""
    reached = bool(reaches(sheet["total"], sheet["mql_at"]))
    if reached == sheet["is_mql"]:
        return ""
    return " A group of its rules has too few." if reached else " A rule hands it over whatever its points."

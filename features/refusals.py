"""What pydantic refused, one line per problem."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

Place = tuple[int | str, ...]
Problem = tuple[Place, str]
"""Where, as keys and positions from the top, and what is wrong there."""


class MisfitError(ValueError):
    """Parts that are well-formed each and do not fit together; raised by validators, which name one place only."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{dotted(place)}: {what}" if place else what for place, what in problems))


def refuse(problems: Sequence[Problem]) -> None:
    """Raise ``MisfitError`` if there are any."""
    if problems:
        raise MisfitError(problems)


def dotted(place: Place) -> str:
    """A place in words.

    >>> dotted(("sheet", "rules", 3, "when"))
    'sheet.rules.3.when'
    """
    return ".".join(map(str, place))


def placed(error: ValidationError) -> list[Problem]:
    """Place and message of each problem. A list is not called too short where its only items were refused."""
    found = error.errors(include_input=False, include_url=False)
    places = [problem["loc"] for problem in found]
    told: list[Problem] = []
    for place, problem in zip(places, found, strict=True):
        if any(other[: len(place)] == place != other for other in places):
            continue
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, MisfitError):
            told += [((*place, *within), what) for within, what in cause.problems]
        else:
            told.append((place, problem["msg"].removeprefix("Value error, ")))
    return told


def refusals(error: ValidationError, whole: str) -> list[str]:
    """Each problem with its place; ``whole`` names the file where the place is all of it."""
    return [f"{dotted(place) or whole}: {what}" for place, what in placed(error)]

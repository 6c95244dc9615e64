"""What pydantic refused, one line per problem."""

from __future__ import annotations

from pydantic import ValidationError


def refusals(error: ValidationError, whole: str) -> list[str]:
    """Place and message of each problem; ``whole`` names the file where the place is all of it.

    A list is not called too short where its only items were refused.
    """
    found = error.errors(include_input=False)
    places = [problem["loc"] for problem in found]
    return [
        f"{'.'.join(map(str, place)) or whole}: {problem['msg'].removeprefix('Value error, ')}"
        for place, problem in zip(places, found, strict=True)
        if not any(other[: len(place)] == place != other for other in places)
    ]

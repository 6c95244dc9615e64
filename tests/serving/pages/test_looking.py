"""Why a score moved is found behind answers that do not say so."""

from __future__ import annotations

import json

import pytest

from serving.pages.looking import last_move
from serving.store import predictions
from tests.serving.pages.house import TENANT, Pages
from tests.serving.store.making import prediction


def said(points: float, since: int | None, by: float = 0.0, causes: tuple[str, ...] = ()) -> bytes:
    told = [{"points": by, "sentence": cause} for cause in causes]
    change = {"since": f"{since or 0:032d}", "as_of": "1970-01-01T00:00:00Z", "points": by, "causes": told}
    return json.dumps({"points": points, "change": None if since is None else change}).encode()


def of_job(points: float) -> bytes:
    return json.dumps({"points": points}).encode()


def answers(pages: Pages, *rows: tuple[float, bytes, int | None]) -> None:
    """Answers number 1, 2, ...: points, what was said, and the number of the one before."""
    with pages.store.writing() as connection:
        for number, (points, body, before) in enumerate(rows, start=1):
            told = json.loads(body) | {"prediction_id": f"{number:032d}", "scored": True}
            previous = None if before is None else f"{before:032d}"
            kept = json.dumps(told).encode()
            one = prediction(number, tenant=TENANT, points=points, previous=previous, answer=kept)
            predictions.record(connection, [one], alert_points=None)


def moved(pages: Pages, number: int) -> tuple[float, int, list[str]] | None:
    with pages.store.reading() as connection:
        kept = predictions.get(connection, TENANT, f"{number:032d}")
        assert kept is not None
        change = last_move(connection, TENANT, json.loads(kept.answer)).get("change")
    if not change:
        return None
    return change["points"], int(change["since"]), [cause["sentence"] for cause in change["causes"]]


@pytest.mark.parametrize("body", [of_job(60.0), said(60.0, None)], ids=["without reasons", "with reasons"])
def test_a_move_by_a_bulk_job_is_shown_without_its_causes(pages: Pages, body: bytes) -> None:
    answers(pages, (40.0, said(40.0, None), None), (60.0, body, 1), (60.0, said(60.0, 2), 2))
    assert moved(pages, 2) == (20.0, 1, [])
    assert moved(pages, 3) == (20.0, 1, [])


def test_a_bulk_job_after_which_nothing_moved_does_not_hide_why_it_moved_before(pages: Pages) -> None:
    answers(
        pages,
        (40.0, said(40.0, None), None),
        (52.0, said(52.0, 1, 12.0, ("a visit",)), 1),
        (52.0, of_job(52.0), 2),
        (52.0, said(52.0, 3), 3),
    )
    assert moved(pages, 3) == (12.0, 1, ["a visit"])
    assert moved(pages, 4) == (12.0, 1, ["a visit"])


def test_a_first_score_by_a_bulk_job_has_moved_nothing(pages: Pages) -> None:
    answers(pages, (52.0, of_job(52.0), None))
    assert moved(pages, 1) is None

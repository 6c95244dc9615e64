"""The two public data sets, from their files to a history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.clock import DAY
from features.folder import read_manifest, read_tables
from features.playbook import Playbook, read_playbook
from pipelines.ingest import ingest
from tests.pipelines.exports import accounted

pytestmark = pytest.mark.realdata

History = tuple[dict[str, pa.Table], Playbook, Path]


def made(root: Path, source: Path, name: str, out: Path) -> History:
    manifest = ingest(root / "examples" / name / "mapping.yaml", source, out)
    assert accounted(manifest)
    assert manifest.counts["quarantined"] == 0
    return read_tables(out), read_playbook(root / "examples" / name / "playbook.yaml"), out


@pytest.fixture(scope="module")
def loans(root: Path, realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    return made(root, realdata / "bpic2012", "bpic2012", tmp_path_factory.mktemp("loans") / "history")


@pytest.fixture(scope="module")
def sellers(root: Path, realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> History:
    return made(root, realdata / "olist_funnel", "olist", tmp_path_factory.mktemp("sellers") / "history")


def first_entries(tables: dict[str, pa.Table], stages: tuple[str, ...]) -> np.ndarray:
    """Per lead the first instant in one of the stages, or the largest int64."""
    place = {lead: number for number, lead in enumerate(tables["leads"]["lead_id"].to_pylist())}
    first = np.full(len(place), np.iinfo(np.int64).max)
    rows = zip(*(tables["stages"][name].to_pylist() for name in ("lead_id", "stage")), strict=True)
    for (lead, stage), instant in zip(
        rows, tables["stages"]["entered_at"].cast(pa.int64()).to_pylist(), strict=True
    ):
        if stage in stages:
            first[place[lead]] = min(first[place[lead]], instant)
    return first


def test_loans_are_all_there(loans):
    tables, playbook, _ = loans
    counts = {name: table.num_rows for name, table in tables.items()}
    assert counts == {"leads": 13_087, "events": 262_200, "attributes": 13_087, "stages": 60_849}
    assert set(tables["stages"]["stage"].to_pylist()) == set(playbook.stages)


def test_a_third_of_the_loans_still_open_after_a_day_were_accepted(loans):
    tables, playbook, _ = loans
    created = tables["leads"]["created_at"].cast(pa.int64()).to_numpy()
    won = first_entries(tables, playbook.stages_of("sql"))
    lost = first_entries(tables, playbook.stages_of("rejected"))
    alive = np.minimum(won, lost) >= created + DAY
    ever = won < np.iinfo(np.int64).max
    assert (int(alive.sum()), int(ever.sum())) == (6_300, 2_246)
    assert ever[alive].mean() == pytest.approx(0.352, abs=0.0005)


def test_events_of_a_loan_keep_the_order_of_the_log(loans):
    """The log has 13,995 ties; ``seq`` numbers the events of a case."""
    events = loans[0]["events"]
    leads = np.asarray(events["lead_id"].combine_chunks().cast(pa.string()).dictionary_encode().indices)
    seq = np.array([int(event_id.rpartition("-")[2]) for event_id in events["event_id"].to_pylist()])
    same = leads[1:] == leads[:-1]
    assert (np.diff(seq)[same] == 1).all()


def test_sellers_are_all_there(sellers):
    tables, _, out = sellers
    counts = {name: table.num_rows for name, table in tables.items()}
    assert counts == {"leads": 8_000, "events": 0, "attributes": 15_940, "stages": 842}
    assert read_manifest(out).counts["naive"] == 8_842


def test_a_seller_is_known_when_the_day_of_first_contact_is_over(sellers):
    tables, playbook, _ = sellers
    attributes = tables["attributes"]
    waited = (
        attributes["known_at"].cast(pa.int64()).to_numpy()
        - attributes["occurred_at"].cast(pa.int64()).to_numpy()
    )
    hours = set((waited / (DAY / 24)).tolist())
    assert hours == {23.0, 24.0, 25.0}, "a day, but for the two on which the clocks of São Paulo changed"
    assert {field.availability for field in read_manifest(sellers[2]).fields.values()} == {
        "immutable_at_create"
    }
    assert min(playbook.snapshots[0].days) * DAY > waited.max()


def test_nothing_of_the_deals_but_their_moment_is_taken(sellers):
    tables, playbook, _ = sellers
    assert set(tables["attributes"]["field"].to_pylist()) == {"landing_page", "origin"}
    assert tables["stages"]["actor"].null_count == tables["stages"]["reason"].null_count == 842
    assert set(tables["stages"]["stage"].to_pylist()) == {"won"} == set(playbook.stages_of("sql"))


@pytest.mark.parametrize(("name", "folder"), [("bpic2012", "bpic2012"), ("olist", "olist_funnel")])
def test_twice_gives_the_same_history(root, realdata, tmp_path, request, name, folder):
    once = read_manifest(request.getfixturevalue({"bpic2012": "loans", "olist": "sellers"}[name])[2])
    again = ingest(root / "examples" / name / "mapping.yaml", realdata / folder, tmp_path / "history")
    assert again == once

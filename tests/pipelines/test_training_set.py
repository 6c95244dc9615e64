"""From a history to labeled snapshots: what trains, what may not be read, and that buckets do not matter."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from features import folder
from features.clock import DAY, iso
from features.errors import DefinitionError, TooLittleDataError
from features.folder import read_tables, write_history
from features.language import count, latest, lead_age, recency
from features.matrix import Matrix
from features.playbook import Attributes, Playbook
from features.tables import SCHEMAS
from models.points.evaluation import fires
from pipelines.ingest import ingest
from pipelines.reading import HistoryReader
from pipelines.training_set import TrainingSet, training_set
from tests import builders

FEW = count("web_visit", days=(7, 30)) + recency("email_click")


def with_attributes(playbook: Playbook, **changes: dict[str, str]) -> Playbook:
    return playbook.model_copy(update={"attributes": Attributes(**changes)})


def test_states_add_up_to_the_snapshots(examples):
    assert sum(examples.label_states.values()) == len(examples) > 1000
    assert all(examples.label_states.values()), "the company has leads of every state"


def test_it_says_its_size_and_states_in_a_line(examples):
    told = repr(examples)
    assert told.startswith(f"{len(examples):,} snapshots of ")
    assert f"{examples.label_states['converted']:,} converted" in told
    assert len(told) < 200


def test_snapshots_come_in_order_of_time_each_once(examples):
    assert (np.diff(examples.as_of) >= 0).all()
    asked = Counter(zip(examples.lead_id, examples.as_of, strict=True))
    assert max(asked.values()) == 1


def test_mature_and_worked_snapshots_may_train_and_no_others(examples):
    trains = {"converted", "rejected", "lapsed", "recycled"}
    assert set(examples.state[examples.usable]) == trains
    assert not trains & set(examples.state[~examples.usable])
    assert len(examples.dataset()) == examples.usable.sum()


def test_a_snapshot_without_an_honest_answer_never_trains_whatever_the_playbook_says(vendor):
    eager = vendor.playbook.model_copy(update={"train_on": ("converted", "immature", "duplicate")})
    found = training_set(vendor.history, eager, FEW)
    assert set(found.state[found.usable]) == {"converted"}


def test_weights_add_up_to_the_leads_and_do_not_hang_on_what_became_of_them(examples):
    data = examples.dataset()
    assert len(set(data.lead_id)) < len(data), "some lead has several snapshots"
    assert data.weight.sum() == pytest.approx(len(set(data.lead_id)))
    assert len(set(data.weight)) == 1, "one moment per episode: all count alike"


def test_leads_that_close_soon_do_not_count_more_where_questions_are_repeated(tmp_path):
    """One in five converts on day 3, the others stay open: at day 1 the weighted rate is one in five."""
    days = {f"L{i:03d}": (3 if i % 5 == 0 else None) for i in range(200)}
    leads = [{"lead_id": lead, "created_at": DAY * i} for i, lead in enumerate(days)]
    won = [
        {"lead_id": lead, "stage": "sql", "entered_at": DAY * (i + day), "known_at": DAY * (i + day)}
        for i, (lead, day) in enumerate(days.items())
        if day is not None
    ]
    rows = {"leads": leads, "stages": won, "events": [], "attributes": []}
    tables = {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in SCHEMAS.items()}
    write_history(tmp_path / "history", tables, {"observed_until": iso(DAY * 500)})
    asked = builders.playbook(snapshots=[{"policy": "age", "days": [1, 7, 30]}], horizon_days=20)
    data = training_set(tmp_path / "history", asked, lead_age()).dataset()
    first = data.matrix.column("lead_age()") == 1.0
    assert data.weight[first] @ data.label[first] / data.weight[first].sum() == pytest.approx(0.2)
    assert data.weight @ data.label / data.weight.sum() == pytest.approx(40 / (200 + 2 * 160))


def test_a_lead_without_an_account_is_an_account_of_its_own(examples, vendor):
    leads = read_tables(vendor.history)["leads"].to_pandas().set_index("lead_id")["account_id"]
    of_lead = leads.astype(object).where(leads.notna(), leads.index.to_series()).to_dict()
    assert examples.account.tolist() == [of_lead[lead] for lead in examples.lead_id]
    assert (examples.account == examples.lead_id).any()
    assert len(set(examples.account)) < len(set(examples.lead_id))


def test_the_columns_of_the_sheet_are_computed_but_not_chosen(vendor):
    found = training_set(vendor.history, vendor.playbook, FEW)
    assert found.chosen == tuple(FEW)
    assert found.features[: len(FEW)] == found.chosen
    assert fires(vendor.playbook.sheet, found.matrix).any(axis=0).all(), "every rule holds for someone"


def test_without_a_sheet_there_is_nothing_but_what_was_chosen(vendor):
    found = training_set(vendor.history, vendor.playbook.model_copy(update={"sheet": None}), FEW)
    assert found.features == found.chosen == tuple(FEW)


def test_a_feature_of_an_excluded_field_is_refused_by_name_and_reason(vendor):
    with pytest.raises(DefinitionError) as refused:
        training_set(vendor.history, vendor.playbook, [*FEW, *latest("rating"), *latest("hubspot_score")])
    assert len(refused.value.problems) == 2, "nobody is told to excuse what is excluded"
    assert refused.value.problems[0].startswith(
        "latest(rating): the playbook excludes rating (typed in by sales"
    )


def test_a_field_of_which_only_todays_value_is_known_is_refused(vendor):
    with pytest.raises(DefinitionError, match="only today's value was exported"):
        training_set(vendor.history, with_attributes(vendor.playbook), latest("rating"))


def test_the_catalogue_leaves_unusable_fields_alone(vendor):
    open_minded = with_attributes(vendor.playbook)
    found = training_set(vendor.history, open_minded)
    assert not {feature.field for feature in found.features} & {"rating", "hubspot_score"}
    assert HistoryReader(vendor.history, open_minded).current_only == {"rating", "hubspot_score"}


def test_an_excused_field_counts_as_known_when_it_happened(vendor):
    excused = with_attributes(vendor.playbook, excuse={"rating": "a test"})
    found = training_set(vendor.history, excused, latest("rating"))
    assert {"Hot", "Warm", "Cold"} & set(found.matrix.texts("latest(rating)"))


def test_the_back_filled_field_was_never_known_when_a_new_lead_was_asked_about(examples):
    """At a re-entry months later it rightly is known."""
    new = examples.episode == 0
    seen = ~np.isnan(examples.matrix.column("latest(sample_volume)"))
    assert not seen[new].any()


def test_an_older_definition_labels_the_same_history_otherwise(examples, vendor):
    older = training_set(vendor.history, vendor.playbook, FEW, version="asked-or-accepted")
    assert older.definition.version == "asked-or-accepted"
    assert examples.definition.version == "accepted-by-sales", "the latest is the default"
    assert older.label_states["converted"] != examples.label_states["converted"]


def test_an_unknown_definition_is_answered_with_those_there_are(vendor):
    with pytest.raises(DefinitionError, match="it has asked-or-accepted, accepted-by-sales"):
        training_set(vendor.history, vendor.playbook, FEW, version="v9")


def test_no_label_yet_is_told_with_the_counts(vendor):
    patient = vendor.playbook.model_copy(
        update={"horizon_days": 730, "service_lines": {}, "recording_lag_days": 365}
    )
    with pytest.raises(TooLittleDataError, match="no snapshot has a label yet") as refused:
        training_set(vendor.history, patient, FEW).dataset()
    assert any("immature" in problem for problem in refused.value.problems)
    assert "the history ends 2025-09-01T00:00:00Z" in refused.value.problems[-1]


def test_a_frame_has_who_when_and_what_became_before_the_features(examples):
    frame = examples.to_pandas()
    head = ["lead_id", "account", "service_line", "as_of", "label_state", "reason", "label", "label_known_at"]
    assert list(frame.columns) == [*head, *examples.matrix.names]
    assert frame["as_of"].astype("int64").tolist() == examples.as_of.tolist()
    assert (frame["label_known_at"] > frame["as_of"]).all()


@pytest.fixture(scope="module")
def in_buckets(vendor, tmp_path_factory) -> TrainingSet:
    """The same company, its history in many small buckets."""
    path = tmp_path_factory.mktemp("buckets") / "history"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "ROWS_PER_BUCKET", 4000)
        ingest(vendor.exports / "mapping.yaml", vendor.exports, path)
    heard: list[tuple[int, int]] = []
    found = training_set(path, vendor.playbook, step=lambda done, of: heard.append((done, of)))
    assert heard == [(done, found.manifest.buckets) for done in range(1, found.manifest.buckets + 1)]
    return found


def test_many_buckets_give_what_one_gives(examples, in_buckets):
    assert (examples.manifest.buckets, in_buckets.manifest.buckets) == (1, 8)
    assert in_buckets.chosen == examples.chosen
    assert_same(in_buckets.matrix, examples.matrix)
    for column in (
        "lead_id",
        "account",
        "service_line",
        "as_of",
        "episode",
        "state",
        "reason",
        "label_known_at",
    ):
        np.testing.assert_array_equal(getattr(in_buckets, column), getattr(examples, column), err_msg=column)
    np.testing.assert_array_equal(in_buckets.label, examples.label)
    assert (in_buckets.leads, in_buckets.entitled) == (examples.leads, examples.entitled)


def assert_same(one: Matrix, other: Matrix) -> None:
    assert one.features == other.features
    assert one.words == other.words
    np.testing.assert_array_equal(one.values, other.values)

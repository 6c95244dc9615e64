"""What questions about a sheet are asked of: the rows of a training, with the sheet's columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import expit

from features.clock import DAY, SECOND, iso
from features.errors import DefinitionError, LeadlightError
from features.language import count
from models.points.evaluation import evaluate
from models.pointsheet import SheetModel
from models.splits import forward_split
from pipelines.params import TrainParams
from pipelines.points.reading import SHEETS, SheetData, read_predicted
from pipelines.points.report import header

OWN = """
name: a sheet of its own
mql_at: 10
rules:
  - {name: prices, points: 10, when: {event: pricing_view, days: 45}}
"""


@pytest.fixture(scope="module")
def data(vendor):
    return SheetData.read(vendor.history, vendor.playbook_file)


def test_rows_are_cut_as_training_cuts_them(data, examples):
    wanted = forward_split(examples.dataset(), TrainParams().test_share)
    assert (data.split.train == wanted.train).all()
    assert (data.split.test == wanted.test).all()
    assert data.split.testing.lead_id.tolist() == wanted.testing.lead_id.tolist()


def test_the_sheet_can_be_read_off(data):
    said = evaluate(data.sheet, data.split.testing.matrix, data.split.testing.service_line)
    assert 0 < said.is_mql.mean() < 1


def test_a_sheet_of_a_file_takes_the_place_of_the_playbooks(vendor, tmp_path):
    file = tmp_path / "sheet.yaml"
    file.write_text(OWN, encoding="utf-8")
    found = SheetData.read(vendor.history, vendor.playbook_file, file)
    assert found.sheet.name == found.playbook.sheet.name == "a sheet of its own"
    prices = found.split.testing.matrix.column(count("pricing_view", days=45)[0].name) > 0
    assert (evaluate(found.sheet, found.split.testing.matrix).is_mql == prices).all()


def test_columns_are_added_once(vendor, data):
    wanted = [*count("web_visit", days=(11, 13)), data.examples.chosen[0]]
    found = SheetData.read(
        vendor.history, vendor.playbook_file, extra=lambda sheet: wanted if sheet.rules else []
    )
    names = found.split.dataset.matrix.names
    assert {feature.name for feature in wanted} <= set(names)
    assert len(names) == len(set(names)) == len(data.split.dataset.matrix.names) + 2


def test_a_playbook_without_a_sheet_is_refused(vendor, tmp_path):
    plain = tmp_path / "playbook.yaml"
    text = vendor.playbook_file.read_text(encoding="utf-8")
    start, end = text.index("\nsheet:"), text.index("# What a lead could do next")
    plain.write_text(text[:start] + "\n" + text[end:], encoding="utf-8")
    with pytest.raises(DefinitionError, match="has no point sheet"):
        SheetData.read(vendor.history, plain)


def test_the_period_is_what_sales_lived_through(data):
    asked, test = data.examples, data.split.testing
    first, last = test.as_of[0], test.as_of[-1]
    offered = [
        i for i in range(len(asked))
        if first <= asked.as_of[i] <= last and asked.state[i] != "duplicate"
    ]  # fmt: skip
    period = data.period()
    assert period.weeks == pytest.approx((last - first) / (7 * DAY))
    assert period.leads_per_week == pytest.approx(len({asked.lead_id[i] for i in offered}) / period.weeks)
    assert (period.capacity_per_week, period.within_hours) == (10, 48.0)
    assert 0 < period.unworked_above < period.unworked_below < 1
    unworked = np.mean([asked.state[i] == "unworked" for i in offered])
    assert header(data, learned=data.split.train, judged=True).unworked == pytest.approx(unworked)


def test_leads_a_week_are_counted_among_all_that_were_offered(data):
    asked, offered = data.examples, data.offered()
    at = np.flatnonzero(data.in_period)
    assert "unworked" in asked.state[at]
    assert len(offered) == len(at) > len(data.split.test)
    assert offered.weight.sum() == pytest.approx(len(set(asked.lead_id[at])))
    handed = evaluate(data.sheet, asked.matrix.take(at), asked.service_line[at]).is_mql
    period = data.period()
    assert period.today_per_week == pytest.approx(offered.weight[handed].sum() / period.weeks)
    assert set(offered.segments) >= set(data.segments())
    assert {len(values) for values in offered.segments.values()} == {len(offered)}


def test_segments_are_known_attributes_of_the_judged_rows(data):
    found = data.segments()
    assert list(found) == ["service line", "region", "source"]
    assert {len(values) for values in found.values()} == {len(data.split.testing)}
    assert found["region"].tolist() == data.split.testing.matrix.texts("latest(country)").tolist()


def test_the_header_says_what_was_asked(data):
    told = header(data, learned=data.split.train, judged=True)
    assert told.question.startswith("Does this lead become an SQL")
    assert told.learned_since < told.learned_until < told.judged_since < told.judged_until
    assert told.converted == data.split.dataset.positives


def test_the_header_of_what_learned_from_all_says_that_nothing_was_judged(data):
    rows = data.split.dataset
    told = header(data, learned=np.arange(len(rows)), judged=False)
    assert (told.judged_since, told.judged_until) == (None, None)
    assert (told.learned_since, told.learned_until) == (iso(int(rows.as_of[0])), iso(int(rows.as_of[-1])))
    asked = data.examples
    inside = (asked.as_of >= rows.as_of[0]) & (asked.as_of <= rows.as_of[-1]) & (asked.state != "duplicate")
    assert told.unworked == pytest.approx((asked.state[inside] == "unworked").mean())


def run_of(folder, data, *, part="test", rows=None):
    """A training run that says 1 %, 2 %, ... of the rows judged."""
    judged = data.split.testing
    kept = np.arange(len(judged)) if rows is None else rows
    moments = [
        datetime.fromtimestamp(int(t) // SECOND, UTC).replace(microsecond=int(t) % SECOND)
        for t in judged.as_of
    ]
    table = {
        "lead_id": judged.lead_id[kept].tolist(),
        "as_of": pa.array([moments[at] for at in kept], pa.timestamp("us", "UTC")),
        "split": [part] * len(kept),
        "model": ["lightgbm"] * len(kept),
        "probability": [(at % 99 + 1) / 100 for at in kept],
    }
    pq.write_table(pa.table(table), folder / "predictions.parquet")
    (folder / "report.json").write_text(json.dumps({"winner": "lightgbm"}), encoding="utf-8")
    (folder / "models" / "lightgbm").mkdir(parents=True)
    for name, text in SheetModel(data.sheet, 0.1, -2.0, (0.0,) * len(data.sheet.rules)).to_files().items():
        (folder / "models" / "lightgbm" / name).write_text(text, encoding="utf-8")
    return folder


def test_what_the_winner_said_is_brought_to_the_rows(data, tmp_path):
    shuffled = np.random.default_rng(0).permutation(len(data.split.test))
    found = read_predicted(run_of(tmp_path, data, rows=shuffled), data)
    assert (found.name, found.title) == ("lightgbm", "LightGBM")
    assert found.model.log_odds(data.split.testing.matrix).shape == (len(data.split.test),)
    assert found.probability.tolist() == [(at % 99 + 1) / 100 for at in range(len(data.split.test))]


def test_a_run_on_other_rows_is_refused(data, tmp_path):
    few = np.arange(len(data.split.test) - 3)
    with pytest.raises(LeadlightError, match=r"3 of .* rows are not in its predictions"):
        read_predicted(run_of(tmp_path, data, rows=few), data)


def test_a_run_that_learned_from_the_rows_is_refused(data, tmp_path):
    with pytest.raises(LeadlightError, match="were not kept for judging"):
        read_predicted(run_of(tmp_path, data, part="train"), data)


def test_no_run_is_said(data, tmp_path):
    with pytest.raises(LeadlightError, match=r"report.json is missing\n.*predictions.parquet is missing"):
        read_predicted(tmp_path, data)


@pytest.mark.slow
def test_a_real_training_is_read(data, trained):
    found = read_predicted(trained.out, data)
    raced = [one for one in trained.report["race"]["candidates"].items() if one[1]["raced"]]
    best = min((one["log_loss"], name) for name, one in raced if name not in SHEETS)[1]
    assert found.name == (trained.report["winner"] if trained.report["winner"] not in SHEETS else best)
    said = expit(found.model.log_odds(data.split.testing.matrix))
    np.testing.assert_allclose(found.probability, said, rtol=1e-12)


def test_where_a_sheet_won_it_is_compared_with_the_best_that_is_none(data, tmp_path):
    folder = run_of(tmp_path, data)
    raced = {
        "points": (0.30, True),
        "blend": (0.32, True),
        "lightgbm": (0.31, True),
        "naive_bayes": (0.2, False),
    }
    candidates = {name: {"log_loss": loss, "raced": runs} for name, (loss, runs) in raced.items()}
    told = {"winner": "points", "race": {"candidates": candidates}}
    (folder / "report.json").write_text(json.dumps(told), encoding="utf-8")
    assert read_predicted(folder, data).name == "lightgbm"
    told["race"]["candidates"] = {"points": candidates["points"]}
    (folder / "report.json").write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(LeadlightError, match="only sheets raced"):
        read_predicted(folder, data)

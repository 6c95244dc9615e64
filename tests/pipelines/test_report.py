"""The report: complete, self-contained, and safe whatever a lead, field or account is called."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
import pytest
from pydantic import ValidationError

from features.language import count, recency
from models.metrics import METRICS
from pipelines.report import write_html, write_json
from pipelines.reporting import assembly, words
from pipelines.reporting.assembly import weigh_features
from pipelines.reporting.page import render
from pipelines.reporting.schema import Estimate, Importance, Race, Report
from tests.pipelines import markup
from tests.pipelines.report_example import HOSTILE, example, split_of_example


@pytest.fixture(scope="module")
def report():
    return example()


@pytest.fixture(scope="module")
def page(report):
    return render(report)


@pytest.fixture(scope="module")
def read(page):
    return markup.read(page)


@pytest.fixture(scope="module")
def text(page):
    return markup.text_of(page)


def test_every_tag_is_closed_in_order(read):
    assert (read.wrong, read.open) == ([], [])


def test_every_id_is_there_once_and_every_reference_hits_one(read):
    ids = [value for _, name, value in read.attributes if name == "id"]
    wanted = [v[1:] for _, n, v in read.attributes if n == "href"]
    wanted += [part for _, n, v in read.attributes if n == "aria-labelledby" for part in v.split()]
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)


def test_nothing_is_loaded_from_elsewhere(page, read):
    assert not [
        a for a in read.attributes if a[1] in ("src", "srcset", "action", "data", "poster", "xlink:href")
    ]
    assert all(value.startswith("#") for _, name, value in read.attributes if name == "href")
    assert "://" not in page
    assert "@import" not in page
    assert not re.search(r"url\(", page)


def test_there_is_no_script_and_no_handler(page, read):
    assert "<script" not in page
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]


def test_hostile_names_are_shown_as_they_are_written(page, text):
    assert HOSTILE not in page
    assert text.count(HOSTILE) >= 3, "the playbook's name, a feature's sentence and a note"


def test_every_drawing_has_a_title_and_a_description(page):
    drawings = re.findall(r'<svg role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(drawings) == 8
    assert all(
        re.search(r"<title id=.*?>[^<]+</title><desc id=.*?>[^<]+</desc>", drawing) for drawing in drawings
    )


@pytest.mark.parametrize("metric", METRICS)
def test_each_metric_of_each_model_is_shown_with_its_interval(report, text, metric):
    for name, model in report.models.items():
        for estimates in (model.test, model.unseen_accounts):
            assert words.figure(metric, estimates[metric].value) in text, name
            assert words.span(metric, estimates[metric]) in text, name
        if model.difference_to_winner:
            apart = model.difference_to_winner
            for estimates in (apart.test, apart.unseen_accounts):
                assert words.signed(metric, estimates[metric].value) in text, name


def test_counts_words_and_digests_are_shown(report, text):
    wanted = [report.headline, report.why, report.question, report.bundle_sha256, report.mlflow_run_id]
    wanted += [words.whole(count) for count in report.label_states.values()]
    wanted += [
        *report.label_states,
        *report.versions.values(),
        *(model.title for model in report.models.values()),
    ]
    for part in (report.split.train, report.split.purged, report.split.test, report.split.unseen_accounts):
        wanted += [
            words.whole(part.rows),
            words.whole(part.accounts),
            words.percent(part.base_rate, 1),
            part.first[:10],
        ]
    for step in report.funnel:
        wanted += [step.step, f"{words.whole(step.rows)} {step.unit}", step.why]
        wanted += [f"{words.whole(count)} {reason}" for reason, count in step.excluded.items()]
    for note in report.notes:
        wanted += [note.level, note.subject, note.text]
    for candidate in report.race.candidates.values():
        wanted += [candidate.title, words.figure("log_loss", candidate.log_loss), candidate.note]
    wanted += [feature.sentence for feature in report.importance.features]
    wanted += [f"{signal.value:.3f}" for signal in report.importance.signals]
    wanted += [report.playbook["sha256"], report.history["manifest_sha256"]]
    assert [words for words in wanted if re.sub(r"\s+", " ", str(words)) not in text] == []


def test_the_headline_is_the_precision_of_the_top_tenth(report):
    winner = report.models[report.winner]
    caught, average = re.findall(r"(\d+)(?: became|\.)", report.headline)
    assert int(caught) == round(100 * winner.test["precision_at_10"].value)
    assert int(average) == round(100 * report.split.test.base_rate)


def test_the_winner_has_no_difference_to_itself_and_all_others_have(report):
    without = [name for name, model in report.models.items() if model.difference_to_winner is None]
    assert without == [report.winner]


def test_the_files_hold_the_same_report(report, page, tmp_path):
    write_json(report.model_dump(mode="json"), tmp_path / "report.json")
    plain = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    write_html(plain, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert {"value", "low", "high"} == set(plain["models"]["blend"]["test"]["roc_auc"])


def test_the_same_data_make_the_same_report(report):
    assert example() == report


def test_a_metric_without_a_value_is_null_in_json_and_a_dash_on_the_page(report):
    assert Estimate(value=np.nan, low=np.nan, high=np.nan).model_dump() == {
        "value": None,
        "low": None,
        "high": None,
    }
    plain = report.model_dump(mode="json")
    for model in plain["models"].values():
        for metric in METRICS:
            nothing = {"value": None, "low": None, "high": None}
            model["test"][metric] = nothing
            if model["difference_to_winner"]:
                model["difference_to_winner"]["test"][metric] = nothing
    assert "nan" not in unescape(render(Report.model_validate(plain))).lower()


def test_a_single_model_without_unseen_accounts_notes_or_race_still_makes_a_page(report):
    plain = report.model_dump(mode="json")
    only = plain["models"]["blend"]
    only["unseen_accounts"] = None
    plain |= {"models": {"blend": only}, "notes": [], "funnel": [], "importance": {}, "bundle_sha256": None}
    plain["race"]["candidates"] = {}
    plain["split"]["purged"] = {"rows": 0, "leads": 0, "accounts": 0, "converted": 0}
    plain["split"]["unseen_accounts"] = {"rows": 0, "leads": 0, "accounts": 0, "converted": 0}
    reader = markup.read(render(Report.model_validate(plain)))
    assert (reader.wrong, reader.open) == ([], [])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda plain: plain.update(winner="nobody"), "no results of the winner", id="winner"),
        pytest.param(lambda plain: plain["models"]["blend"]["test"].pop("brier"), "lacks brier", id="metric"),
        pytest.param(lambda plain: plain["curves"].pop("sheet"), "no curves of 'sheet'", id="curves"),
        pytest.param(lambda plain: plain.update(extra=1), "extra", id="unknown key"),
    ],
)
def test_a_report_that_does_not_hang_together_is_refused(report, tmp_path, change, problem):
    plain = report.model_dump(mode="json")
    change(plain)
    with pytest.raises(ValidationError, match=problem):
        write_html(plain, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_predictions_of_another_length_are_refused():
    split = split_of_example(200)
    with pytest.raises(ValueError, match="sheet: one probability per test row"):
        assembly.Tested(split, {"sheet": np.full(3, 0.5)})


def test_contributions_that_cancel_do_not_make_a_signal_large():
    features = tuple(count("visit", days=(7, 30)) + recency())
    by_feature = np.array([[1.0, -1.0, 0.1], [-1.0, 1.0, 0.3]])
    found = weigh_features(features, by_feature, np.array([1.0, 3.0]), {})
    signals = {part.signal: part.value for part in found.signals}
    singles = {part.feature: part.value for part in found.features}
    engagement, timing = features[0].signal, features[2].signal
    assert engagement != timing
    assert signals[engagement] == pytest.approx(0.0)
    assert signals[timing] == pytest.approx(0.25)
    assert singles[features[0].name] == 1.0


def test_parts_are_read_from_plain_data():
    assert Race.model_validate({"winner": "a", "why": "because"}).candidates == {}
    assert Importance.model_validate({}).features == ()

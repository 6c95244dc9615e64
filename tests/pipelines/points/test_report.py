"""The page about a sheet: complete, self-contained, and safe whatever a rule or a lead is called."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil

import pytest
from pydantic import ValidationError

from features.sheet import Sheet
from models.points.plain import plain
from models.points.refitting.refit import refit
from models.points.rows import RuleRows
from pipelines.points import words
from pipelines.points.report import headline, render
from pipelines.points.schema import PointsReport, verdict_counts
from pipelines.points.writing import write_report
from pipelines.reporting.words import whole
from tests.pipelines.markup import read, text_of
from tests.pipelines.points.points_example import HOSTILE, SHEET, example, split

PARTS = ("calibration", "refit", "second_opinion", "proposals", "retimings", "distilled", "comparison")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def given():
    return example()


@pytest.fixture(scope="module")
def report(given):
    return PointsReport.model_validate(given)


@pytest.fixture(scope="module")
def page(report):
    return render(report)


@pytest.fixture(scope="module")
def text(page):
    return text_of(page)


def test_every_tag_is_closed_in_order(page):
    found = read(page)
    assert (found.wrong, found.open) == ([], [])


def test_every_id_is_there_once_and_every_reference_hits_one(page):
    attributes = read(page).attributes
    ids = [value for _, name, value in attributes if name == "id"]
    wanted = [value[1:] for _, name, value in attributes if name == "href"]
    wanted += [part for _, name, value in attributes if name == "aria-labelledby" for part in value.split()]
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)


def test_nothing_is_loaded_and_nothing_runs(page):
    attributes = read(page).attributes
    assert not [
        a
        for a in attributes
        if a[1] in ("src", "srcset", "action", "data", "poster") or a[1].startswith("on")
    ]
    assert all(value.startswith("#") for _, name, value in attributes if name == "href")
    assert not re.search(r"://|@import|url\(|<script", page)


def test_hostile_names_are_shown_as_they_are_written(page, text):
    assert HOSTILE not in page
    assert text.count(HOSTILE) >= 8, "company, sheet, rule, proposal, window, pair, model, segment"


def test_the_answer_in_a_line(report, text):
    assert verdict_counts(report.refit) == "1 keep, 1 raise, 1 reverse, 1 cannot tell"
    assert headline(report) in text


def test_each_rule_is_shown_with_its_evidence(report, text):
    for fit in report.refit.rules:
        assert fit.sentence in text
        assert whole(fit.leads) in text
        assert words.points(fit.points) in text
    known = report.refit.rules[1]
    assert f"{words.nearly(known.low)} to {words.nearly(known.high)}" in text
    assert "demo (0.82)" in text


def test_a_rule_without_evidence_has_no_learned_points(page):
    row = next(part for part in page.split('<tr class="rule">')[1:] if ">rare<" in part)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row.split("</tr>")[0])
    assert cells[:2] == ["\N{MINUS SIGN}15", ""]


def test_what_is_compared_is_shown_with_intervals_and_differences(report, text):
    for one in report.comparison.standings:
        own = one.figures.own.precision
        assert words.share(own.value) in text
        assert words.span(own, words.share) in text
        if one.apart is not None:
            assert words.more(one.apart.at_capacity.sqls_per_week.value, words.number) in text
            assert words.told(one.movers.changed, words.share) in text
            for example in (*one.movers.ups, *one.movers.downs):
                assert example.lead_id in text


def test_the_warning_about_leads_nobody_worked_is_there(report, text):
    assert "Sales never touched 30 % of the leads" in text
    rests = report.comparison.standings[1].movers.not_handed_before
    assert words.told(rests, words.share) in text


def test_every_drawing_has_a_title_and_a_description(page):
    drawings = re.findall(r'<svg role="img".*?</svg>', page, flags=re.DOTALL)
    assert len(drawings) == 2
    assert all(re.search(r"<title id=.*?>[^<]+</title><desc id=.*?>[^<]+</desc>", one) for one in drawings)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_alone_makes_a_page(given, part):
    needed = {"second_opinion": ("refit",)}.get(part, ())
    some = {name: given[name] for name in ("header", part, *needed)}
    found = read(render(PointsReport.model_validate(some)))
    assert (found.wrong, found.open) == ([], [])


def test_all_parts_but_one_make_a_page(given):
    for part in PARTS:
        some = {name: value for name, value in given.items() if name != part}
        if part == "refit":
            some.pop("second_opinion")
        assert read(render(PointsReport.model_validate(some))).wrong == []


def test_nothing_found_is_said(given):
    nothing = render(PointsReport.model_validate({**given, "proposals": [], "retimings": []}))
    assert "Nothing that these data can show." in nothing
    assert "No other window or decay" in nothing


def test_a_page_that_judges_nothing_does_not_say_so(given, text):
    assert re.search(r"Learned from .* to .*, judged on ", text)
    head = {**given["header"], "judged_since": None, "judged_until": None}
    told = text_of(render(PointsReport.model_validate({"header": head, "refit": given["refit"]})))
    assert "judged on" not in told
    assert re.search(r"Learned from [^.,]* to [^.,]*\. Sales never", told)


def test_without_a_stated_capacity_the_page_says_whose_volume_it_is(given):
    comparison = json.loads(json.dumps(given["comparison"]))
    comparison["period"].update(capacity_per_week=None, today_per_week=12.0)
    told = text_of(render(PointsReport.model_validate({**given, "comparison": comparison})))
    assert "The best 12 a week of each: as many as today's sheet hands over" in told


def test_where_more_than_the_total_decides_the_page_names_the_rule(given):
    changed = json.loads(json.dumps(given))
    changed["calibration"]["today"][0].update(threshold=None, at_threshold=None)
    told = text_of(render(PointsReport.model_validate(changed)))
    assert "today's rule for MQLs" in told


def test_without_capacity_or_movers_the_page_still_reads(given):
    comparison = json.loads(json.dumps(given["comparison"]))
    comparison["period"]["capacity_per_week"] = None
    for one in comparison["standings"]:
        one["load"] = one["figures"]["at_capacity"] = one["movers"] = None
        if one["apart"]:
            one["apart"]["at_capacity"] = None
    told = text_of(render(PointsReport.model_validate({**given, "comparison": comparison})))
    assert "as many as sales can work" not in told
    assert "MQLs over capacity" not in told


def test_a_second_opinion_of_other_rules_is_refused(given):
    with pytest.raises(ValidationError, match="the second opinion is of 1 rules"):
        PointsReport.model_validate({**given, "second_opinion": {"points": [1.0]}})


def test_a_real_refit_fits_into_the_page(given):
    rows = RuleRows.of(SHEET, split().training)
    found = refit(rows, draws=30, seed=1)
    told = PointsReport.model_validate({**given, "refit": found.to_dict(), "second_opinion": None})
    assert all(rule.sentence in text_of(render(told)) for rule in told.refit.rules)


def test_files_are_written_with_their_sums(given, tmp_path):
    report = plain(given)
    sheet = Sheet.model_validate(report["distilled"]["sheet"])
    paths = write_report(report, {"distilled": sheet}, tmp_path / "p", summary=True)
    assert [path.name for path in paths] == [
        *("summary.html", "summary.txt", "points.html", "points.json", "distilled.yaml")
    ]
    assert json.loads(paths[3].read_text(encoding="utf-8")) == report
    assert all(path.read_text("utf-8").startswith("<!doctype html>") for path in (paths[0], paths[2]))
    sums = (tmp_path / "p" / "SHA256SUMS").read_text("utf-8").splitlines()
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert sums == [f"{digest}  {name}" for name, digest in sorted(digests.items())]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="there is no Chromium")
@pytest.mark.parametrize("width", [1200, 600, 360])
def test_the_page_is_as_wide_as_the_window(page, width, tmp_path):
    from playwright.sync_api import sync_playwright

    (tmp_path / "points.html").write_text(page, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": width, "height": 900})
        complaints: list[str] = []
        shown.on("console", lambda said: complaints.append(said.text))
        shown.goto((tmp_path / "points.html").as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints == []
        browser.close()

"""`leadlight points ...` on a simulated company, as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from features.playbook import read_playbook
from features.sheet_file import read_sheet
from pipelines.cli import main
from pipelines.points.schema import PointsReport
from pipelines.points.steps import Asked, compare_points

pytestmark = pytest.mark.slow

DRAWS = ("--draws", "20")


@pytest.fixture
def points(capsys):
    """Runs a command; gives its exit code, and what it said."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["points", *map(str, arguments)])
        told = capsys.readouterr()
        return int(stopped.value.code or 0), told.out, told.err

    return run


@pytest.fixture(scope="module")
def about(vendor):
    return ("--history", vendor.history, "--playbook", vendor.playbook_file)


@pytest.fixture(scope="module")
def compared(vendor, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "points"
    done = compare_points(Asked(vendor.history, vendor.playbook_file, draws=20), trained.out, out)
    return out, done


def test_check_tells_how_often_each_rule_fires(points, about, vendor):
    code, told, _ = points("check", *about)
    assert code == 0
    assert all(rule.name in told for rule in vendor.playbook.sheet.rules)
    code, told, _ = points("check", *about, "--json")
    assert [rule["rule"] for rule in json.loads(told)["rules"]] == [
        rule.name for rule in vendor.playbook.sheet.rules
    ]


def test_calibrate_tells_what_ten_points_are_worth(points, about):
    code, told, _ = points("calibrate", *about, *DRAWS)
    assert code == 0
    assert "ten points more multiply the odds" in told
    code, told, _ = points("calibrate", *about, *DRAWS, "--json")
    assert code == 0
    found = json.loads(told)
    assert found["worth"]["low"] < found["worth"]["value"] < found["worth"]["high"]


def test_refit_writes_a_sheet_that_reads_back_and_a_verdict_for_each_rule(points, about, vendor, tmp_path):
    code, told, _ = points("refit", *about, *DRAWS, "--out", tmp_path / "points")
    assert code == 0
    assert all(rule.name in told for rule in vendor.playbook.sheet.rules)
    refitted = read_sheet(tmp_path / "points" / "refitted.yaml")
    assert [rule.when for rule in refitted.rules] == [rule.when for rule in vendor.playbook.sheet.rules]
    report = PointsReport.model_validate_json((tmp_path / "points" / "points.json").read_text())
    assert [fit.learned for fit in report.refit.rules] == [rule.points for rule in refitted.rules]
    assert "<html" in (tmp_path / "points" / "points.html").read_text()


def test_the_same_seed_gives_the_same_files(points, about, tmp_path):
    for out in ("one", "two"):
        assert points("refit", *about, *DRAWS, "--seed", 3, "--out", tmp_path / out)[0] == 0
    assert (tmp_path / "one" / "points.json").read_bytes() == (tmp_path / "two" / "points.json").read_bytes()
    assert (tmp_path / "one" / "points.html").read_bytes() == (tmp_path / "two" / "points.html").read_bytes()


def test_distil_keeps_to_the_number_of_rules(points, about, trained, tmp_path):
    code, told, _ = points(
        "distil", *about, "--run", trained.out, *DRAWS, "--rules", 5, "--out", tmp_path / "d"
    )
    assert code == 0
    assert "rank later leads as the model does" in told
    assert len(read_sheet(tmp_path / "d" / "distilled.yaml").rules) <= 5


def test_compare_ends_with_the_summary_and_every_sheet_it_compared(compared, vendor):
    out, done = compared
    assert done.lines[0].startswith(vendor.playbook.name)
    report = PointsReport.model_validate_json((out / "points.json").read_text("utf-8"))
    named = [one.name for one in report.comparison.standings]
    assert named[0] == "sheet"
    assert {"refitted", "distilled", "model"} <= set(named)
    for name in set(named) - {"sheet", "model"}:
        assert read_sheet(out / f"{name}.yaml").rules
    assert (out / "summary.txt").read_text().splitlines()[0] == done.lines[0]
    assert "<html" in (out / "summary.html").read_text()


def test_what_is_compared_was_learned_before_it_was_judged(compared, trained):
    _, done = compared
    header = done.report["header"]
    assert header["learned_until"] < header["judged_since"]
    assert header["judged_since"] >= trained.report["split"]["test_begins"]
    assert done.report["comparison"]["leads"] == trained.report["split"]["test"]["leads"]


def test_a_run_on_another_history_is_refused(points, about, trained, tmp_path):
    code, _, told = points("compare", *about, "--run", tmp_path, "--out", tmp_path / "p")
    assert code == 2
    assert "is no training run" in told
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("name", "text"), [("report.json", "{"), ("report.json", "{}"), ("predictions.parquet", "PAR1")]
)
def test_a_damaged_run_says_what_to_do(points, about, trained, tmp_path, name, text):
    shutil.copytree(trained.out, tmp_path / "run")
    (tmp_path / "run" / name).write_text(text)
    code, _, told = points("compare", *about, "--run", tmp_path / "run", "--out", tmp_path / "p")
    assert code == 2
    assert "is damaged" in told
    assert "train again" in told


@pytest.mark.parametrize("name", ["refitted.yaml", "points.json"])
def test_what_somebody_else_wrote_is_not_replaced(points, about, tmp_path, name):
    (tmp_path / name).write_text("mine\n")
    code, _, told = points("refit", *about, *DRAWS, "--out", tmp_path)
    assert code == 2
    assert f"{name} was not written by such a report" in told
    assert (tmp_path / name).read_text() == "mine\n"
    code, _, told = points("refit", *about, "--out", tmp_path / name)
    assert code == 2
    assert "is a file" in told


def test_what_was_changed_by_hand_is_not_replaced_and_what_was_not_is(points, about, tmp_path):
    assert points("refit", *about, *DRAWS, "--out", tmp_path / "p")[0] == 0
    assert points("refit", *about, *DRAWS, "--seed", 1, "--out", tmp_path / "p")[0] == 0
    sheet = tmp_path / "p" / "refitted.yaml"
    sheet.write_text(sheet.read_text() + "# agreed on Monday\n")
    code, _, told = points("refit", *about, *DRAWS, "--out", tmp_path / "p")
    assert code == 2
    assert "refitted.yaml was changed since" in told


def test_a_report_of_another_kind_is_not_half_replaced(points, about, compared, trained, tmp_path):
    shutil.copytree(compared[0], tmp_path / "p")
    code, _, told = points("distil", *about, "--run", trained.out, *DRAWS, "--out", tmp_path / "p")
    assert code == 2
    assert "summary.txt is of another report" in told


def other_sheet(vendor, tmp_path, **changes) -> Path:
    """The company's sheet with fewer rules and other settings."""
    plain = yaml.safe_load(vendor.playbook_file.read_text())["sheet"] | changes
    plain["rules"] = [rule for rule in plain["rules"] if rule["name"] != "scanned at a trade show"]
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in plain.items() if value is not None}))
    return file


def test_another_sheet_is_compared_with_a_model_that_started_from_ours(
    points, about, vendor, trained, tmp_path
):
    sheet = other_sheet(vendor, tmp_path, name="another")
    code, told, _ = points(
        *(
            "compare",
            *about,
            "--sheet",
            sheet,
            "--run",
            trained.out,
            *DRAWS,
            "--out",
            tmp_path / "p",
            "--json",
        )
    )
    assert code == 0
    answer = json.loads(told)
    assert answer["header"]["sheet"] == "another"
    assert set(answer["sheets"]) >= {"refitted", "distilled"}
    assert all(Path(file).is_file() for file in answer["files"])


def test_a_sheet_that_check_refuses_is_refused_by_all(points, about, vendor, trained, tmp_path):
    sheet = other_sheet(vendor, tmp_path)
    sheet.write_text(sheet.read_text().replace("attribute: job_level", "attribute: job_lvl"))
    wanted = "other.yaml:"
    for asked in (
        ("check",),
        ("calibrate",),
        ("refit", "--out", tmp_path / "p"),
        ("distil", "--run", trained.out, "--out", tmp_path / "p"),
        ("compare", "--run", trained.out, "--out", tmp_path / "p"),
    ):
        code, _, told = points(asked[0], *about, "--sheet", sheet, *asked[1:])
        assert code == 2
        assert wanted in told
        assert "job_lvl" in told
        assert "job_level" in told, "what is meant"
    assert not (tmp_path / "p").exists()


def test_a_sheet_without_a_threshold_can_be_refitted_but_not_compared(
    points, about, vendor, trained, tmp_path
):
    sheet = other_sheet(vendor, tmp_path, mql_at=None)
    assert points("refit", *about, "--sheet", sheet, *DRAWS, "--out", tmp_path / "r")[0] == 0
    code, _, told = points("compare", *about, "--sheet", sheet, "--run", trained.out, "--out", tmp_path / "p")
    assert code == 2
    assert "does not say who is an MQL" in told
    assert "leadlight points calibrate" in told


@pytest.mark.parametrize("target", ["yaml", "csv", "sql", "salesforce", "hubspot", "marketo"])
def test_a_sheet_is_handed_back(points, vendor, target, tmp_path):
    code, told, _ = points(
        "export", "--playbook", vendor.playbook_file, "--to", target, "--out", tmp_path / "o", "--json"
    )
    assert code == 0
    files = [Path(file) for file in json.loads(told)["files"]]
    assert files
    assert all(file.stat().st_size for file in files)


def test_csv_goes_there_and_back(points, vendor, tmp_path):
    assert (
        points("export", "--playbook", vendor.playbook_file, "--to", "csv", "--out", tmp_path / "o")[0] == 0
    )
    code, told, _ = points(
        *("import", tmp_path / "o" / "sheet.csv", "--settings", tmp_path / "o" / "settings.yaml"),
        *("--out", tmp_path / "again.yaml"),
    )
    assert code == 0
    assert "18 rules" in told
    again, sheet = read_sheet(tmp_path / "again.yaml"), vendor.playbook.sheet
    assert (again.rules, again.mql_at) == (sheet.rules, sheet.mql_at)
    assert points("import", tmp_path / "o" / "sheet.csv", "--out", tmp_path / "again.yaml")[0] == 2


def test_export_wants_a_sheet_and_takes_what_is_excused_from_the_playbook(points, vendor, tmp_path):
    code, _, told = points("export", "--to", "yaml", "--out", tmp_path / "none")
    assert code == 2
    assert "--sheet or --playbook" in told
    sheet = other_sheet(vendor, tmp_path)
    code, told, _ = points("export", "--sheet", sheet, "--to", "sql", "--out", tmp_path / "alone")
    assert (code, "no attribute is excused" in told) == (0, True)
    both = ("--sheet", sheet, "--playbook", vendor.playbook_file)
    code, told, _ = points("export", *both, "--to", "sql", "--out", tmp_path / "both")
    assert (code, "no attribute is excused" in told) == (0, False)


def test_a_playbook_without_a_sheet_says_how_to_have_one(points, vendor, tmp_path):
    plain = yaml.safe_load(vendor.playbook_file.read_text())
    del plain["sheet"]
    (tmp_path / "playbook.yaml").write_text(yaml.safe_dump(plain))
    read_playbook(tmp_path / "playbook.yaml")
    code, _, told = points("calibrate", "--history", vendor.history, "--playbook", tmp_path / "playbook.yaml")
    assert code == 2
    assert "leadlight points import" in told

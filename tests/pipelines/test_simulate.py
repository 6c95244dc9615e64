"""The simulated company: repeatable, shaped like real exports, and true to its own truth."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.definitions import Feature, Where
from features.episodes import episodes
from features.errors import LeadlightError
from features.folder import read_manifest, read_tables
from features.history import History
from features.kernel import build
from features.labels import label
from features.language import count, latest, latest_number
from features.playbook import Playbook, read_playbook
from features.sheet import RuleTest
from features.snapshots import take_snapshots
from pipelines.ingest import ingest
from pipelines.simulate import simulate
from pipelines.simulation.company import (
    COLLEAGUES,
    INTENT_KINDS,
    KIND_NAMES,
    LINES,
    MONTHS,
    RULE_LOG_ODDS,
    SENIOR_AND_PRICES,
    UNWRITTEN,
)
from pipelines.simulation.ids import long_ids, short_ids

LEADS, SEED = 2500, 5


@dataclass(frozen=True)
class Company:
    """Exports, the history made of them, and the truth."""

    exports: Path
    summary: dict[str, Any]
    truth: dict[str, Any]
    playbook: Playbook
    history: History
    folder: Path

    @property
    def snapshots(self) -> pd.DataFrame:
        """The truth's snapshots; ``as_of`` in microseconds."""
        frame = pd.DataFrame(self.truth["snapshots"])
        return frame.assign(as_of=_micros(frame["as_of"]))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    exports = tmp_path_factory.mktemp("company") / "exports"
    summary = simulate(exports, LEADS, SEED)
    folder = exports.parent / "history"
    ingest(exports / "mapping.yaml", exports, folder)
    playbook = read_playbook(exports / "playbook.yaml")
    history = History.from_tables(read_tables(folder), time_zone=playbook.time_zone)
    return Company(
        exports, summary, json.loads((exports / "truth.json").read_text()), playbook, history, folder
    )


def _micros(moments: pd.Series) -> np.ndarray:
    return pd.to_datetime(moments, utc=True).to_numpy(dtype="datetime64[us]").astype(np.int64)


def _cells(path: Path, **options: Any) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", **options)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_writes_the_same_bytes_and_another_one_does_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate(tmp_path / name, 300, seed)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    same = {"mapping.yaml", "playbook.yaml", "README.md"}
    first, other = _digests(tmp_path / "a"), _digests(tmp_path / "c")
    assert {name for name in first if first[name] == other.get(name)} == same


def test_a_smaller_simulation_leaves_no_file_of_a_larger_one_and_strangers_alone(tmp_path):
    simulate(tmp_path / "out", 300, 1)
    (tmp_path / "out" / "marketo" / "activities_1999-01-01.csv").write_text("old")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    simulate(tmp_path / "out", 200, 1)
    assert not (tmp_path / "out" / "marketo" / "activities_1999-01-01.csv").exists()
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["salesforce/Lead.csv", "mapping.yaml"])
def test_real_exports_are_not_replaced_by_simulated_ones(tmp_path, name):
    precious = tmp_path / name
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("real")
    with pytest.raises(LeadlightError, match="holds files that no simulation wrote; choose another --out"):
        simulate(tmp_path, 100, 1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [precious]


def test_everything_that_is_wrong_with_the_arguments_is_said_at_once(tmp_path):
    with pytest.raises(LeadlightError) as refused:
        simulate(tmp_path / "out", 10, -1, shift=0.0)
    assert len(refused.value.problems) == 3
    assert not (tmp_path / "out").exists()


def test_salesforce_files_look_like_a_data_export(company):
    folder = company.exports / "salesforce"
    lead = _cells(folder / "Lead.csv")
    in_order = [
        "Id",
        "IsDeleted",
        "MasterRecordId",
        "Email",
        "LeadSource",
        "Status",
        "IsConverted",
        "ConvertedDate",
        "CreatedDate",
    ]
    assert [name for name in lead.columns if name in in_order] == in_order
    assert (lead["Id"].str.len() == 18).all()
    assert (lead["RecordTypeId"].str.len() == 15).all()
    assert lead["CreatedDate"].str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").all()
    converted = lead[lead["IsConverted"] == "1"]
    assert converted["ConvertedDate"].str.endswith(" 00:00:00").all()
    assert (converted["ConvertedContactId"] == "000000000000000AAA").any()
    assert set(lead["IsDeleted"]) == {"0", "1"}
    assert (lead.loc[lead["IsDeleted"] == "1", "MasterRecordId"].str[:3] == "00Q").all()
    assert lead["Description"].str.contains("\n").any()
    assert "Select" in set(lead["Industry"])
    first_line = (folder / "Lead.csv").read_text().split("\n", 1)[0]
    assert all(cell.startswith('"') for cell in first_line.split(","))
    history = _cells(folder / "LeadHistory.csv")
    assert {"created", "leadConverted", "Status"} <= set(history["Field"])
    assert (_cells(folder / "CampaignMember.csv")["LeadId"].str.len() == 15).mean() > 0.98
    task = _cells(folder / "Task.csv")
    assert {"003", "00Q"} == set(task["WhoId"].str[:3])


def test_marketo_files_have_a_byte_order_mark_json_and_repeated_clicks(company):
    files = sorted((company.exports / "marketo").glob("activities_*.csv"))
    assert all(file.read_bytes().startswith(b"\xef\xbb\xbf") for file in files)
    rows = pd.concat([_cells(file).assign(file=file.name) for file in files])
    assert all(isinstance(json.loads(cell), dict) for cell in rows["attributes"].unique())
    assert rows["activityDate"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    again = rows[rows.duplicated("marketoGUID", keep=False)]
    assert len(again) > 0
    assert again.groupby("marketoGUID")["file"].nunique().eq(2).all()
    clicks = (
        rows[rows["activityTypeId"] == "11"]
        .drop_duplicates("marketoGUID")
        .sort_values(["leadId", "activityDate"])
    )
    gap = pd.to_datetime(clicks["activityDate"]).groupby(clicks["leadId"]).diff().dt.total_seconds()
    assert (gap < 10).mean() > 0.05


def test_hubspot_dates_have_no_zone_and_machines_are_marked(company):
    contacts = _cells(company.exports / "hubspot" / "contacts.csv")
    assert contacts["Create Date"].str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d").all()
    assert {
        "Became a Lead Date",
        "Became a Marketing Qualified Lead Date",
        "Became a Sales Qualified Lead Date",
    } <= set(contacts)
    emails = _cells(company.exports / "hubspot" / "email_events.csv")
    assert 0.1 < (emails.loc[emails["type"] == "OPEN", "filtered_event"] == "true").mean() < 0.6
    assert emails["recipient"].isin(contacts["Record ID"]).all()


def test_ids_carry_the_checksum_of_their_capitals():
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    numbers = np.array([0, 1, 17, 999_999, 16_999_999])
    short, long = short_ids("00Q", numbers).to_pylist(), long_ids("00Q", numbers).to_pylist()
    for fifteen, eighteen in zip(short, long, strict=True):
        blocks = [fifteen[at : at + 5] for at in (0, 5, 10)]
        check = "".join(
            letters[sum(2**bit for bit, c in enumerate(block) if c.isupper())] for block in blocks
        )
        assert eighteen == fifteen + check
    assert len({text.lower() for text in long_ids("00Q", np.arange(50_000)).to_pylist()}) == 50_000


def test_nothing_could_be_a_real_person(company):
    lead = _cells(company.exports / "salesforce" / "Lead.csv")
    contacts = _cells(company.exports / "hubspot" / "contacts.csv")
    mails = pd.concat([lead["Email"], contacts["Email"]])
    assert mails.str.fullmatch(r"[A-Za-z.]+\.\d+@(lab-\d+\.example\.com|freemail\.example\.net)").all()
    phones = set(lead["Phone"]) | set(contacts["Phone Number"])
    assert all(re.fullmatch(r"555-01\d\d", phone) for phone in phones)
    assert "imulated" in company.truth["notice"]
    assert "imulated" in (company.exports / "README.md").read_text()
    for file in (company.exports / "marketo").glob("*.csv"):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            assert all(
                "http" not in row["attributes"] or "www.example.com" in row["attributes"]
                for row in csv.DictReader(lines)
            )


def test_every_lead_arrives_in_the_history_and_only_planted_rows_are_quarantined(company):
    assert len(company.history) == LEADS
    counts = json.loads((company.folder / "manifest.json").read_text())["counts"]
    assert 0 < counts["quarantined"] < 0.02 * counts["stored"]
    assert counts["duplicates"] > 0
    assert read_manifest(company.folder).observed_until == 1_756_684_800_000_000
    stages = set(read_tables(company.folder)["stages"]["stage"].to_pylist())
    assert stages == set(company.playbook.stages)


def _labeled(company: Company, version: str) -> pd.DataFrame:
    history, playbook = company.history, company.playbook
    until = read_manifest(company.folder).observed_until
    found = episodes(history, playbook, playbook.definition(version))
    asked = take_snapshots(history, found, playbook.snapshots, since=None, until=until)
    answer = label(asked, history, found, playbook, observed_until=until)
    return pd.DataFrame(
        {
            "lead_id": history.lead_ids[asked.lead],
            "as_of": asked.as_of,
            "state": answer.state,
            "label": answer.label,
        }
    )


def test_the_playbook_asks_exactly_the_snapshots_of_the_truth_and_labels_agree(company):
    both = company.snapshots.merge(
        _labeled(company, "accepted-by-sales"), on=["lead_id", "as_of"], how="outer", indicator=True
    )
    assert (both["_merge"] == "both").all()
    mature = both[~both["state"].isin(["immature", "duplicate"])]
    assert ((mature["state"] == "converted") == mature["converted"]).all()
    assert ((mature["state"] == "unworked") == ~mature["worked"].astype(bool)).all()
    shares = both["state"].value_counts(normalize=True)
    assert set(shares.index) == {
        "converted",
        "rejected",
        "lapsed",
        "recycled",
        "unworked",
        "immature",
        "duplicate",
    }
    assert shares["unworked"] > 0.05
    assert shares["recycled"] > 0.05


def test_the_two_definitions_count_differently(company):
    rates = [_labeled(company, version.version)["label"].mean() for version in company.playbook.sql]
    assert rates[0] > 1.2 * rates[1]


def test_true_probabilities_follow_from_what_the_history_shows_at_the_moment(company):
    """Recomputed by the kernel from the stored history, with the documented weights."""
    asked = company.snapshots
    base = {line.name: line.base for line in LINES}
    month = pd.to_datetime(asked["as_of"], unit="us").dt.month - 1
    log_odds = asked["service_line"].map(base).to_numpy() + np.array(MONTHS)[month]
    fired = {rule.name: _fires(company, asked, rule.when) for rule in company.playbook.sheet.rules}
    log_odds += sum(RULE_LOG_ODDS[name] * test for name, test in fired.items())
    log_odds += sum(weight * _fires(company, asked, test) for weight, test in UNWRITTEN.values())
    colleagues = Feature("count", Where(type=INTENT_KINDS), days=30, scope="account", signal="account")
    log_odds += COLLEAGUES[1] * (_values(company, asked, [colleagues])[:, 0] > 0)
    log_odds += SENIOR_AND_PRICES[1] * (fired["senior title"] & fired["saw prices this week"])
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), asked["probability"], atol=1e-6)
    points = sum(rule.points * fired[rule.name] for rule in company.playbook.sheet.rules)
    np.testing.assert_array_equal(points, asked["sheet_points"])


def _values(company: Company, asked: pd.DataFrame, features: Sequence[Feature]) -> np.ndarray:
    return build(
        features, company.history, asked["lead_id"].to_numpy(dtype=object), asked["as_of"].to_numpy()
    ).values


def _fires(company: Company, asked: pd.DataFrame, test: RuleTest) -> np.ndarray:
    if test.event == "any":
        kinds = Where(type=KIND_NAMES)
        return _values(company, asked, [Feature("count", kinds, days=test.days)])[:, 0] >= test.times
    if test.event is not None:
        return _values(company, asked, count(test.event, days=test.days))[:, 0] >= test.times
    if test.one_of:
        [feature] = latest(test.attribute, entity=test.entity)
        matrix = build(
            [feature], company.history, asked["lead_id"].to_numpy(dtype=object), asked["as_of"].to_numpy()
        )
        return np.isin(matrix.texts(feature.name).astype(str), test.one_of)
    return _values(company, asked, latest_number(test.attribute))[:, 0] >= test.at_least


def test_the_true_probabilities_are_calibrated_and_better_than_the_sheet(tmp_path):
    summary = simulate(tmp_path / "out", 12_000, 3)
    truth = json.loads((tmp_path / "out" / "truth.json").read_text())
    frame = pd.DataFrame(truth["snapshots"]).query("worked")
    groups = frame.groupby(pd.qcut(frame["probability"], 8))
    wanted, seen, size = groups["probability"].mean(), groups["converted"].mean(), groups.size()
    off = (seen - wanted) / np.sqrt(wanted * (1 - wanted) / size)
    assert (off.abs() < 3.5).all()
    figures = summary["measured"]["first_episodes"]
    assert 0.08 < figures["conversion"] < 0.15
    assert 0.78 < figures["auc_of_truth"] < 0.85
    assert 0.68 < figures["auc_of_sheet"] < figures["auc_of_truth"] - 0.06


def test_wrong_points_are_named_and_right_ones_are_on_the_scale_of_the_sheet(company):
    sheet = company.truth["sheet"]
    rules = {rule["name"]: rule for rule in sheet["rules"]}
    written = {rule.name: rule.points for rule in company.playbook.sheet.rules}
    assert {name: rule["points"] for name, rule in rules.items()} == written
    assert len(sheet["wrong"]) == 5
    for name, rule in rules.items():
        assert rule["right_points"] == pytest.approx(20 * rule["log_odds"])
        assert (abs(rule["points"] - rule["right_points"]) > 2.5) == (name in sheet["wrong"])


def test_the_back_filled_field_is_invisible_as_known_and_telling_as_exported(company):
    attributes = read_tables(company.folder)["attributes"].to_pandas().query("field == 'sample_volume'")
    assert (attributes["known_at"] > attributes["occurred_at"] + pd.Timedelta(days=14)).all()
    first = company.snapshots.query("episode == 1")
    as_known = build(
        latest("sample_volume"),
        company.history,
        first["lead_id"].to_numpy(dtype=object),
        first["as_of"].to_numpy(),
    )
    assert np.isnan(as_known.values).all()
    exported = first["lead_id"].isin(attributes["entity_id"])
    filled = exported.groupby(first["converted"]).mean()
    assert filled[True] > 4 * filled[False]


def test_events_that_become_known_late_and_recorded_outcomes(company):
    tables = read_tables(company.folder)
    events, stages = tables["events"].to_pandas(), tables["stages"].to_pandas()
    lag = (events["known_at"] - events["occurred_at"]).groupby(events["type"]).max()
    assert lag["trade_show_scan"] > pd.Timedelta(days=2)
    assert lag["sales_call"] > pd.Timedelta(hours=12)
    sql = stages[stages["stage"] == "sql"]
    recorded = sql["known_at"] - sql["entered_at"]
    assert recorded.max() <= pd.Timedelta(days=company.playbook.recording_lag_days)
    assert (recorded > pd.Timedelta(hours=6)).mean() > 0.3


def test_leads_come_back_skip_mql_share_accounts_and_repeat(company):
    stages = read_tables(company.folder)["stages"].to_pandas()
    has = {stage: set(rows["lead_id"]) for stage, rows in stages.groupby("stage")}
    assert has["reopened"] <= has["recycled"]
    assert len(has["reopened"] & has["sql"]) > 0
    assert len(has["sql"] - has["mql"]) > 0
    assert len(has["duplicate"]) > 0.005 * LEADS
    sizes = read_tables(company.folder)["leads"].to_pandas().groupby("account_id").size()
    assert (sizes > 2).sum() > 50
    assert company.summary["measured"]["shares"]["free_mail"] > 0.1


def test_a_shift_multiplies_the_odds_from_its_day_on(tmp_path, company):
    simulate(tmp_path / "out", LEADS, SEED, shift=2.0)
    shifted = pd.DataFrame(json.loads((tmp_path / "out" / "truth.json").read_text())["snapshots"])
    plain = pd.DataFrame(company.truth["snapshots"])
    pair = plain.merge(shifted, on=["lead_id", "as_of", "episode"], suffixes=("", "_shifted")).query(
        "episode == 1"
    )
    odds = pair["probability"] / (1 - pair["probability"])
    ratio = pair["probability_shifted"] / (1 - pair["probability_shifted"]) / odds
    late = pair["as_of"] >= "2025-01-01"
    assert late.any()
    np.testing.assert_allclose(ratio[late & (odds > 0.02)], 2.0, rtol=1e-3)
    np.testing.assert_allclose(ratio[~late], 1.0)

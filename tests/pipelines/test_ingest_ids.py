"""One spelling per id."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest_ids import content_ids, normalised, salesforce_id


@pytest.mark.parametrize(
    ("given_id", "spelled"),
    [
        pytest.param("00Q1G00000nDnM5", "00Q1G00000nDnM5UAK", id="fifteen become eighteen"),
        pytest.param("00Q1G00000nDnM5UAK", "00Q1G00000nDnM5UAK", id="eighteen stay"),
        pytest.param("000000000000000", "000000000000000AAA", id="no capitals"),
        pytest.param("00q1g00000ndnm5uak", None, id="eighteen in lower case have lost their id"),
        pytest.param("0033700000JmrFPAA", None, id="seventeen are no id"),
        pytest.param("00Q1G00000nDn-5", None, id="nor is a dash"),
        pytest.param("", None, id="nor is nothing"),
    ],
)
def test_salesforce_ids(given_id, spelled):
    assert salesforce_id(given_id) == spelled


@given(st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True))
def test_fifteen_and_eighteen_characters_meet_and_case_survives_a_careless_store(short):
    long = salesforce_id(short)
    assert long is not None
    assert salesforce_id(long) == long
    other = salesforce_id(short.swapcase())
    assert other is not None
    assert (other.lower() == long.lower()) == (short == short.swapcase())


def test_normalised_keeps_what_is_missing():
    texts = pa.array(["Ann@Lab.example", None, "nobody"])
    assert normalised(texts, "email_domain").to_pylist() == ["lab.example", None, None]


def ids(*rows: str, file: tuple[int, ...] | None = None) -> list[str]:
    files = np.array(file if file is not None else [0] * len(rows))
    return content_ids({"type": pa.array(rows)}, files, np.ones(len(rows), bool)).to_pylist()


def test_equal_rows_of_a_file_are_several_events_and_of_two_files_one():
    first, second, again = ids("x", "x", "x", file=(0, 0, 1))
    assert (second, again) == (f"{first}-1", first)


def test_content_decides():
    assert len(set(ids("x", "y"))) == 2
    assert ids("x") == ids("x", "y")[:1]

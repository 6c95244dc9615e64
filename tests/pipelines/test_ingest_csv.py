"""CSV to columns, with the lines on which records start."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TableError
from pipelines.ingest_csv import read_header, read_records


def read(raw: bytes) -> tuple[dict[int, tuple[str, ...]], dict[int, str]]:
    """Records by line, and reasons by line."""
    names = read_header(raw, ",")
    records = read_records(raw, ",", names)
    cells = zip(*(records.columns[name].to_pylist() for name in names), strict=True)
    broken = dict(zip(records.broken_line.tolist(), records.broken_reason, strict=True))
    return dict(zip(records.line.tolist(), cells, strict=True)), broken


@pytest.mark.parametrize(
    ("raw", "good", "broken"),
    [
        pytest.param(
            b'a,b\n1,"x\ny"\n2,z\n', {2: ("1", "x\ny"), 4: ("2", "z")}, {}, id="a quoted cell over two lines"
        ),
        pytest.param(
            b"a,b\r\n1,x\r\n\r\n2,y",
            {2: ("1", "x"), 4: ("2", "y")},
            {},
            id="a blank line, and no end of line",
        ),
        pytest.param(b"a,b\r1,x\r2,y\r", {2: ("1", "x"), 3: ("2", "y")}, {}, id="line ends of an old Mac"),
        pytest.param(b'a,b\n1,"say ""hi"""\n', {2: ("1", 'say "hi"')}, {}, id="doubled quotes"),
        pytest.param(
            b"a,b\n1\n2,x\n3,x,y\n",
            {3: ("2", "x")},
            {2: "wrong_cell_count", 4: "wrong_cell_count"},
            id="too few and too many cells",
        ),
        pytest.param(
            b'a,b\n1,5" pipe\n2,6" pipe\n3,"x\ny"\n',
            {2: ("1", '5" pipe'), 3: ("2", '6" pipe'), 4: ("3", "x\ny")},
            {},
            id="inches",
        ),
        pytest.param(
            b'a,b\n1,x\n2,"open\n3,y\n',
            {2: ("1", "x")},
            {3: "unclosed_quote", 4: "unclosed_quote"},
            id="a quote that is never closed loses no line silently",
        ),
        pytest.param(
            b'a,b\n1,"x"y\n2,z\n', {3: ("2", "z")}, {2: "bad_quotes"}, id="text behind a quoted cell"
        ),
        pytest.param(
            b"a,b\n1,\xff\n2,\xc3\xa9\n", {3: ("2", "\u00e9")}, {2: "not_utf8"}, id="a byte that is no UTF-8"
        ),
        pytest.param(
            b'a,b\n1,\xff"\n2,x\n', {3: ("2", "x")}, {2: "not_utf8"}, id="the same beside a stray quote"
        ),
        pytest.param(b"a,b\n", {}, {}, id="a header alone"),
        pytest.param(b'\n\n"a",b\n1,x\n', {4: ("1", "x")}, {}, id="blank lines above the header"),
    ],
)
def test_records_and_their_lines(raw, good, broken):
    assert read(raw) == (good, broken)


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"a,b,a\n1,2,3\n"])
def test_refuses_a_file_without_a_header_or_with_a_column_twice(raw):
    with pytest.raises(TableError):
        read(raw)


def test_a_cell_longer_than_a_block_is_read(monkeypatch):
    monkeypatch.setattr("pipelines.ingest_csv._BLOCK", 64)
    assert read(b'a,b\n1,"' + b"x" * 1000 + b'"\n2,y\n') == ({2: ("1", "x" * 1000), 3: ("2", "y")}, {})


CELL = st.text(st.sampled_from('ab",\n\r \u00e9'), max_size=6)


@settings(max_examples=150)
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=30),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_agrees_with_the_standard_reader(rows, end, quoting):
    text = io.StringIO(newline="")
    lines: list[int] = []
    # Before Python 3.13 the writer leaves a lone carriage return bare, which ends the line for every reader.
    bare = any("\r" in cell for row in rows for cell in row)
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if bare else quoting)
    for row in [["p", "q"], *rows]:
        lines.append(1 + len(text.getvalue().splitlines()) if text.getvalue() else 1)
        writer.writerow(row)
    good, broken = read(text.getvalue().encode())
    expected = dict(zip(lines[1:], rows, strict=True))
    assert good == {line: tuple(row) for line, row in expected.items() if len(row) == 2}
    assert set(broken) == {line for line, row in expected.items() if len(row) != 2}


@settings(max_examples=150)
@given(st.binary(max_size=80).map(lambda noise: b"a,b\n1,x\n" + noise))
def test_no_line_of_noise_is_lost(raw):
    good, broken = read(raw)
    assert not set(good) & set(broken)
    assert (2 in good) or (2 in broken)


@settings(max_examples=150)
@given(st.text(st.sampled_from('ab",\n'), max_size=60).map(lambda noise: ("p,q\n" + noise).encode()))
def test_stray_quotes_are_read_as_the_standard_reader_reads_them(raw):
    good, broken = read(raw)
    if not broken:
        records = [tuple(row) for row in csv.reader(io.StringIO(raw.decode(), newline="")) if row][1:]
        assert list(good.values()) == records

"""Ids: one spelling per thing."""

from __future__ import annotations

import re
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest_zones import Ints, Mask

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_FIFTEEN: Final = re.compile(r"[A-Za-z0-9]{15}")


def salesforce_id(text: str) -> str | None:
    """The 18 character form of a Salesforce id; None if it is none.

    The last three characters say which of the first fifteen are capitals, so that the id survives a
    store that ignores case. Source: Salesforce documentation, "Convert 15 character ids to 18".

    >>> salesforce_id("00Q1G00000nDnM5"), salesforce_id("00Q1G00000nDnM5UAK")
    ('00Q1G00000nDnM5UAK', '00Q1G00000nDnM5UAK')
    >>> salesforce_id("00q1g00000ndnm5UAK") is None
    True
    """
    if _FIFTEEN.fullmatch(text[:15]) is None or len(text) not in (15, 18):
        return None
    blocks = (text[start : start + 5] for start in (0, 5, 10))
    suffix = "".join(
        _LETTERS[sum(1 << bit for bit, letter in enumerate(block) if "A" <= letter <= "Z")]
        for block in blocks
    )
    return text[:15] + suffix if text[15:] in ("", suffix) else None


def email_domain(text: str) -> str | None:
    """What stands behind the @, in lower case.

    >>> email_domain("Ann@Lab.example")
    'lab.example'
    """
    _, found, domain = text.strip().rpartition("@")
    return domain.lower() if found and domain else None


RULES: Final = {"salesforce": salesforce_id, "email_domain": email_domain}


def normalised(texts: pa.StringArray, rule: str) -> pa.StringArray:
    """``texts`` with one spelling per id; null where a text is no id."""
    coded = texts.dictionary_encode()
    change = RULES[rule]
    spelled = pa.array(
        [None if text is None else change(text) for text in coded.dictionary.to_pylist()], pa.string()
    )
    return spelled.take(coded.indices)


def content_ids(columns: dict[str, pa.Array], file: Ints, keep: Mask) -> pa.StringArray:
    """Ids of rows that came without one: a digest of the content, and a number among equal rows of one file.

    The same row in an overlapping export has the same id; two equal rows of one file are two.
    Rows outside ``keep`` count for nothing.
    """
    digests = _digests(pa.table(columns))
    coded = digests.dictionary_encode()
    if len(coded.dictionary) == len(digests):
        return digests
    among = pd.DataFrame({"digest": coded.indices.to_numpy(), "file": file, "keep": keep})
    ordinal = pa.array(among.groupby(["digest", "file", "keep"], sort=False).cumcount().to_numpy())
    numbered = pc.binary_join_element_wise(digests, ordinal.cast(pa.string()), "-")
    return pc.if_else(pc.greater(ordinal, 0), numbered, digests)


def _digests(content: pa.Table) -> pa.StringArray:
    """First 64 bits of MD5 over the content, as 16 hexadecimal characters."""
    texts = ", ".join(
        f'coalesce(cast("{name}" as varchar), chr(30))' for name in sorted(content.column_names)
    )
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        query = f"select left(md5(concat_ws(chr(31), {texts})), 16) from content"  # noqa: S608  # our own column names
        found = connection.sql(query).to_arrow_table()
    chunks = found.column(0).cast(pa.string()).chunks
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())

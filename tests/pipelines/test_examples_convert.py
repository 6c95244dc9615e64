"""The converter beside the BPI Challenge 2012 mapping."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

from features.folder import read_tables
from pipelines.ingest import ingest

LOG = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/"><trace>
  <date key="REG_DATE" value="2011-10-01T00:38:44.546+02:00"/>
  <string key="concept:name" value="173688"/>
  <string key="AMOUNT_REQ" value="20000"/>
  <event><string key="org:resource" value="112"/><string key="lifecycle:transition" value="COMPLETE"/>
    <string key="concept:name" value="A_SUBMITTED"/>
    <date key="time:timestamp" value="2011-10-01T00:38:44.546+02:00"/></event>
  <event><string key="lifecycle:transition" value="SCHEDULE"/>
    <string key="concept:name" value="W_Afhandelen leads"/>
    <date key="time:timestamp" value="2011-10-01T00:39:00.000+02:00"/></event>
</trace></log>
"""


def test_the_log_becomes_what_the_mapping_reads(root: Path, tmp_path: Path):
    log = tmp_path / "log.xes.gz"
    log.write_bytes(gzip.compress(LOG.encode()))
    script = root / "examples/bpic2012/convert.py"
    subprocess.run([sys.executable, str(script), str(log), str(tmp_path / "csv")], check=True, timeout=60)
    ingest(root / "examples/bpic2012/mapping.yaml", tmp_path / "csv", tmp_path / "history")
    tables = read_tables(tmp_path / "history")
    assert tables["events"]["type"].to_pylist() == ["A_SUBMITTED", "W_Afhandelen leads|SCHEDULE"]
    assert tables["events"]["source"].to_pylist() == ["112", None]
    assert tables["attributes"]["value"].to_pylist() == ["20000"]

"""Requests as fast as they are answered: by ``wrk``, or by a client of our own where it is not there."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any, Final

SCRIPT: Final = """\
wrk.method = {method}
wrk.body = {body}
{headers}
local paths = {{{paths}}}
local at = 0
if #paths > 0 then
  request = function()
    at = at % #paths + 1
    return wrk.format(nil, paths[at])
  end
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, over and over; where there are ``paths``, to one after the other."""

    url: str
    headers: dict[str, str]
    body: str | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. ``failed`` counts answers that were no 2xx or 3xx, and connections that broke."""

    rps: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"rps": round(self.rps, 1), "p50_ms": round(self.p50_ms, 3), "p99_ms": round(self.p99_ms, 3)}


def is_there() -> bool:
    """Whether ``wrk`` is installed."""
    return shutil.which("wrk") is not None


def run(request: Request, *, connections: int, seconds: float) -> Load:
    """Ask for ``seconds``, with so many connections at a time."""
    quoted = {name: _lua(value) for name, value in request.headers.items()}
    lines = "\n".join(f"wrk.headers[{_lua(name)}] = {value}" for name, value in quoted.items())
    script = SCRIPT.format(
        method=_lua("GET" if request.body is None else "POST"),
        body="nil" if request.body is None else _lua(request.body),
        headers=lines,
        paths=", ".join(map(_lua, request.paths)),
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s"]
        done = subprocess.run(  # noqa: S603 - our own arguments
            [*command, "-s", file.name, request.url], capture_output=True, text=True, check=True
        )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said nothing:\n{done.stdout}{done.stderr}")
    requests, micros, p50, p99, failed = map(int, found.groups())
    return Load(requests / micros * 1e6, p50 / 1e3, p99 / 1e3, requests, failed)


def _lua(text: str) -> str:
    escaped = "".join(f"\\{byte:03d}" for byte in text.encode())
    return f'"{escaped}"'

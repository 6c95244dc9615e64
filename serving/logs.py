"""Logs that cannot tell about people: what is not on a list of harmless keys is dropped.

One JSON object a line on stderr, or text where somebody watches. Ids become keyed hashes, so that the lines of
one lead can be found by who has the lead's id and the key, and by nobody else. Of an exception only its type and
its place are told, since messages repeat what was sent. Loggers of libraries say their first line, without values.

>>> told = allow(
...     None, "info", {"event": "scored", "status": 200, "email": "ada@example.org", "lead_id": "L1"}
... )
>>> sorted(told)
['event', 'lead_hash', 'status']
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import sys
import threading
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

Log = FilteringBoundLogger
Told = MutableMapping[str, Any]

ALLOWED: Final = {
    *("event", "level", "timestamp", "logger", "place", "exception", "version", "address", "problem"),
    *(
        "request_id",
        "prediction_id",
        "job_id",
        "key_id",
        "worker",
        "method",
        "route",
        "status",
        "code",
        "duration_ms",
    ),
    *(
        "bundle",
        "champion",
        "challenger",
        "previous",
        "role",
        "arm",
        "origin",
        "state",
        "action",
        "attempt",
        "seconds",
    ),
    *(
        "bytes",
        "count",
        "leads",
        "events",
        "rows",
        "stored",
        "refused",
        "unchanged",
        "failed",
        "pending",
        "dead",
    ),
    "delivered",
}
"""Keys that may be told. None may hold what a client sent, except as a number; ``problem`` is of a bundle or setting.
"""

HASHED: Final = {"lead_id": "lead_hash", "account_id": "account_hash", "tenant": "tenant_hash"}
"""Keys that are told as keyed hashes, under another name."""

IDS: Final = frozenset({"request_id", "prediction_id", "job_id", "key_id", "code"})
ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Of our making, or of a client that may name its requests, but not write in our logs."""

LONGEST: Final = 300
OUR_EVENT: Final = re.compile(r"[A-Za-z][A-Za-z ,;:'_.-]{0,99}")
"""Events are constants in the code; what looks like made with values is withheld."""
LIBRARIES: Final = ("uvicorn", "alembic", "sqlalchemy")
"""Loggers whose first line, before values are filled in, is a constant or about our own processes."""
PACKAGES: Final = ("features", "models", "serving")

_key = secrets.token_bytes(32)
_log: Log = structlog.get_logger().bind()


def configure(key_file: Path | None = None, stream: TextIO | None = None) -> Log:
    """Set up the logs of this process; may be called again.

    Args:
        key_file: holds the key of the hashes and is made where it is missing; without it, the key lives as long as
            the process.
        stream: where lines go; stderr if left out.
    """
    global _key, _log  # noqa: PLW0603 - one process, one log
    if key_file is not None:
        _key = _read_key(key_file)
    output = _Output(stream)
    render: Any = structlog.dev.ConsoleRenderer(pad_event_to=0) if output.watched else _json
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            exception_place,
            allow,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )
    _log = structlog.get_logger().bind()  # bound once: it costs more than a line
    _route_libraries()
    _take_hooks()
    return _log


def log() -> Log:
    """The log of this process."""
    return _log


def silent() -> Log:
    """For a command that tells by itself what went wrong."""
    logger: Log = structlog.wrap_logger(
        None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    return logger


def hashed(text: str) -> str:
    """A name for ``text`` that means nothing to who has not the key."""
    return hmac.digest(_key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:16]


def allow(_: Any, __: str, told: Told) -> Told:
    """Keep what is on the list, hash ids, drop the rest (a processor of structlog)."""
    kept: Told = {key: _plain(key, value) for key, value in told.items() if key in ALLOWED and key != "event"}
    ids = ((name, told.get(name)) for name in HASHED)
    kept.update((HASHED[name], hashed(str(value))) for name, value in ids if value is not None)
    event = told.get("event")
    kept["event"] = (
        event if isinstance(event, str) and OUR_EVENT.fullmatch(event) else "(an event made with values)"
    )
    return kept


def exception_place(_: Any, __: str, told: Told) -> Told:
    """Turn ``exc_info`` into the type and the place of an exception (a processor of structlog)."""
    info = told.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        told.update(_described(error))
    return told


def _described(error: BaseException) -> dict[str, str]:
    names = [type(error).__name__]
    cause = error.__cause__
    while cause is not None and len(names) < 5:
        names.append(type(cause).__name__)
        cause = cause.__cause__
    return {"exception": " from ".join(names), "place": _place(error.__traceback__)}


def _place(trace: TracebackType | None) -> str:
    """Where it was raised, and the last line of ours on the way there."""
    frames = []
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        frames.append((module, f"{module}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_name}"))
        trace = trace.tb_next
    ours = [place for module, place in frames if module.partition(".")[0] in PACKAGES]
    last = [place for _, place in frames[-1:]]
    return " <- ".join(dict.fromkeys(last + ours[-1:])) or "?"


def _plain(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)[:LONGEST]
    return text if key not in IDS or ID.fullmatch(text) else "(no id)"


def _json(_: Any, __: str, told: Told) -> str:
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()


class _Output:
    """Writes whole lines to a stream, or to what stderr is at that moment."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    @property
    def watched(self) -> bool:
        stream = self._stream or sys.stderr
        return stream.isatty()

    def msg(self, line: str) -> None:
        stream = self._stream or sys.stderr
        with self._lock:
            stream.write(line + "\n")
            stream.flush()

    debug = info = warning = error = critical = exception = msg


class _Library(logging.Handler):
    """Tells what a library logs: the first line as it stands in its code, without values."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        known = record.name.partition(".")[0] in LIBRARIES and isinstance(record.msg, str)
        text = re.sub(r"[^A-Za-z ,;:'_.-]", "", record.msg.partition("\n")[0]).strip()[:100] if known else ""
        place = f"{record.module}:{record.lineno}"
        facts: dict[str, Any] = {"logger": record.name, "place": place, "exc_info": record.exc_info}
        log().log(record.levelno, text or "a library logged", **facts)


def _route_libraries() -> None:
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Library)] + [_Library()]
    root.setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], name != "uvicorn.access"
        logger.setLevel(logging.WARNING)


def _take_hooks() -> None:
    """What nobody catches is told in the same way; a debugger's or a test runner's own hooks stay."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = lambda _, error, __: _uncaught(error)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda args: _uncaught(args.exc_value)


def _uncaught(error: BaseException | None) -> None:
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        log().error("nobody caught this", exc_info=error)


def _read_key(file: Path) -> bytes:
    """The key of an installation; the first process to come makes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    if not file.exists():
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        try:
            file.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_bytes()

"""Bodies that somebody might send: cut off, nested, doubled, enormous, of other types; each with a word in it.

Made from one seed, so that a failure can be met again. ``CANARY`` stands in nearly all of them and may come back in
none of the answers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

CANARY: Final = "canary-zq7x"
COUNT: Final = 300

VALID: Final[dict[str, dict[str, Any]]] = {
    "/v1/score": {"leads": [{"lead_id": CANARY, "created_at": "2024-05-01T00:00:00Z", "events": []}]},
    "/v1/leads": {"leads": [{"lead_id": CANARY, "created_at": "2024-05-01T00:00:00Z"}]},
    "/v1/events": {
        "events": [
            {"lead_id": CANARY, "event_id": "e1", "type": "visit", "occurred_at": "2024-05-02T00:00:00Z"}
        ]
    },
    "/v1/attributes": {
        "attributes": [
            {
                "entity": "lead",
                "entity_id": CANARY,
                "field": "industry",
                "value": CANARY,
                "occurred_at": "2024-05-02T00:00:00Z",
            }
        ]
    },
    "/v1/stages": {"stages": [{"lead_id": CANARY, "stage": "new", "entered_at": "2024-05-02T00:00:00Z"}]},
    "/v1/feedback": {"lead_id": CANARY, "verdict": "rejected", "reason": CANARY},
    "/v1/outcomes": {"lead_id": CANARY, "stage": "sql", "entered_at": "2024-05-02T00:00:00Z"},
    "/v1/jobs": {"kind": "score", "content_type": "csv"},
}

NUMBERS: Final = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1E+999999",
        "9" * 400,
        "-0",
        "01",
        "0x10",
        "1.",
        ".5",
    ),
    *("18446744073709551616", "-9223372036854775809", "1e-400", "+1", "1_000", "--1", "1e", "\u0661"),
)
TEXTS: Final = (
    *(
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\u0000"',
        '"\\uD83D"',
        '"\\x41"',
        '"\\u12"',
        '"\t"',
        '"\u202e"',
        '"\u0000"',
    ),
    *(
        '"\\ufeff"',
        '"\u2028"',
        '"' + "a" * 70_000 + '"',
        "\"=cmd|' /C calc'!A0\"",
        '"<script>alert(1)</script>"',
    ),
    *('"../../etc/passwd"', '"\' OR 1=1 --"', '"\U0001f600"', '"%00"', '"${jndi:ldap://x}"', '""', '" "'),
)
OTHERS: Final = ("null", "true", "[]", "{}", "[[]]", '{"": ""}', '[null, {}, "x", 1]', '"2024-05-02"', "0")
TIMES: Final = (
    *("2024-05-02T00:00:00", "0000-00-00T00:00:00Z", "99999-01-01T00:00:00Z", "2024-02-30T00:00:00Z", "now"),
    *("2024-05-02T25:00:00Z", "2024-05-02T00:00:00+99:99", "1e18", "-1", "9999-12-31T23:59:59-14:00"),
    *("0001-01-01T00:00:00+14:00", "2024-05-02T00:00:60Z", "\u0662\u0660\u0662\u0664-05-02T00:00:00Z"),
)


def bodies(path: str, seed: int = 0) -> list[bytes]:
    """``COUNT`` bodies for an endpoint."""
    draw = random.Random(f"{seed}{path}")
    valid = VALID.get(path, {"lead_id": CANARY})
    made = [*_whole(valid), *_numbers(valid), *_values(valid)]
    while len(made) < COUNT:
        made.append(_damaged(draw, valid))
    return made[:COUNT]


def _whole(valid: Any) -> Iterator[bytes]:
    """Bodies that are wrong as a whole."""
    text = json.dumps(valid)
    raw = text.encode()
    yield from (
        b"",
        b" ",
        b"\x00",
        b"\xff\xfe",
        b"{",
        b"}",
        b"nul",
        CANARY.encode(),
        b'"' + CANARY.encode() + b'"',
    )
    yield from (b"\xef\xbb\xbf" + raw, text.encode("utf-16"), text.encode("utf-32"), raw + raw, raw + b",")
    yield from (raw[: len(raw) * part // 8] for part in range(1, 8))
    yield from (b"[" * depth + b"]" * depth for depth in (33, 900, 1_100, 100_000))
    yield from (b'{"a":' * depth + b"1" + b"}" * depth for depth in (33, 900, 1_100, 100_000))
    yield b"[" * 900
    name = next(iter(valid))
    twice = json.dumps(valid[name])
    yield f'{{"{name}": {twice}, "{name}": {twice}}}'.encode()
    yield f'{{"{name}" :{twice},"{name}":[]}}'.encode()
    yield f'{{"{name}":{twice},"{name[0]}\\u{ord(name[1]):04x}{name[2:]}":[]}}'.encode()
    yield raw.replace(CANARY.encode(), b'\\":' * 50 + CANARY.encode())
    yield json.dumps({**valid, CANARY: CANARY}).encode()
    yield json.dumps({**valid, "__proto__": {CANARY: 1}, "constructor": CANARY}).encode()
    yield json.dumps({"x" * 5_000: CANARY}).encode()
    yield json.dumps([valid]).encode()
    yield json.dumps({name: [valid[name]] * 3}).encode()
    yield b'"' + b"a" * 10_000_000 + b'"'
    yield json.dumps({name: CANARY * 900_000}).encode()
    yield json.dumps({name: [1] * 200_000}).encode()
    yield json.dumps({name: [{}] * 1_001}).encode()
    yield json.dumps(dict.fromkeys(map(str, range(20_000)), CANARY)).encode()


def _numbers(valid: Any) -> Iterator[bytes]:
    """A number that is none, in place of each value."""
    for at, number in enumerate((*NUMBERS, *TEXTS, *OTHERS)):
        places = list(_places(valid))
        yield _placed(valid, places[at % len(places)], number)


def _values(valid: Any) -> Iterator[bytes]:
    """Times that are none, and other types, wherever there is a text."""
    for place in _places(valid):
        for moment in TIMES:
            yield _placed(valid, place, json.dumps(moment))


def _damaged(draw: random.Random, valid: Any) -> bytes:
    """Two places at once, or a few bytes changed."""
    raw = bytearray(json.dumps(valid).encode())
    if draw.random() < 0.5:
        for _ in range(draw.randint(1, 4)):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        return bytes(raw)
    place = draw.choice(list(_places(valid)))
    return _placed(valid, place, draw.choice((*NUMBERS, *TEXTS, *OTHERS)), key=draw.random() < 0.3)


def _places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there are values."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from _places(value, (*at, key))


def _placed(valid: Any, place: tuple[Any, ...], text: str, *, key: bool = False) -> bytes:
    """The body with raw text in a place: as the value there, or as a key beside it."""
    mark = "@@mark@@"
    copy = json.loads(json.dumps(valid))
    node = copy
    for step in place[:-1]:
        node = node[step]
    if key and isinstance(node, dict):
        node[mark] = CANARY
    else:
        node[place[-1]] = mark
    whole = json.dumps(copy)
    return whole.replace(f'"{mark}"', text).encode("utf-8", "surrogatepass")

"""Names that other systems accept, made from ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

_SPELLED: Final = str.maketrans({"ß": "ss", "ä": "ae", "ö": "oe", "ü": "ue"})


def plain_name(phrase: str, longest: int) -> str:
    """Lower-case letters, digits and single underscores, from a letter on; never empty.

    >>> plain_name("200 employees, or more", 40), plain_name("Große Universität", 40), plain_name("?", 9)
    ('n200_employees_or_more', 'grosse_universitaet', 'unnamed')
    """
    spelled = unicodedata.normalize("NFC", phrase).lower().translate(_SPELLED)
    letters = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "_", letters).strip("_") or "unnamed"
    return (f"n{words}" if words[0].isdigit() else words)[:longest].rstrip("_")


def unused(phrase: str, taken: Collection[str], longest: int) -> str:
    """``plain_name``, numbered where it is taken.

    >>> unused("Web visits", ["web_visits"], 10)
    'web_visi_2'
    """
    name, number = plain_name(phrase, longest), 1
    while name in taken:
        number += 1
        ending = f"_{number}"
        name = plain_name(phrase, longest - len(ending)) + ending
    return name


def one_each(phrases: Sequence[str], longest: int, *, taken: Collection[str] = ()) -> list[str]:
    """A name for each phrase, no two the same and none of ``taken``.

    >>> one_each(["Demo", "demo!"], 40)
    ['demo', 'demo_2']
    """
    names: list[str] = []
    for phrase in phrases:
        names.append(unused(phrase, {*taken, *names}, longest))
    return names


def one_line(phrase: str) -> str:
    """Without line breaks, for comments.

    >>> one_line("saw" + chr(10) + "prices")
    'saw prices'
    """
    return " ".join(phrase.split())

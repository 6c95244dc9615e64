"""Templates to HTML: everything shown is escaped, and every page carries a policy that lets nothing else in."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from serving.pages.drawing.svg import Chart

STATIC: Final = Path(__file__).parent / "static"
STATIC_URL: Final = "/static"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "HX-Request, Cookie",
}


def page(template: str, /, status: int = 200, **context: Any) -> HTMLResponse:
    """A page or a part of one."""
    return HTMLResponse(render(template, **context), status, HEADERS)


def render(template: str, /, **context: Any) -> str:
    """HTML of a template; a name that the context lacks is an error."""
    return _environment().get_template(template).render(context)


def drawn(chart: Chart) -> Markup:
    """A drawing for a template. Its words were escaped when it was drawn."""
    return Markup(str(chart))  # noqa: S704 - built of escaped parts


@cache
def asset(name: str) -> str:
    """Address of a static file; it changes with the content, so that caches may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_URL}/{name}?v={digest}"


def in_path(segment: str) -> str:
    """A lead id as one segment of a path.

    >>> in_path("a/b c")
    'a%2Fb%20c'
    """
    return quote(segment, safe="")


def element_id(name: str) -> str:
    """An id for an element: stable, and free of whatever is in ``name``."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("serving.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"asset": asset, "element_id": element_id}
    environment.filters |= {"in_path": in_path}
    return environment

"""All pages and what they are made of, as one router."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, RedirectResponse, Response

from serving.pages import lead_pages, queue_pages, record_pages, signing_in
from serving.pages.rendering import HEADERS, STATIC, page
from serving.pages.route import PageRoute

router: Final = APIRouter(route_class=PageRoute, include_in_schema=False)
for part in (signing_in, queue_pages, lead_pages, record_pages):
    router.include_router(part.router)

FILES: Final = frozenset(path.name for path in STATIC.iterdir())
KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
"""The address of a file changes with its content, so it may be kept for good."""


@router.get("/")
async def home() -> Response:
    """To the queue."""
    return RedirectResponse("/leads", 303, HEADERS)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """A style sheet, a script or a drawing of the pages."""
    if name not in FILES:
        return page(
            "problem.html",
            404,
            title="No such file",
            advice="The page may be of an older version: load it again.",
            visitor=None,
            here="",
            demo_clock="",
        )
    return FileResponse(STATIC / name, headers=KEPT)

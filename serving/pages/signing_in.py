"""Signing in with an API key, and out."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from serving.pages import session
from serving.pages.guard import REVIEW, SenderDep, refuse_other_sites, signing_secret
from serving.pages.rendering import HEADERS, page
from serving.pages.route import PageRoute
from serving.services import ServicesDep
from serving.store import sessions

router = APIRouter(route_class=PageRoute, include_in_schema=False)

REFUSED: Final = "This key is not known, has ended, or may not review."
HOME: Final = "/leads"
SCOPE: Final = "review"


@router.get("/login")
async def ask(next: str = HOME) -> Response:  # noqa: A002 - the word of the address
    """The form."""
    return _form(next)


@router.post("/login")
async def sign_in(
    request: Request,
    services: ServicesDep,
    key: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=2000)] = HOME,  # noqa: A002
) -> Response:
    """Exchange a key for a session."""
    refuse_other_sites(request)
    address = request.client.host if request.client else ""
    found = await services.keys.principal(key.strip())
    if (
        found is None or SCOPE not in found.scopes
    ):  # a good key is let in, whatever others at this address tried
        services.limiter.check_attempts(address)
        services.limiter.count_attempt(address)
        return _form(next, REFUSED)
    secret = await signing_secret(request, services)
    answer = RedirectResponse(_local(next), 303, HEADERS)
    answer.set_cookie(
        session.COOKIE,
        session.mint(secret, found.key_id, services.clock.now()),
        max_age=session.HOURS * 3600,
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout", dependencies=[REVIEW])
async def sign_out(who: SenderDep, services: ServicesDep) -> Response:
    """End the session, and take the cookie back."""
    over, now = who.session, services.clock.now()
    await services.commit(lambda connection: sessions.end(connection, over.session_id, over.expires_at, now))
    answer = RedirectResponse("/login", 303, HEADERS)
    answer.delete_cookie(session.COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


def _form(target: str, problem: str = "") -> Response:
    return page(
        "login.html",
        401 if problem else 200,
        visitor=None,
        here="",
        demo_clock="",
        hours=session.HOURS,
        problem=problem,
        next=_local(target),
    )


def _local(target: str) -> str:
    r"""A path of this service; whatever else was asked for is not followed.

    >>> (
    ...     _local("/leads/L-1?x=1"),
    ...     _local("//evil.example"),
    ...     _local("https://evil.example"),
    ...     _local("/\\evil.example"),
    ... )
    ('/leads/L-1?x=1', '/leads', '/leads', '/leads')
    """
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if local and target.isprintable() else HOME

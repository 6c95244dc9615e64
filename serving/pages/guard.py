"""Who may see a page: a visitor with a session, whose key is looked up at each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request

from serving.auth import PRINCIPAL, Principal
from serving.pages import session
from serving.pages.session import Session
from serving.scopes import Scope
from serving.services import Services, ServicesDep
from serving.store import meta, sessions
from serving.store.keys import Key

FROM_HERE: Final = ("same-origin", "none")
"""What browsers say of a request that no other site had a hand in (Sec-Fetch-Site)."""


class SignedOutError(Exception):
    """There is no session, it is over, or its key may no longer review."""


class ForgedError(Exception):
    """A form did not come from a page of this session."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks. ``csrf`` goes into every form."""

    key_id: str
    tenant: str
    csrf: str
    session: Session


@dataclass(frozen=True, slots=True)
class Review:
    """A dependency: the request has to come with a session; ``scope`` is what its key needs."""

    scope: Scope = "review"

    async def __call__(self, request: Request, services: ServicesDep) -> Visitor:
        """Who is signed in.

        Raises:
            SignedOutError: nobody is.
            ProblemError: too many requests.
        """
        now = services.clock.now()
        cookie = request.cookies.get(session.COOKIE, "")
        secret = await signing_secret(request, services)
        found = session.read(secret, cookie, now)
        if found is None:
            raise SignedOutError
        key = await services.keys.find(found.key_id)
        if key is None or not _holds(key, now) or self.scope not in key.scopes:
            raise SignedOutError
        if await services.compute(_is_ended, services, found.session_id):
            raise SignedOutError
        request.scope[PRINCIPAL] = Principal(key.key_id, key.tenant, key.scopes, key.name)
        services.limiter.count(key.key_id, request.scope)
        return Visitor(key.key_id, key.tenant, session.csrf_token(secret, cookie), found)


REVIEW: Final = Depends(Review())
"""For ``dependencies=[REVIEW]`` of a router: every route of it declares its scope."""

VisitorDep = Annotated[Visitor, REVIEW]


async def sender(
    request: Request, who: VisitorDep, services: ServicesDep, csrf: Annotated[str, Form()] = ""
) -> Visitor:
    """Who sent a form from one of our own pages.

    Raises:
        SignedOutError: nobody is signed in.
        ForgedError: the form came from elsewhere.
    """
    refuse_other_sites(request)
    secret = await signing_secret(request, services)
    if not session.csrf_holds(secret, request.cookies[session.COOKIE], csrf):
        raise ForgedError
    return who


SenderDep = Annotated[Visitor, Depends(sender)]


def refuse_other_sites(request: Request) -> None:
    """Refuse a form that another site made the browser send, also where there is no session yet.

    Raises:
        ForgedError: it was sent from elsewhere.
    """
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        own = said in FROM_HERE
    else:  # an older browser: its Origin has to be this host
        origin = request.headers.get("origin")
        own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise ForgedError


async def signing_secret(request: Request, services: Services) -> bytes:
    """The secret of this database that sessions are signed with; asked for once by each worker."""
    state = request.app.state
    if not hasattr(state, "session_secret"):
        state.session_secret = await services.commit(
            lambda connection: meta.secret(connection, session.SECRET)
        )
    return bytes(state.session_secret)


def _is_ended(services: Services, session_id: str) -> bool:
    with services.store.reading() as connection:
        return sessions.is_ended(connection, session_id)


def _holds(key: Key, now: int) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)

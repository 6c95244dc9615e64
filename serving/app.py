"""The application: routes, what stands around them, and the life of its services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from features.errors import LeadlightError
from serving import docs_page, health, logs
from serving.assembling import running
from serving.auth import Needs, declared
from serving.bodies import harden
from serving.middleware import Around
from serving.openapi import describe
from serving.pages import site
from serving.problems import install
from serving.protocol import READ_SECONDS
from serving.routers import evidence, feedback, jobs, leads, model, points, predictions, score
from serving.scopes import PUBLIC, ROUTES
from serving.settings import Settings, read_settings
from serving.stopping import announced

ROUTERS: Final[tuple[APIRouter, ...]] = (
    leads.router,  # asked most often, so looked at first
    score.router,
    evidence.router,
    predictions.router,
    feedback.router,
    jobs.router,
    model.router,
    points.router,
    health.router,
    site.router,
)
LOG_KEY: Final = "log.key"
"""File below the data folder with the key of the hashes in the log."""


class UndeclaredError(LeadlightError):
    """A route and the table of scopes do not agree."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application.

    Args:
        settings: of the service. Where left out, this process is a worker of its own: settings come from the
            environment, and its log is set up.

    Raises:
        UndeclaredError: a route is not in ``serving.scopes.ROUTES``, or asks for another scope.
    """
    if settings is None:
        settings = read_settings()
        logs.configure(settings.data / LOG_KEY)
    app = FastAPI(
        title="Leadlight",
        version=version("leadlight"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings),
        middleware=[Middleware(Around, settings=settings)],
    )
    install(app)
    for router in (*ROUTERS, *((docs_page.router,) if settings.docs else ())):
        add(app, router)
    describe(app)
    return app


def add(app: FastAPI, router: APIRouter) -> None:
    """Add the routes of a router, each hardened and declared.

    Raises:
        UndeclaredError: one is not.
    """
    problems: list[str] = []
    for route in _flat(router.routes):
        problems += _undeclared(route)
        if isinstance(route, APIRoute) and _keys_only(route):
            harden(route)
        # Not `include_router`: that would look every request up in one more layer.
        app.router.routes.append(route)
    if problems:
        raise UndeclaredError("routes and serving/scopes.py do not agree", problems)


def _lifespan(settings: Settings) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        with running(settings) as services:
            app.state.services = services
            services.log.info("the service is up")
            with announced(services.lifecycle.stop):
                yield {READ_SECONDS: settings.read_seconds}
            services.lifecycle.stop()
            services.log.info("the service stops")

    return lifespan


def _flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes of a router and of those that it includes (without a prefix)."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _flat(included.routes)


def _undeclared(route: BaseRoute) -> Iterator[str]:
    if not isinstance(route, Route):
        yield f"{type(route).__name__} cannot be checked"
        return
    asked = declared(route.dependencies) if isinstance(route, APIRoute) else []
    for method in sorted(set(route.methods or ()) - {"HEAD"}):
        meant = ROUTES.get((method, route.path))
        if meant is None:
            yield f"{method} {route.path} is not there"
        elif asked != ([] if meant == PUBLIC else [meant]):
            yield f"{method} {route.path} asks for {' and '.join(asked) or 'nothing'} instead of {meant}"


def _keys_only(route: APIRoute) -> bool:
    return any(isinstance(one.dependency, Needs) for one in route.dependencies)

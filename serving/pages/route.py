"""A route of the pages: what goes wrong is told on a page, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response
from typing_extensions import override

from serving.answers.refusals import Unscorable
from serving.live import NoModelError
from serving.pages.guard import ForgedError, SignedOutError
from serving.pages.rendering import HEADERS, page
from serving.problems import ProblemError
from serving.store.errors import LeadForgotten, LeadObjected, StoreUnavailable

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

NOT_THERE: Final = ("lead_not_found", "prediction_not_found")

WORDS: Final[dict[type[Exception], tuple[int, str, str]]] = {
    ForgedError: (403, "This form is too old", "Go back, load the page again and send it once more."),
    RequestValidationError: (
        422,
        "This cannot be read",
        "Something in the address or the form is too long or missing.",
    ),
    StoreUnavailable: (
        503,
        "Not just now",
        "The database cannot answer at the moment. Try again in a few seconds.",
    ),
    NoModelError: (503, "No model yet", "Nobody has activated a model: leadlight activate BUNDLE does."),
    LeadForgotten: (410, "This lead was erased", "Nothing is kept about it, and nothing will be."),
    LeadObjected: (409, "This person has just objected to profiling", "No score is computed any more."),
}
TOLD: Final[tuple[type[Exception], ...]] = (ProblemError, Unscorable, *WORDS)


class PageRoute(APIRoute):
    """Answers every error that a person can do something about with a page."""

    @override
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except SignedOutError:
                return _signed_out(request)
            except TOLD as error:
                return _told(error)

        return guarded


def _problem(status: int, title: str, advice: str) -> Response:
    answer = page("problem.html", status, title=title, advice=advice, visitor=None, here="", demo_clock="")
    if status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def _told(error: Exception) -> Response:
    if isinstance(error, ProblemError):  # of the service, such as too many requests
        advice = error.problem.code.advice
        answer = _problem(error.status_code, advice.title, advice.next_step)
        answer.headers.update(error.headers or {})
        return answer
    if isinstance(error, Unscorable):
        return _problem(404 if error.code in NOT_THERE else 409, error.what, "Open the lead from the list.")
    return _problem(*WORDS[type(error)])


def _signed_out(request: Request) -> Response:
    """To the sign-in page and back; a script is only told."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers=HEADERS)
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # A link in a CRM: browsers keep back a SameSite=Strict cookie until our own page asks once more.
        return page("continue.html")
    target = request.url.path if request.method == "GET" else "/leads"
    if request.method == "GET" and request.url.query:
        target += f"?{request.url.query}"
    return RedirectResponse(f"/login?next={quote(target, safe='')}", 303, HEADERS)

"""Pages that say why there is no page."""

from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hounsfield.daemon.console.problems import ConsoleError, SignInNeeded
from hounsfield.daemon.console.site import Site
from hounsfield.daemon.logs import where_it_failed
from hounsfield.storage.errors import StorageError

log = structlog.get_logger("hounsfield.console")

SIGN_IN = "/sign-in"
_WORDS = {
    404: ("There is no such page.", "It may have been removed, or the address is wrong."),
    405: ("This page cannot be used that way.", "Go back and use the buttons of the page."),
    413: ("That was too much at once.", "Forms of the console hold some words."),
    503: ("Too many browsers watch this console.", "Close some of its pages."),
}


class Refusals:
    """Turns exceptions into pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def install(self, app: FastAPI) -> None:
        """Take over everything that a handler may raise."""
        app.add_exception_handler(SignInNeeded, self._sign_in_needed)
        app.add_exception_handler(ConsoleError, self._console_error)
        app.add_exception_handler(StorageError, self._storage_error)
        app.add_exception_handler(RequestValidationError, self._unreadable)
        app.add_exception_handler(HTTPException, self._http_error)
        app.add_exception_handler(Exception, self._unexpected)

    def _page(self, request: Request, status: int, what: str, remedy: str) -> Response:
        return self._site.render_for(
            self._site.door.guest(request), request, "refusal.html", status=status, what=what, remedy=remedy
        )

    def _sign_in_needed(self, request: Request, _: Exception) -> Response:
        """Lead to the sign-in page, and back afterwards if the page was only looked at."""
        back = f"?{request.url.query}" if request.url.query else ""
        query = urlencode({"next": request.url.path + back}) if request.method == "GET" else ""
        target = f"{SIGN_IN}?{query}" if query else SIGN_IN
        if "hx-request" in request.headers:  # htmx would put the sign-in page into the middle of this one
            return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": target})
        return RedirectResponse(target, HTTPStatus.SEE_OTHER)

    def _console_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, ConsoleError)
        return self._page(request, error.status, _sentence(error.problem), _sentence(error.remedy))

    def _storage_error(self, request: Request, error: Exception) -> Response:
        log.error("a page could not read the database", failed=where_it_failed(error))
        what = "The job database does not answer."
        return self._page(request, 503, what, "Reception goes on. `hounsfield doctor` says what is wrong.")

    def _unreadable(self, request: Request, _: Exception) -> Response:
        what = "This address or form has something in it that cannot be."
        return self._page(request, 400, what, "Follow the links of the pages, or correct the address.")

    def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        what, remedy = _WORDS.get(error.status_code, (f"{HTTPStatus(error.status_code).phrase}.", ""))
        return self._page(request, error.status_code, what, remedy)

    def _unexpected(self, request: Request, _: Exception) -> Response:
        """The server logs where it failed, without the text of the exception."""
        what = "This page has a fault."
        return self._page(request, 500, what, "The log of the service says where. Reception and analysis go on.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""

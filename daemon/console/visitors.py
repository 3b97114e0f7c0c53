"""Who looks at a page, and whether a form is theirs."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.operation import ConsoleSettings
from hounsfield.daemon.console.addresses import Proxies
from hounsfield.daemon.console.problems import FormRefused, NotAllowed, SignInNeeded
from hounsfield.daemon.console.sessions import TOKEN_BYTES, NewSession, Sessions

SESSION_COOKIE = "hounsfield_session"
FORM_COOKIE = "hounsfield_form"
FORM_FIELD = "csrf"
FORM_HEADER = "X-CSRF-Token"
_LONGEST_PERSON = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody in front of a browser."""

    person: str | None
    """Who has signed in; None for a guest, who may read and no more."""
    csrf: str
    """Stands in every form, in the field ``csrf``, and in the header ``X-CSRF-Token`` of htmx."""
    address: str


class Door:
    """Knows visitors by their cookies, or by what a reverse proxy says of them."""

    def __init__(self, settings: ConsoleSettings, sessions: Sessions, clock: Clock) -> None:
        self._settings = settings
        self._sessions = sessions
        self._proxies = Proxies(settings.proxy_hosts, clock)

    def visitor(self, request: Request) -> Visitor:
        """Return who asks; looked up once for each request. May raise DatabaseUnavailable."""
        known = getattr(request.state, "visitor", None)
        if not isinstance(known, Visitor):
            known = self._signed_in(request) or self.guest(request)
            request.state.visitor = known
        return known

    def _signed_in(self, request: Request) -> Visitor | None:
        if self._settings.sign_in == "proxy":
            person = self._named_by_proxy(request)
            return None if person is None else _as(person, self.guest(request))
        token = request.cookies.get(SESSION_COOKIE)
        if self._settings.sign_in == "off" or not token:
            return None
        by_itself = request.method == "GET" and "hx-request" in request.headers
        entry = self._sessions.find(token, is_use=not by_itself)
        if entry is None:
            return None
        return Visitor(person=entry.person, csrf=entry.csrf, address=self._address(request))

    def _named_by_proxy(self, request: Request) -> str | None:
        name = request.headers.get(self._settings.proxy_header, "").strip()
        if not name or request.client is None or not self._proxies.include(request.client.host):
            return None
        printable = "".join(letter for letter in name if letter.isprintable())
        return printable[:_LONGEST_PERSON] or None

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client is not None else ""
        return self._proxies.client(peer, request.headers.get("x-forwarded-for"))

    def guest(self, request: Request) -> Visitor:
        """Return somebody who has not signed in, with a token for forms that lasts as long as the browser."""
        csrf = request.cookies.get(FORM_COOKIE) or getattr(request.state, "new_form_token", None)
        if not csrf:
            csrf = secrets.token_urlsafe(TOKEN_BYTES)
            request.state.new_form_token = csrf
        return Visitor(person=None, csrf=csrf, address=self._address(request))

    def admin(self, request: Request) -> Visitor:
        """Return who asks if they have signed in; raise SignInNeeded, or NotAllowed where nobody can sign in here."""
        visitor = self.visitor(request)
        if visitor.person is not None:
            return visitor
        if self._settings.sign_in == "password":
            raise SignInNeeded
        raise NotAllowed

    def person(self, request: Request) -> str:
        """Return the name of whoever asks, as :meth:`admin` does."""
        name = self.admin(request).person
        if name is None:
            raise SignInNeeded
        return name

    def check_form(self, request: Request, form: Mapping[str, str]) -> None:
        """Raise FormRefused unless the form was made for this visitor by us (cross-site request forgery)."""
        given = request.headers.get(FORM_HEADER) or form.get(FORM_FIELD, "")
        site = request.headers.get("sec-fetch-site", "same-origin")
        expected = self.visitor(request).csrf
        is_ours = secrets.compare_digest(given.encode(), expected.encode())
        if not is_ours or site not in ("same-origin", "none"):
            raise FormRefused

    def keep_form_token(self, request: Request, response: Response) -> None:
        """Give a browser without one the token that its forms were made with."""
        token = getattr(request.state, "new_form_token", None)
        if token:
            self._set(response, FORM_COOKIE, token)

    def begin(self, person: str, response: Response) -> NewSession:
        """Sign a person in: the browser that gets ``response`` is theirs. May raise DatabaseUnavailable."""
        new = self._sessions.begin(person)
        self._set(response, SESSION_COOKIE, new.token)
        return new

    def end(self, request: Request, response: Response) -> None:
        """Sign out. May raise DatabaseUnavailable."""
        self._sessions.end(request.cookies.get(SESSION_COOKIE, ""))
        response.delete_cookie(SESSION_COOKIE, path="/")

    def _set(self, response: Response, name: str, value: str) -> None:
        """Write a cookie that scripts cannot read, that other sites cannot use, and that ends with the browser."""
        response.set_cookie(
            name, value, path="/", httponly=True, samesite="strict", secure=self._settings.secure_cookies
        )


def _as(person: str, guest: Visitor) -> Visitor:
    return Visitor(person=person, csrf=guest.csrf, address=guest.address)

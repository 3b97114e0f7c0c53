"""The sign-in page."""

from http import HTTPStatus

from argon2 import PasswordHasher
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hounsfield.daemon.console.addresses import group_of
from hounsfield.daemon.console.limits import RateLimit
from hounsfield.daemon.console.passwords import Passwords
from hounsfield.daemon.console.problems import NotAllowed
from hounsfield.daemon.console.refusals import SIGN_IN
from hounsfield.daemon.console.site import Form, Site
from hounsfield.storage.accounts import Account
from hounsfield.storage.operations import Action

_TRIES_PER_NAME = 4
"""Times as many as from one address: an attacker with many addresses is slowed down, an admin hardly locked out."""
_WRONG = "Name or password is wrong."


class SignInDesk:
    """Checks names and passwords, slowly enough for whoever guesses."""

    def __init__(self, site: Site, passwords: Passwords) -> None:
        self._site = site
        self._accounts = site.parts.database.accounts
        self._passwords = passwords
        most = site.parts.settings.console.tries_per_minute
        self._by_address = RateLimit(most, site.parts.clock)
        self._by_name = RateLimit(most * _TRIES_PER_NAME, site.parts.clock)

    def wait_seconds(self, address: str, name: str) -> float:
        """Count an attempt; return how long this address, or this name, has to wait instead, 0 if it need not."""
        return self._by_address.wait_seconds(group_of(address)) or self._by_name.wait_seconds(name)

    def check(self, name: str, password: str) -> bool:
        """Whether the password is right, after the same work where there is no such account."""
        account = self._accounts.account(name)
        is_right = self._passwords.fits(password, None if account is None else account.password)
        if is_right and account is not None and self._passwords.is_outdated(account.password):
            self._renew(account, password)
        return is_right

    def _renew(self, account: Account, password: str) -> None:
        self._accounts.put(
            Account(
                name=account.name,
                password=self._passwords.hash(password),
                created_at=account.created_at,
                changed_at=account.changed_at,
            )
        )

    def note_failure(self, request: Request, name: str) -> None:
        """Write it down; not the name where there is no such account: people type passwords there."""
        detail: dict[str, object] = {"address": self._site.visitor(request).address}
        if self._accounts.account(name) is not None:
            detail["account"] = name
        self._site.note(request, Action.SIGN_IN_FAILED, detail, person="")


def router(site: Site, hasher: PasswordHasher | None = None) -> APIRouter:
    """Return ``/sign-in`` and ``/sign-out``; ``hasher`` has the parameters of argon2id."""
    routes = APIRouter()
    desk = SignInDesk(site, Passwords(hasher))

    def page(request: Request, target: str, *, status: int = 200, wrong: str = "", name: str = "") -> Response:
        return site.render(request, "sign_in.html", status=status, target=target, wrong=wrong, name=name)

    @routes.get(SIGN_IN)
    def show(request: Request, next: str = "/") -> Response:
        return page(request, own_path(next))

    @routes.post(SIGN_IN)
    def sign_in(request: Request, form: Form) -> Response:
        if site.parts.settings.console.sign_in != "password":
            raise NotAllowed
        site.check_form(request, form)
        name, target = form.get("name", "").strip(), own_path(form.get("next", "/"))
        address = site.visitor(request).address
        seconds = desk.wait_seconds(address, name)
        if seconds:
            refusal = page(request, target, status=429, wrong=_too_often(seconds), name=name)
            refusal.headers["Retry-After"] = str(int(seconds) + 1)
            return refusal
        if not desk.check(name, form.get("password", "")):
            desk.note_failure(request, name)
            return page(request, target, status=401, wrong=_WRONG, name=name)
        answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        site.door.begin(name, answer)
        site.note(request, Action.SIGNED_IN, {"address": address}, person=name)
        return answer

    @routes.post("/sign-out")
    def sign_out(request: Request, form: Form) -> Response:
        site.acting(request, form)
        site.note(request, Action.SIGNED_OUT)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        site.door.end(request, answer)
        return answer

    return routes


def _too_often(seconds: float) -> str:
    return f"Too many attempts. Try again in {int(seconds) + 1} seconds."


def own_path(target: str) -> str:
    """Return a path of this console to go to after signing in; ``/`` for anything that leads elsewhere."""
    is_ours = target.startswith("/") and not target.startswith("//")
    return target if is_ours and "\\" not in target and target.isprintable() else "/"

"""What every page gets: the parts of the console, its templates, and who asks."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from hounsfield.daemon.console.navigation import Entry
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.console.rendering import Renderer
from hounsfield.daemon.console.sessions import Sessions
from hounsfield.daemon.console.visitors import Door, Visitor
from hounsfield.storage.operations import Action, Operation

ORIGIN = "console"
_MOST_FIELDS = 100


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form, the last value of each; files are left out."""
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


Form = Annotated[dict[str, str], Depends(read_form)]
"""For the parameter ``form`` of a handler, which may then be a plain function."""


class Site:
    """One for the application. Its methods may be called from many threads."""

    def __init__(self, parts: ConsoleParts) -> None:
        self.parts = parts
        settings = parts.settings
        sessions = Sessions(parts.database.accounts, parts.clock, settings.console.session_hours)
        self.door = Door(settings.console, sessions, parts.clock)
        self._renderer = Renderer({"version": parts.version, "site_name": settings.site.name})
        self._navigation: tuple[Entry, ...] = ()

    def set_navigation(self, entries: tuple[Entry, ...]) -> None:
        """Say which pages there are; once, when the application is made."""
        self._navigation = entries

    def render(self, request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """Fill a template, which finds ``visitor``, ``csrf``, ``now``, ``path`` and ``navigation`` too."""
        return self.render_for(self.visitor(request), request, template, status=status, **context)

    def render_for(
        self, visitor: Visitor, request: Request, template: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """Fill a template for a visitor who need not be looked up: the database may not answer."""
        shared: Mapping[str, object] = {
            "visitor": visitor,
            "csrf": visitor.csrf,
            "now": self.parts.clock.now(),
            "path": request.url.path,
            "navigation": self._navigation,
            "sign_in": self.parts.settings.console.sign_in,
        }
        page = HTMLResponse(self._renderer.fill(template, {**shared, **context}), status)
        self.door.keep_form_token(request, page)
        return page

    def visitor(self, request: Request) -> Visitor:
        """Return who asks. May raise DatabaseUnavailable."""
        return self.door.visitor(request)

    def admin(self, request: Request) -> Visitor:
        """Return who asks if they have signed in; otherwise raise what leads to the sign-in page, or a refusal."""
        return self.door.admin(request)

    def check_form(self, request: Request, form: Mapping[str, str]) -> None:
        """Raise FormRefused unless the form was made by us for this visitor; every handler of a POST calls it."""
        self.door.check_form(request, form)

    def acting(self, request: Request, form: Mapping[str, str]) -> str:
        """Return the person who sent a form that does something: signed in, and the form is theirs."""
        person = self.door.person(request)
        self.check_form(request, form)
        return person

    def note(
        self,
        request: Request,
        action: Action,
        detail: Mapping[str, object] | None = None,
        *,
        person: str | None = None,
    ) -> None:
        """Write into the event log what the visitor, or ``person``, did. No patient data in ``detail``."""
        who = person if person is not None else self.visitor(request).person or ""
        self.parts.database.operations.note(
            Operation(at=self.parts.clock.now(), action=action, person=who, origin=ORIGIN, detail=detail or {})
        )

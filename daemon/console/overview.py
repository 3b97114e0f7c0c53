"""The first page: how the service stands just now."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hounsfield.daemon.console.overview_facts import read_facts
from hounsfield.daemon.console.overview_view import overview
from hounsfield.daemon.console.site import Site


def router(site: Site) -> APIRouter:
    """Return ``/``."""
    routes = APIRouter()

    @routes.get("/")
    def show(request: Request) -> Response:
        view = overview(read_facts(site.parts), site.parts.settings.alarms)
        return site.render(request, "overview.html", view=view)

    return routes

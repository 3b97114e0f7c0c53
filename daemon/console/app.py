"""The console as an ASGI application."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles

from hounsfield.daemon.console import health, live, metrics, overview, sign_in
from hounsfield.daemon.console.addresses import HostCheck
from hounsfield.daemon.console.guard import Guard
from hounsfield.daemon.console.live import Live
from hounsfield.daemon.console.navigation import ENTRIES
from hounsfield.daemon.console.pages.routes import PAGES as WORK_PAGES
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.console.refusals import Refusals
from hounsfield.daemon.console.rendering import STATIC
from hounsfield.daemon.console.site import Site

PAGES: Sequence[Callable[[Site], APIRouter]] = (overview.router, *WORK_PAGES, metrics.router, health.router)
"""What there is beside sign-in, live events and files."""


def make_app(parts: ConsoleParts, live_events: Live, hasher: PasswordHasher | None = None) -> FastAPI:
    """Return the application. It starts ``live_events``; whoever serves it closes them before it waits for browsers.

    ``hasher`` replaces the parameters of argon2id.
    """
    site = Site(parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live_events.start()
        yield
        live_events.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.include_router(sign_in.router(site, hasher))
    app.include_router(live.router(live_events))
    pages = [router(site) for router in PAGES]
    for page in pages:
        app.include_router(page)
    there = {route.path for page in pages for route in page.routes if isinstance(route, APIRoute)}
    site.set_navigation(tuple(entry for entry in ENTRIES if entry.path in there))
    Refusals(site).install(app)
    console = parts.settings.console
    app.add_middleware(Guard, hosts=HostCheck((console.host, *console.hosts)))
    return app

"""/sites: who sends, where results go, and how both are doing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response

from hounsfield.daemon.console.pages.echoes import Asks, Echoes, over_the_network
from hounsfield.daemon.console.pages.pauses import usual_pauses
from hounsfield.daemon.console.pages.remembered import Remembered
from hounsfield.daemon.console.pages.sites_view import (
    DestinationLine,
    ScannerFacts,
    SitesPage,
    destination_line,
    oldest_by_destination,
    scanner_lines,
)
from hounsfield.daemon.console.problems import NoSuchThing
from hounsfield.daemon.console.site import Form, Site
from hounsfield.storage.destination_state import Backlog
from hounsfield.storage.log_book import Intake
from hounsfield.storage.operations import Action
from hounsfield.storage.records import JobFilter
from hounsfield.storage.states import JobKind, JobState

PAUSES_SECONDS = 60.0
INTAKE_SECONDS = 5.0
"""How old a count of what came in over a day may be."""
_WAITING_READ = 500
"""Deliveries of each state among which the oldest of each destination is looked for."""


def router(site: Site, asks: Asks | None = None) -> APIRouter:
    """Return the routes; ``asks`` is how a destination is asked, by C-ECHO as a rule."""
    routes = APIRouter()
    echoes = Echoes(asks or over_the_network(site.parts.settings))
    pauses = Remembered(usual_pauses(site.parts.database.series, site.parts.clock), PAUSES_SECONDS, site.parts.clock)
    intake = Remembered(lambda: _intake(site), INTAKE_SECONDS, site.parts.clock)

    def page() -> SitesPage:
        return _page(site, pauses.now(), *intake.now())

    @routes.get("/sites")
    def sites(request: Request) -> Response:
        return site.render(request, "sites.html", page=page(), answer=None)

    @routes.post("/sites/echo")
    def echo(request: Request, form: Form) -> Response:
        site.acting(request, form)
        wanted = form.get("destination", "")
        found = next((one for one in site.parts.settings.destination if one.name == wanted), None)
        if found is None or found.kind != "dicom":
            raise NoSuchThing("destination of this name that can be asked")
        answer = echoes.ask(found)
        site.note(request, Action.ECHOED, {"destination": found.name, "answered": answer.answered})
        return site.render(request, "sites.html", page=page(), answer=answer)

    return routes


def _intake(site: Site) -> tuple[list[Intake], list[Intake]]:
    now, log_book = site.parts.clock.now(), site.parts.database.log_book
    return log_book.intake(now - timedelta(hours=1)), log_book.intake(now - timedelta(days=1))


def _page(site: Site, pauses: Mapping[str, timedelta], hour: Sequence[Intake], day: Sequence[Intake]) -> SitesPage:
    parts = site.parts
    database, settings = parts.database, parts.settings
    facts = ScannerFacts(
        configured=settings.peer,
        sightings=database.peers.sightings(),
        hour=hour,
        day=day,
        alarms=database.alarms.open(),
        pauses=pauses,
    )
    scanners, strangers = scanner_lines(facts)
    backlogs = database.destination_states.backlogs()
    names = {one.name for one in settings.destination}
    return SitesPage(
        scanners=scanners,
        strangers=strangers,
        destinations=_destinations(site, backlogs),
        unconfigured=tuple(
            (name, backlog.waiting)
            for name, backlog in sorted(backlogs.items())
            if name not in names and backlog.waiting
        ),
    )


def _destinations(site: Site, backlogs: dict[str, Backlog]) -> tuple[DestinationLine, ...]:
    database = site.parts.database
    states = {state.name: state for state in database.destination_states.all()}
    jobs = database.jobs
    waiting = [
        job
        for state in (JobState.AVAILABLE, JobState.RETRYABLE)
        if any(backlog.waiting for backlog in backlogs.values())
        for job in jobs.page(JobFilter(kind=JobKind.DELIVER, state=state), limit=_WAITING_READ)
    ]
    oldest = oldest_by_destination(waiting)
    return tuple(
        destination_line(one, states.get(one.name), backlogs.get(one.name, Backlog()), oldest.get(one.name))
        for one in site.parts.settings.destination
    )

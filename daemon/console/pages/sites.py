"""/sites: who sends, where results go, and how both are doing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    scanner_lines,
)
from hounsfield.daemon.console.problems import NoSuchThing
from hounsfield.daemon.console.site import Form, Site
from hounsfield.storage.destination_state import Backlog
from hounsfield.storage.log_book import Intake, JobQuery
from hounsfield.storage.operations import Action
from hounsfield.storage.states import JobState

PAUSES_SECONDS = 60.0
COUNTS_SECONDS = 5.0
"""How old may be what is counted over a day, or over all that waits."""
_PAGE, _MOST_PAGES = 500, 10
"""Of deliveries that wait, among which the oldest is looked for."""


def router(site: Site, asks: Asks | None = None) -> APIRouter:
    """Return the routes; ``asks`` is how a destination is asked, by C-ECHO as a rule."""
    routes = APIRouter()
    echoes = Echoes(asks or over_the_network(site.parts.settings))
    pauses = Remembered(usual_pauses(site.parts.database.series, site.parts.clock), PAUSES_SECONDS, site.parts.clock)
    counts = Remembered(lambda: _counts(site), COUNTS_SECONDS, site.parts.clock)

    def page() -> SitesPage:
        return _page(site, pauses.now(), counts.now())

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What takes longer to find out the more there is."""

    hour: Sequence[Intake]
    day: Sequence[Intake]
    backlogs: Mapping[str, Backlog]
    """By destination."""
    oldest: Mapping[str, datetime | None]
    """When the oldest delivery that waits was created, by destination."""


def _counts(site: Site) -> _Counts:
    now, log_book = site.parts.clock.now(), site.parts.database.log_book
    return _Counts(
        hour=log_book.intake(now - timedelta(hours=1)),
        day=log_book.intake(now - timedelta(days=1)),
        backlogs=site.parts.database.destination_states.backlogs(),
        oldest={one.name: _oldest_waiting(site, one.name) for one in site.parts.settings.destination},
    )


def _page(site: Site, pauses: Mapping[str, timedelta], counts: _Counts) -> SitesPage:
    parts = site.parts
    database, settings = parts.database, parts.settings
    facts = ScannerFacts(
        configured=settings.peer,
        sightings=database.peers.sightings(),
        hour=counts.hour,
        day=counts.day,
        alarms=database.alarms.open(),
        pauses=pauses,
    )
    scanners, strangers = scanner_lines(facts)
    backlogs = counts.backlogs
    names = {one.name for one in settings.destination}
    return SitesPage(
        scanners=scanners,
        strangers=strangers,
        destinations=_destinations(site, backlogs, counts.oldest),
        unconfigured=tuple(
            (name, backlog.waiting)
            for name, backlog in sorted(backlogs.items())
            if name not in names and backlog.waiting
        ),
    )


def _destinations(
    site: Site, backlogs: Mapping[str, Backlog], oldest: Mapping[str, datetime | None]
) -> tuple[DestinationLine, ...]:
    states = {state.name: state for state in site.parts.database.destination_states.all()}
    return tuple(
        destination_line(one, states.get(one.name), backlogs.get(one.name, Backlog()), oldest.get(one.name))
        for one in site.parts.settings.destination
    )


def _oldest_waiting(site: Site, destination: str) -> datetime | None:
    """Return when the oldest delivery that waits was created; None for none, or more than can be looked through."""
    found: list[datetime] = []
    for state in (JobState.AVAILABLE, JobState.RETRYABLE):
        query, before = JobQuery(destination=destination, state=state), None
        for _ in range(_MOST_PAGES):
            jobs = site.parts.database.log_book.newest(query, before_id=before, limit=_PAGE)
            found += [job.created_at for job in jobs]
            if len(jobs) < _PAGE:
                break
            before = jobs[-1].id
        else:
            return None
    return min(found, default=None)

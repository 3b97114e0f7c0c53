"""/series and /series/ID: what was received, what waits for a person, and what that person decides."""

from contextlib import suppress
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from hounsfield.daemon.console.pages.asked import (
    HANDLE,
    PAGE,
    AskedAmiss,
    Paging,
    address,
    given,
    links,
    number,
    series_state,
)
from hounsfield.daemon.console.pages.jobs import job_lines
from hounsfield.daemon.console.pages.series_view import (
    FILTERS,
    SeriesFacts,
    SeriesList,
    SeriesPage,
    series_line,
    series_page,
)
from hounsfield.daemon.console.pages.shown import Veil
from hounsfield.daemon.console.pages.why import reason_given
from hounsfield.daemon.console.problems import BadRequest, NoSuchThing
from hounsfield.daemon.console.site import Form, Site
from hounsfield.daemon.words import never_released
from hounsfield.storage.log_book import EventQuery
from hounsfield.storage.operations import Action
from hounsfield.storage.records import EventRecord, SeriesRecord
from hounsfield.storage.states import Reason, SeriesState

PATH = "/series"
_EVENTS = 500


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get(PATH)
    def series_list(request: Request) -> Response:
        try:
            page, amiss = _list(site, dict(request.query_params)), ""
        except AskedAmiss as fault:
            page, amiss = _shown(site, [], {}, Paging()), str(fault)
        return site.render(request, "series_list.html", status=400 if amiss else 200, page=page, amiss=amiss)

    @routes.get("/series/{series_id}")
    def one(request: Request, series_id: str) -> Response:
        return site.render(request, "series.html", page=_page(site, _series(site, series_id)))

    @routes.post("/series/{series_id}/reveal")
    def reveal(request: Request, series_id: str, form: Form) -> Response:
        site.acting(request, form)
        found, why = _series(site, series_id), reason_given(form)
        site.note(request, Action.REVEALED, {"series": found.id, "what": "UIDs", "why": why})
        return site.render(request, "series.html", page=_page(site, found, reveal=True))

    @routes.post("/series/{series_id}/release")
    def release(request: Request, series_id: str, form: Form) -> Response:
        person, found = site.acting(request, form), _series(site, series_id)
        if why := never_released(found):
            raise BadRequest("this series is never analysed", f"{why}: discard it, and have it sent again corrected")
        if not site.parts.database.series.release(found.id, site.parts.clock.now(), person):
            raise BadRequest(f"the series is {found.state}", "only a HELD series can be released")
        return _back(found)

    @routes.post("/series/{series_id}/discard")
    def discard(request: Request, series_id: str, form: Form) -> Response:
        person, found = site.acting(request, form), _series(site, series_id)
        if not site.parts.database.series.discard(found.id, Reason.OPERATOR, site.parts.clock.now(), person):
            raise BadRequest(f"the series is {found.state}", "only a HELD series can be discarded")
        return _back(found)

    return routes


def _list(site: Site, fields: dict[str, str]) -> SeriesList:
    asked, paging = given(fields, FILTERS), Paging.of(fields)
    state, log_book = series_state(asked), site.parts.database.log_book
    if "accession" in asked:
        if not HANDLE.fullmatch(asked["accession"]):
            raise AskedAmiss("accession is a keyed hash here: type the number into the search")
        found = [one for one in log_book.by_accession(asked["accession"]) if state in (None, one.state)]
        return _shown(site, found, asked, Paging())
    return _shown(site, log_book.newest_series(state, before_id=paging.before, limit=PAGE), asked, paging)


def _shown(site: Site, found: list[SeriesRecord], asked: dict[str, str], paging: Paging) -> SeriesList:
    veil = Veil(site.parts.hasher)
    return SeriesList(
        lines=tuple(series_line(one, _held_since(site, one), veil) for one in found),
        links=links(PATH, asked, paging, [one.id for one in found]),
        asked=asked,
        here=address(PATH, {**asked, **paging.fields()}),
        states=tuple(state.value for state in SeriesState),
    )


def _held_since(site: Site, series: SeriesRecord) -> datetime | None:
    if series.state is not SeriesState.HELD:
        return None
    query = EventQuery(series_uid=series.series_uid, state=SeriesState.HELD)
    found = [one.at for one in site.parts.database.log_book.last_events(query, 20) if one.job_id is None]
    return found[-1] if found else None


def _series(site: Site, series_id: str) -> SeriesRecord:
    with suppress(AskedAmiss):
        found = site.parts.database.series.get(number(series_id, "series"))
        if found is not None:
            return found
    raise NoSuchThing("such series")


def _page(site: Site, series: SeriesRecord, *, reveal: bool = False) -> SeriesPage:
    store = site.parts.database.series
    facts = SeriesFacts(
        series=series,
        verdicts={number: store.verdict(series.id, number) for number in range(1, series.revision + 1)},
        instances=store.instances(series.id),
        associations=store.associations(series.id),
        events=_own_events(site, series),
        jobs=job_lines(site, site.parts.database.jobs.of_series(series.id)),
    )
    return series_page(facts, Veil(site.parts.hasher), reveal=reveal)


def _own_events(site: Site, series: SeriesRecord) -> list[EventRecord]:
    newest = site.parts.database.log_book.last_events(EventQuery(series_uid=series.series_uid), _EVENTS)
    return [event for event in newest if event.job_id is None]


def _back(series: SeriesRecord) -> Response:
    return RedirectResponse(f"{PATH}/{series.id}", status_code=303)

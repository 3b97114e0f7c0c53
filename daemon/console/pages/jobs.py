"""/jobs: the job log, newest first, filtered; and the search for one job or series."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from hounsfield.daemon.assembly.describing import accession_handle
from hounsfield.daemon.console.pages.asked import PAGE, AskedAmiss, Paging, address, given, job_query, links
from hounsfield.daemon.console.pages.jobs_view import FILTERS, Choices, JobLine, JobsPage, job_line
from hounsfield.daemon.console.pages.search import Search, found
from hounsfield.daemon.console.pages.shown import Veil
from hounsfield.daemon.console.site import Form, Site
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.words import VERDICT_WORDS
from hounsfield.storage.operations import Action
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState

PATH = "/jobs"


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get(PATH)
    def jobs(request: Request) -> Response:
        try:
            page, amiss = _page(site, dict(request.query_params)), ""
        except AskedAmiss as fault:
            page, amiss = _empty(), str(fault)
        choices = _choices(site)
        return site.render(request, "jobs.html", status=400 if amiss else 200, page=page, choices=choices, amiss=amiss)

    @routes.post("/search")
    def search(request: Request, form: Form) -> Response:
        site.check_form(request, form)
        asked = Search(text=form.get("q", "").strip(), by_accession=form.get("what") == "accession")
        if asked.by_accession:
            site.admin(request)
        matches = found(asked, site.parts.database, site.parts.hasher)
        if asked.by_accession:
            site.note(
                request,
                Action.SEARCHED,
                {"accession": accession_handle(site.parts.hasher, asked.text), "series": len(matches)},
            )
        if len(matches) == 1:
            return RedirectResponse(matches[0].address, status_code=303)
        return site.render(request, "search.html", matches=matches, by_accession=asked.by_accession)

    return routes


def _page(site: Site, fields: dict[str, str]) -> JobsPage:
    asked, paging = given(fields, FILTERS), Paging.of(fields)
    query = job_query(asked, site.parts.clock.now())
    jobs = site.parts.database.log_book.newest(query, before_id=paging.before, limit=PAGE)
    return JobsPage(
        lines=job_lines(site, jobs),
        links=links(PATH, asked, paging, [job.id for job in jobs]),
        asked=asked,
        here=address(PATH, {**asked, **paging.fields()}),
    )


def job_lines(site: Site, jobs: list[JobRecord]) -> tuple[JobLine, ...]:
    """Return rows with the deliveries of each result."""
    veil = Veil(site.parts.hasher)
    return tuple(job_line(job, _deliveries(site, job), veil) for job in jobs)


def _deliveries(site: Site, job: JobRecord) -> list[JobRecord]:
    if job.kind is not JobKind.INFER or job.result_set_id is None:
        return []
    return site.parts.database.jobs.deliveries_of(job.result_set_id)


def _empty() -> JobsPage:
    return JobsPage(lines=(), links=links(PATH, {}, Paging(), []), asked={}, here=PATH)


def _choices(site: Site) -> Choices:
    parts = site.parts
    seen = {one.calling_ae for one in parts.database.peers.sightings() if one.admitted}
    return Choices(
        kinds=tuple(kind.value for kind in JobKind),
        states=tuple(state.value for state in JobState),
        outcomes=tuple((outcome.value, words) for outcome, words in VERDICT_WORDS.items()),
        scanners=tuple(sorted(title for title in seen if title.isprintable())),
        bundles=tuple(one.name for one in parts.database.bundle_choices.current()),
        destinations=tuple(escape_controls(one.name) for one in parts.settings.destination),
    )

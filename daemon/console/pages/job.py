"""/jobs/ID: one job, the picture of its result, and what a person can do about it."""

from contextlib import suppress

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from hounsfield.daemon.console.pages.asked import AskedAmiss, number
from hounsfield.daemon.console.pages.job_view import JobPage, job_page
from hounsfield.daemon.console.pages.recalling import take_back
from hounsfield.daemon.console.pages.shown import Veil
from hounsfield.daemon.console.pages.why import reason_given
from hounsfield.daemon.console.problems import BadRequest, NoSuchThing
from hounsfield.daemon.console.site import Form, Site
from hounsfield.daemon.job_story import describe
from hounsfield.storage.operations import Action
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobState

_OLD_PICTURE = {"Cache-Control": "no-store"}
"""It is never kept outside: what it shows is part of a patient."""


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get("/jobs/{job_id}")
    def job(request: Request, job_id: str) -> Response:
        return site.render(request, "job.html", page=_page(site, _job(site, job_id)))

    @routes.post("/jobs/{job_id}/reveal")
    def reveal(request: Request, job_id: str, form: Form) -> Response:
        site.acting(request, form)
        found, why = _job(site, job_id), reason_given(form)
        site.note(request, Action.REVEALED, {"job": found.id, "what": "UIDs", "why": why})
        return site.render(request, "job.html", page=_page(site, found, reveal=True))

    @routes.get("/jobs/{job_id}/picture/{role}")
    def picture(job_id: str, role: str) -> Response:
        detail = describe(_job(site, job_id), site.parts.database.jobs, site.parts.settings.storage.shared_folder)
        files = [one.preview for one in detail.objects if one.role == role and one.preview is not None]
        if not files:
            raise NoSuchThing("picture of this result")
        return FileResponse(files[0], media_type="image/png", headers=_OLD_PICTURE)

    @routes.post("/jobs/{job_id}/retry")
    def retry(request: Request, job_id: str, form: Form) -> Response:
        person, found = site.acting(request, form), _job(site, job_id)
        if not site.parts.database.jobs.requeue(found.id, site.parts.clock.now(), person):
            raise BadRequest(f"job {found.id} is not tried again", _why_not(found))
        return _back(found)

    @routes.post("/jobs/{job_id}/cancel")
    def cancel(request: Request, job_id: str, form: Form) -> Response:
        person, found = site.acting(request, form), _job(site, job_id)
        if not site.parts.database.jobs.cancel(found.id, site.parts.clock.now(), person):
            raise BadRequest(f"job {found.id} is {found.state}", "only jobs that have not ended can be cancelled")
        return _back(found)

    @routes.post("/jobs/{job_id}/retract")
    def retract(request: Request, job_id: str, form: Form) -> Response:
        person, found = site.acting(request, form), _job(site, job_id)
        take_back(site.parts, found, person, reason_given(form))
        return _back(found)

    return routes


def _job(site: Site, job_id: str) -> JobRecord:
    with suppress(AskedAmiss):
        found = site.parts.database.jobs.get(number(job_id, "job"))
        if found is not None:
            return found
    raise NoSuchThing("such job")


def _page(site: Site, job: JobRecord, *, reveal: bool = False) -> JobPage:
    database = site.parts.database
    detail = describe(job, database.jobs, site.parts.settings.storage.shared_folder)
    feedback = database.feedback.of_job(job.id if detail.result is None else detail.result.job_id)
    verdict = database.series.verdict(job.series_id, job.revision)
    return job_page(detail, feedback, Veil(site.parts.hasher), of_revision=verdict, reveal=reveal)


def _why_not(job: JobRecord) -> str:
    if job.state in (JobState.DISCARDED, JobState.CANCELLED, JobState.HELD):
        return "its series is HELD, a later revision has overtaken it, or its result was taken back"
    return f"it is {job.state}: only jobs that were given up, cancelled or held can be"


def _back(job: JobRecord) -> Response:
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)

"""All pages about the work, for the application to take in."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from hounsfield.daemon.console.pages import job, jobs, models, series, settings, sites
from hounsfield.daemon.console.site import Site

PAGES: Sequence[Callable[[Site], APIRouter]] = (
    jobs.router,
    job.router,
    series.router,
    sites.router,
    models.router,
    settings.router,
)

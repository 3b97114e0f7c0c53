"""What the list of jobs shows. Pure: rows of the stores in, what templates print out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.console.pages.asked import Links
from hounsfield.daemon.console.pages.shown import (
    Finding,
    Veil,
    delivery_state,
    finding,
    job_state,
)
from hounsfield.daemon.console.standing import State
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.words import number, subject
from hounsfield.storage.records import JobRecord

FILTERS = ("kind", "state", "outcome", "scanner", "bundle", "destination", "since", "series")
"""Fields of the form, in the address of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One row of a list of jobs."""

    id: int
    at: datetime
    """When it was created."""
    kind: str
    scanner: str
    series_id: int
    series: str
    """Keyed hash."""
    subject: str
    state: State
    finding: Finding | None
    score: str
    seconds: float | None
    """From creation to end; None as long as it has not ended."""
    deliveries: tuple[State, ...]
    """Where the result goes."""
    shadow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the filters offer."""

    kinds: tuple[str, ...]
    states: tuple[str, ...]
    outcomes: tuple[tuple[str, str], ...]
    """Value and words."""
    scanners: tuple[str, ...]
    bundles: tuple[str, ...]
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsPage:
    """The list."""

    lines: tuple[JobLine, ...]
    links: Links
    asked: dict[str, str]
    """The filters in force."""
    here: str
    """Address of this very list."""


def job_line(job: JobRecord, deliveries: Sequence[JobRecord], veil: Veil) -> JobLine:
    """Return the row of a job with the deliveries of its result."""
    ended = job.state.is_final
    return JobLine(
        id=job.id,
        at=job.created_at,
        kind=job.kind.value,
        scanner=escape_controls(job.scanner),
        series_id=job.series_id,
        series=veil.uid(job.series_uid),
        subject=subject(job),
        state=job_state(job),
        finding=finding(job),
        score=number(job.score, 3),
        seconds=(job.updated_at - job.created_at).total_seconds() if ended else None,
        deliveries=tuple(delivery_state(one) for one in deliveries if one.id != job.id),
        shadow=job.shadow,
    )

"""Bundles that cannot be used: what only they want is reported as not analysed, or waits."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.daemon.alarms.others import Others, nobody
from hounsfield.daemon.alarms.words import subject
from hounsfield.daemon.pipeline.serving_notes import ServingNote, ServingState
from hounsfield.model.bundle import Bundle
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.log_book import JobQuery
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, Reason

RECENT = timedelta(days=1)
"""How old a job may be that speaks of the state of a bundle."""
_LOOK_BACK = 20
_OF_THE_BUNDLE = frozenset({Reason.BUNDLE_DRIFTED, Reason.BUNDLE_GONE})


class Shelf(Protocol):
    """The bundles in use, as :class:`~hounsfield.daemon.bundles.shelf.BundleShelf`."""

    @property
    def bundles(self) -> Sequence[Bundle]:
        """Those that new jobs get."""

    @property
    def missing(self) -> Sequence[str]:
        """Names of which no version can be used."""


class Notes(Protocol):
    """What the worker found out, as :class:`~hounsfield.daemon.pipeline.serving_notes.ServingNotes`."""

    def of(self, sha256: str) -> ServingNote | None:
        """Return what is known of a bundle."""


class Newest(Protocol):
    """What is asked of :class:`~hounsfield.storage.log_book.LogBook`."""

    def newest(self, query: JobQuery, *, before_id: int | None = None, limit: int = 50) -> list[JobRecord]:
        """Return jobs, the newest first."""


class ModelProbe:
    """Bundles that are missing, do not load, or failed their self-test, here or at the last job."""

    kinds = (AlarmKind.MODEL_SELFTEST,)
    seconds = 30.0

    def __init__(self, shelf: Shelf, notes: Notes, log_book: Newest, others: Others = nobody) -> None:
        self._others = others
        self._shelf = shelf
        self._notes = notes
        self._log_book = log_book

    def conditions(self, now: datetime) -> list[Condition]:
        """Return one condition for each bundle. Raise StorageError."""
        problems = dict.fromkeys(self._shelf.missing, "no version of it can be used: no series is decided on")
        for bundle in self._shelf.bundles:
            problem = self._problem(bundle, now)
            problem = problem or self._told_elsewhere(bundle.label, now)
            if problem:
                problems[bundle.label] = problem
        return [
            Condition(kind=AlarmKind.MODEL_SELFTEST, subject=subject(name), detail={"problem": problem})
            for name, problem in problems.items()
        ]

    def _problem(self, bundle: Bundle, now: datetime) -> str:
        note = self._notes.of(bundle.sha256)
        if note is not None and note.state in (ServingState.DRIFTED, ServingState.REFUSED):
            return note.words or str(note.state)
        job = self._last_job(bundle, now)
        if job is None or job.reason not in _OF_THE_BUNDLE:
            return ""
        if note is not None and note.state is ServingState.SERVED and note.at > job.updated_at:
            return ""  # it was mended since
        return f"the last job ended with {job.reason}"

    def _told_elsewhere(self, label: str, now: datetime) -> str:
        """What workers on other hosts say of a bundle they have loaded."""
        for one in self._others(now):
            bundles = one.facts.get("bundles")
            said = bundles.get(label) if isinstance(bundles, Mapping) else None
            state = said.get("state") if isinstance(said, Mapping) else None
            if state in (ServingState.DRIFTED, ServingState.REFUSED):
                return f"{state} on {one.host}"
        return ""

    def _last_job(self, bundle: Bundle, now: datetime) -> JobRecord | None:
        """The last one that ended; a worker on another machine has notes of its own."""
        query = JobQuery(kind=JobKind.INFER, bundle=bundle.manifest.name, since=now - RECENT)
        jobs = self._log_book.newest(query, limit=_LOOK_BACK)
        return next((job for job in jobs if job.bundle_sha256 == bundle.sha256 and job.outcome is not None), None)

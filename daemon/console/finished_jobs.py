"""Counts what ended since this process began to look: by the events of the job log, each looked at once."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric as Family

from hounsfield.daemon.console import metric_names as names
from hounsfield.daemon.console.label_names import BoundedNames, ConfiguredNames
from hounsfield.daemon.console.metric_names import Kind, Metric
from hounsfield.storage.engine import Database
from hounsfield.storage.records import EventRecord, JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, SeriesState, Stage

_PAGE = 1000
_PAGES = 10
"""Of events, at one time; what is left is looked at the next time."""
_ENDS = frozenset(state for state in JobState if state.is_final)
COUNTED = (
    names.SERIES_RECEIVED,
    names.STAGE_SECONDS,
    names.JOB_SECONDS,
    names.END_TO_END,
    names.JOBS,
    names.ANALYSES,
    names.NOT_ANALYSED,
    names.SCORE,
)
"""What is counted here."""


class FinishedJobs:
    """Histograms and counters that grow with the job log, from zero; used by one thread at a time."""

    def __init__(self, database: Database, scanners: ConfiguredNames, bundles: BoundedNames) -> None:
        self._database = database
        self._scanners = scanners
        self._bundles = bundles
        self._last: int | None = None
        self._families: dict[str, Any] = {metric.name: _family(metric) for metric in COUNTED}

    def follow(self) -> None:
        """Count what has ended since the last call; the first one only notes where to begin. Raises StorageError."""
        if self._last is None:
            self._last = self._database.jobs.last_event_id()
            return
        for _ in range(_PAGES):
            page = self._database.jobs.events(after_id=self._last, limit=_PAGE)
            for event in page:
                self._count(event)
                self._last = event.id
            if len(page) < _PAGE:
                return

    def collect(self) -> Iterator[Family]:
        """Yield the families as they stand."""
        for family in self._families.values():
            for found in family.collect():
                found.samples = [sample for sample in found.samples if not sample.name.endswith("_created")]
                yield found

    def _of(self, metric: Metric, *labels: str) -> Any:
        family = self._families[metric.name]
        return family.labels(*labels) if labels else family

    def _count(self, event: EventRecord) -> None:
        if event.job_id is not None and event.from_state != event.to_state and event.to_state in _ENDS:
            job = self._database.jobs.get(event.job_id)
            if job is not None and job.state == event.to_state:  # or it was sent round again meanwhile
                self._count_job(job)
        elif event.stage is Stage.RECEIVE and event.from_state is None and event.to_state == SeriesState.RECEIVING:
            self._of(names.SERIES_RECEIVED, self._scanners(str(event.detail.get("calling_ae")))).inc()

    def _count_job(self, job: JobRecord) -> None:
        if job.kind is JobKind.DELIVER and job.state is JobState.COMPLETED:
            self._count_delivery(job)  # first: it asks the database, and what follows must not be counted twice
        self._of(names.JOBS, str(job.kind), str(job.state)).inc()
        if job.kind is JobKind.INFER:
            self._count_analysis(job)
        if job.state is not JobState.COMPLETED:
            return
        self._of(names.JOB_SECONDS, str(job.kind)).observe(max((job.updated_at - job.created_at).total_seconds(), 0.0))
        for stage, seconds in job.timings.items():
            self._of(names.STAGE_SECONDS, _known_stage(stage)).observe(seconds)

    def _count_analysis(self, job: JobRecord) -> None:
        if job.outcome is None:
            return
        bundle = self._bundles(job.bundle or "")
        self._of(names.ANALYSES, bundle, str(job.outcome)).inc()
        if job.outcome is Outcome.NOT_ANALYSED:
            self._of(names.NOT_ANALYSED, bundle, str(job.reason or "none")).inc()
        elif job.score is not None:
            self._of(names.SCORE, bundle).observe(job.score)

    def _count_delivery(self, job: JobRecord) -> None:
        series = self._database.series.get(job.series_id)
        if series is None or series.last_received_at > job.created_at:  # images of another revision
            return
        self._of(names.END_TO_END).observe((job.updated_at - series.last_received_at).total_seconds())


_STAGES = frozenset({"preprocess", "infer", "explain", "report", "deliver", "notify"})


def _known_stage(stage: str) -> str:
    return stage if stage in _STAGES else "other"


def _family(metric: Metric) -> Counter | Histogram:
    if metric.kind is Kind.HISTOGRAM:
        return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=None)
    return Counter(metric.name, metric.help, metric.labels, registry=None)

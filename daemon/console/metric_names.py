"""Every metric of the service: name, type, labels and what it says. docs/metrics.md is written from here.

Labels hold words of closed sets, names from the configuration, and ``other``; never a UID, nor what a sender calls
itself.
"""

import sys
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Types of Prometheus."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One family."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram."""


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name=f"hounsfield_{name}", kind=Kind.GAUGE, help=text, labels=labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name=f"hounsfield_{name}_total", kind=Kind.COUNTER, help=text, labels=labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name=f"hounsfield_{name}", kind=Kind.HISTOGRAM, help=text, labels=labels, buckets=buckets)


_STAGE_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_LONG_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 21600.0, 86400.0)
_SCORES = tuple(round(0.05 * step, 2) for step in range(1, 21))

BUILD = _gauge("build_info", "1, with the version of the program.", "version")
DATABASE_UP = _gauge("database_up", "1 if the job database answered; if not, what comes from it is missing here.")
READ_SECONDS = _gauge("metrics_read_seconds", "Seconds that reading these metrics took.")

QUEUE_JOBS = _gauge(
    "queue_jobs",
    "Jobs that have not ended: waiting (due), later (a retry that is not due yet), running, held (for a person).",
    "kind",
    "state",
)
QUEUE_OLDEST = _gauge("queue_oldest_seconds", "Age of the oldest job that is due and waits; 0 if none does.", "kind")
SERIES = _gauge("series", "Series that are being received, or held for a person.", "state")
DISCARDED = _gauge("discarded_jobs", "Jobs that were given up (dead letters) and not sent round again.")
HELD_DELIVERIES = _gauge("held_deliveries", "Results that are held for a person before they are sent.")

IMAGES = _counter("received_images", "Images stored and acknowledged.", "component", "scanner")
IMAGE_BYTES = _counter("received_bytes", "Bytes of their data sets.", "component", "scanner")
SERIES_RECEIVED = _counter("received_series", "Series seen for the first time.", "scanner")
STATUSES = _counter("store_statuses", "C-STORE responses by DIMSE status, hexadecimal.", "component", "status")
IMAGES_REFUSED = _counter("refused_images", "Images that were not stored, by reason.", "component", "reason")
ADMITTED = _counter("admitted_associations", "Associations that were accepted.", "component")
REFUSED = _counter("refused_associations", "Associations that were rejected, by reason.", "component", "reason")
OPEN = _gauge("open_associations", "Associations that are open.", "component")
UNREGISTERED = _gauge("unregistered_images", "Acknowledged images that wait for their row.", "component")
REFUSES = _gauge("receiver_refuses", "1 while every image is answered A700 (disk, database, pause).", "component")

STAGE_SECONDS = _histogram("stage_seconds", "Seconds of each stage of jobs that ended.", _STAGE_SECONDS, "stage")
JOB_SECONDS = _histogram("job_seconds", "Seconds from a job's making to its end.", _LONG_SECONDS, "kind")
END_TO_END = _histogram(
    "end_to_end_seconds", "Seconds from the last image of a series to its result at a destination.", _LONG_SECONDS
)
JOBS = _counter("ended_jobs", "Jobs that ended, by how.", "kind", "state")
ANALYSES = _counter("analyses", "Analyses by outcome: positive, negative or not_analysed.", "bundle", "outcome")
NOT_ANALYSED = _counter("not_analysed", "Analyses that ended as not analysed, by reason.", "bundle", "reason")
SCORE = _histogram("score", "Score of the deciding label, of what was analysed.", _SCORES, "bundle")

DRIFT = _gauge(
    "drift_psi",
    "Population stability index of what has moved most since the baseline: a score, or an input.",
    "bundle",
    "scanner",
    "of",
)
ALARMS = _gauge("alarms", "Alarms that are open.", "kind")
DISK_FREE = _gauge("disk_free_bytes", "Free bytes of the file system.", "what")
DISK_SIZE = _gauge("disk_size_bytes", "Size of the file system in bytes.", "what")
CERTIFICATE = _gauge(
    "certificate_expiry_seconds",
    "Seconds until the first certificate of the file expires, negative afterwards; missing if it cannot be read.",
    "which",
)
DESTINATION_UP = _gauge("destination_up", "0 while nothing can be sent there.", "destination")
PAUSED = _gauge("paused", "1 while a person has paused this part.", "part")

COMPONENT_UP = _gauge("component_up", "1 if the process was heard of lately; 0 if it is gone.", "component")
STARTS = _counter("component_starts", "How often a process was started under this name.", "component")
MEMORY = _gauge("component_memory_bytes", "Resident memory of the process.", "component")
CPU = _counter("component_cpu_seconds", "Processor time of the process.", "component")
LOADS = _counter("bundle_loads", "How often the worker has loaded a bundle.", "component")
SERVED = _gauge(
    "bundle_served", "1 if the worker loaded the bundle and it passed its self-test; 0 if it did not.", "bundle"
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


def as_markdown() -> str:
    """Return the table of docs/metrics.md."""
    rows = ["| metric | type | labels | what it says |", "|---|---|---|---|"]
    rows += [f"| `{m.name}` | {m.kind} | {', '.join(m.labels) or '-'} | {m.help} |" for m in METRICS]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())

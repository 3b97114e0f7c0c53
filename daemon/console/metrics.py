"""/metrics for Prometheus: read from the database when it is asked for, every five seconds at most."""

import threading
from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from hounsfield.daemon.console import metric_names as names
from hounsfield.daemon.console.drift_round import DriftRound
from hounsfield.daemon.console.finished_jobs import COUNTED, FinishedJobs
from hounsfield.daemon.console.label_names import BoundedNames, ConfiguredNames
from hounsfield.daemon.console.metric_names import METRICS, Kind
from hounsfield.daemon.console.metric_readings import (
    Reading,
    certificate_readings,
    component_readings,
    disk_readings,
    drift_readings,
    queue_readings,
    state_readings,
)
from hounsfield.daemon.console.parts import ConsoleParts, HasParts
from hounsfield.storage.errors import StorageError
from hounsfield.storage.log_book import LogBook

CACHED_SECONDS = 5.0
"""How long an answer counts: scrapers, however many, cannot load the database."""
MOST_BUNDLES = 100
"""Names of bundles that become labels."""


class ServiceCollector(Collector):
    """Everything of :data:`~hounsfield.daemon.console.metric_names.METRICS`; used by one thread at a time."""

    def __init__(self, parts: ConsoleParts, log_book: LogBook) -> None:
        self._parts = parts
        self._log_book = log_book
        self._scanners = ConfiguredNames([peer.ae_title for peer in parts.settings.peer])
        self._bundles = BoundedNames(MOST_BUNDLES)
        self._finished = FinishedJobs(parts.database, self._scanners, self._bundles)
        self._drift = DriftRound(parts.database.facts, parts.settings.drift, parts.clock)

    def collect(self) -> Iterator[Family]:
        """Yield all families. A database that does not answer is told, and what comes from it left out."""
        families = {metric.name: _family(metric) for metric in METRICS if metric not in COUNTED}
        for metric, labels, value in self._readings():
            families[metric.name].add_metric(labels, value)
        yield from families.values()
        yield from self._finished.collect()

    def _readings(self) -> Iterator[Reading]:
        parts, began = self._parts, self._parts.clock.monotonic()
        yield names.BUILD, (parts.version,), 1.0
        yield from disk_readings(parts.settings)
        yield from certificate_readings(parts.settings, parts.clock.now())
        is_up = True
        try:
            yield from self._from_database()
        except StorageError:
            is_up = False
        yield names.DATABASE_UP, (), float(is_up)
        yield names.READ_SECONDS, (), parts.clock.monotonic() - began

    def _from_database(self) -> list[Reading]:
        """All or nothing: half of it would look like the whole."""
        parts, now = self._parts, self._parts.clock.now()
        self._finished.follow()
        self._drift.look()
        components = parts.database.components.all()
        return [
            *queue_readings(self._log_book, now),
            *state_readings(parts),
            *drift_readings(self._drift.drifts, self._scanners, self._bundles),
            *component_readings(components, parts.settings, now, self._scanners, self._bundles),
        ]


class MetricsPage:
    """The answer to a scrape. May be asked from many threads; one reads, the others wait for it."""

    def __init__(self, parts: ConsoleParts, log_book: LogBook) -> None:
        self._clock = parts.clock
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(ServiceCollector(parts, log_book))
        self._lock = threading.Lock()
        self._text = b""
        self._until = float("-inf")

    def text(self) -> bytes:
        """Return the metrics in the text format 0.0.4 of Prometheus, five seconds old at most."""
        with self._lock:
            if self._clock.monotonic() >= self._until:
                self._text = generate_latest(self._registry)
                self._until = self._clock.monotonic() + CACHED_SECONDS
            return self._text


def router(site: HasParts) -> APIRouter:
    """Return /metrics. No patient data and no UIDs are in it, so that nobody has to sign in."""
    page = MetricsPage(site.parts, site.parts.database.log_book)
    routes = APIRouter()

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(page.text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return routes


def _family(metric: names.Metric) -> GaugeMetricFamily | CounterMetricFamily:
    family = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return family(metric.name, metric.help, labels=metric.labels)

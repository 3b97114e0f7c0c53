"""What the metrics say just now, read from the database, the file systems and the certificates at each look."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from hounsfield.daemon.beats import is_alive
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console import metric_names as names
from hounsfield.daemon.console.label_names import BoundedNames, ConfiguredNames
from hounsfield.daemon.console.metric_names import Metric
from hounsfield.daemon.console.overview_facts import certificates
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.drift.comparison import Drift
from hounsfield.daemon.pipeline.serving_notes import ServingState
from hounsfield.storage.alarms import AlarmKind
from hounsfield.storage.components import Component
from hounsfield.storage.control import Part
from hounsfield.storage.log_book import LogBook

Reading = tuple[Metric, tuple[str, ...], float]
"""A metric, the values of its labels, and its value."""

MOST_COMPONENTS = 100
"""The newest are told: containers have another host name at each start."""
FORGET_AFTER = timedelta(days=1)
"""A process that was not heard of for so long is no longer told."""


def queue_readings(log_book: LogBook, now: datetime) -> Iterator[Reading]:
    """Yield what waits, runs and is held. Raises StorageError, as all here that ask the database."""
    for queue in log_book.queues(now):
        kind = str(queue.kind)
        states = {"waiting": queue.waiting, "later": queue.later, "running": queue.running, "held": queue.held}
        for state, jobs in states.items():
            yield names.QUEUE_JOBS, (kind, state), jobs
        since = queue.oldest_waiting_since
        yield names.QUEUE_OLDEST, (kind,), 0.0 if since is None else max((now - since).total_seconds(), 0.0)
    counts = log_book.counts()
    yield names.SERIES, ("receiving",), counts["receiving_series"]
    yield names.SERIES, ("held",), counts["held_series"]
    yield names.DISCARDED, (), counts["discarded_jobs"]
    yield names.HELD_DELIVERIES, (), counts["held_deliveries"]


def state_readings(parts: ConsoleParts) -> Iterator[Reading]:
    """Yield alarms, destinations and pauses."""
    kinds = Counter(alarm.kind for alarm in parts.database.alarms.open())
    for kind in AlarmKind:
        yield names.ALARMS, (str(kind),), kinds[kind]
    configured = {destination.name for destination in parts.settings.destination}
    for state in parts.database.destination_states.all():
        if state.name in configured:
            yield names.DESTINATION_UP, (state.name,), float(not state.is_open)
    paused = {pause.part for pause in parts.database.control.pauses()}
    for part in Part:
        yield names.PAUSED, (str(part),), float(part in paused)


def drift_readings(
    drifts: Mapping[object, Drift], scanners: ConfiguredNames, bundles: BoundedNames
) -> Iterator[Reading]:
    """Yield how far each bundle on each scanner has moved; of those that share their labels, the farthest."""
    highest: dict[tuple[str, ...], float] = {}
    for drift in drifts.values():
        scanner = scanners(drift.pair.scanner.split(" / ")[0])
        for of, movement in (("score", drift.score), ("input", drift.input)):
            if movement is not None:
                key = (bundles(drift.pair.bundle), scanner, of)
                highest[key] = max(highest.get(key, 0.0), movement.shift.psi)
    for labels, psi in highest.items():
        yield names.DRIFT, labels, psi


def component_readings(
    components: list[Component], settings: Settings, now: datetime, scanners: ConfiguredNames, bundles: BoundedNames
) -> Iterator[Reading]:
    """Yield what each process says of itself; what it says is checked, for labels have to stay few."""
    lately = [one for one in components if now - one.seen_at < FORGET_AFTER]
    lately = sorted(lately, key=lambda one: one.seen_at)[-MOST_COMPONENTS:]
    served: dict[str, float] = {}
    for one in lately:
        alive = is_alive(one, settings.alarms.component_seconds, now)
        yield names.COMPONENT_UP, (one.name,), float(alive)
        yield names.STARTS, (one.name,), one.starts
        yield from _facts_of(one, scanners)
        if alive:
            served |= _served(one, bundles)
    for bundle, value in served.items():
        yield names.SERVED, (bundle,), value


def _facts_of(component: Component, scanners: ConfiguredNames) -> Iterator[Reading]:
    for metric, fact in _PLAIN.items():
        if (value := _number(component.facts.get(fact))) is not None:
            yield metric, (component.name,), value
    for metric, (fact, label) in _COUNTED.items():
        by_label: defaultdict[str, float] = defaultdict(float)
        for key, value in _numbers(component.facts.get(fact)):
            by_label[scanners(key) if label is None else label(key)] += value
        for name, value in by_label.items():
            yield metric, (component.name, name), value


def disk_readings(settings: Settings) -> Iterator[Reading]:
    """Yield the space of the file systems that we write to; nothing of one that cannot be asked."""
    folders = {"home": settings.storage.home, "spool": settings.storage.spool_folder}
    for what, folder in folders.items():
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        yield names.DISK_FREE, (what,), usage.free
        yield names.DISK_SIZE, (what,), usage.total


def certificate_readings(settings: Settings, now: datetime) -> Iterator[Reading]:
    """Yield how long the certificates are valid; nothing of a file that cannot be read."""
    for one in certificates(settings.tls):
        if one.ends_at is not None:
            yield names.CERTIFICATE, (one.setting,), (one.ends_at - now).total_seconds()


def _plain_word(word: str) -> str:
    """Return a coded word as it is: letters, digits and hyphens, and not many."""
    return word if len(word) <= 40 and word.isascii() and word.replace("-", "").isalnum() else "other"


_PLAIN: dict[Metric, str] = {
    names.MEMORY: "memory_bytes",
    names.CPU: "cpu_seconds",
    names.ADMITTED: "associations_admitted",
    names.OPEN: "associations_open",
    names.UNREGISTERED: "unregistered",
    names.REFUSES: "refuses",
    names.LOADS: "loads",
}
_COUNTED: dict[Metric, tuple[str, Callable[[str], str] | None]] = {
    names.IMAGES: ("images", None),
    names.IMAGE_BYTES: ("bytes", None),
    names.STATUSES: ("statuses", _plain_word),
    names.IMAGES_REFUSED: ("images_refused", _plain_word),
    names.REFUSED: ("associations_refused", _plain_word),
}
"""Metric -> fact, and what makes a label of its keys; None: they are AE titles."""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _numbers(value: object) -> Iterator[tuple[str, float]]:
    for key, one in value.items() if isinstance(value, Mapping) else ():
        if (number := _number(one)) is not None:
            yield str(key), number


def _served(component: Component, bundles: BoundedNames) -> dict[str, float]:
    found = component.facts.get("bundles")
    states = found if isinstance(found, Mapping) else {}
    return {
        bundles(str(label)): float(one.get("state") == ServingState.SERVED)
        for label, one in states.items()
        if isinstance(one, Mapping)
    }

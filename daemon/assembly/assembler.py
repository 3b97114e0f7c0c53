"""Closes series that have gone quiet: selection, safety holds, completeness, revisions.

One series is one decision and one transaction; a decision that lost a race with a new image is dropped and taken
again at the next tick. A series that makes the decision fail never keeps the others waiting: it is tried again a few
times and then held for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from hounsfield.daemon.assembly.completeness import Evidence, ended_badly, judge
from hounsfield.daemon.assembly.identities import IdentityReader
from hounsfield.daemon.assembly.quiet import Quiet, QuietWatch
from hounsfield.daemon.assembly.selection import select
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import AssemblySettings
from hounsfield.daemon.errors import IdentityUnavailable
from hounsfield.daemon.logs import UidHasher
from hounsfield.model.bundle import Bundle
from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import InstanceRecord, SeriesRecord
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import Completeness, InstanceRole, Reason

log = structlog.get_logger("hounsfield.assembler")

MOST_FAILURES = 3
"""Decisions on a series that may fail, for whatever reason, before it is held."""
FAILURE_PAUSE = 5.0
"""Seconds until a failed decision is taken again, times the failures so far."""


@dataclass(frozen=True, slots=True)
class _Images:
    """The primary source images of a series and what could be read of them."""

    ids: tuple[int, ...]
    headers: tuple[SliceHeader, ...]
    unreadable: int


class Assembler:
    """Decides what becomes of each quiet series. ``tick`` may run any number of times."""

    def __init__(
        self,
        *,
        series: SeriesStore,
        spool: Spool,
        bundles: Sequence[Bundle],
        settings: AssemblySettings,
        identities: IdentityReader,
        hasher: UidHasher,
        clock: Clock,
    ) -> None:
        self._series = series
        self._spool = spool
        self._bundles = bundles
        self._settings = settings
        self._identities = identities
        self._hasher = hasher
        self._clock = clock
        self._watch = QuietWatch(clock)
        self._waiting: dict[int, tuple[int, float]] = {}  # (version seen, look again at this monotonic time)
        self._failures: dict[int, int] = {}

    def tick(self) -> int:
        """Decide on every series that is due; return how many changed state."""
        receiving = self._series.receiving()
        standing = self._watch.look(receiving)
        due = [series for series in receiving if self._is_due(standing[series.id]) and not self._is_waiting(series)]
        return sum(self._try(series, standing[series.id]) for series in due)

    def _is_due(self, standing: Quiet) -> bool:
        return standing.quiet >= self._settings.quiet_seconds or standing.age >= self._settings.max_age_seconds

    def _try(self, series: SeriesRecord, standing: Quiet) -> bool:
        now = self._clock.now()
        try:
            changed = self._decide(series, standing, now)
        except DatabaseUnavailable:
            raise  # nothing is wrong with the series
        except Exception as error:
            log.exception("no decision on a series", series=self._hasher(series.series_uid), error=type(error).__name__)
            return self._failed(series, now)
        self._failures.pop(series.id, None)
        if changed:
            self._watch.forget(series.id)
        return changed

    def _failed(self, series: SeriesRecord, now: datetime) -> bool:
        failures = self._failures.get(series.id, 0) + 1
        if failures < MOST_FAILURES:
            self._failures[series.id] = failures
            self._waiting[series.id] = (series.version, self._clock.monotonic() + failures * FAILURE_PAUSE)
            return False
        self._failures.pop(series.id, None)
        return self._hold(series, Reason.INTERNAL, now)

    def _is_waiting(self, series: SeriesRecord) -> bool:
        version, until = self._waiting.get(series.id, (-1, 0.0))
        if version == series.version and self._clock.monotonic() < until:
            return True
        self._waiting.pop(series.id, None)
        return False

    def _decide(self, series: SeriesRecord, standing: Quiet, now: datetime) -> bool:
        instances = self._series.instances(series.id)
        sources = [i for i in instances if i.role is InstanceRole.SOURCE]
        if not sources:
            own = any(i.role is InstanceRole.OWN_RESULT for i in instances)
            return self._series.skip(series, Reason.OWN_RESULT if own else Reason.NOT_AN_IMAGE, now)
        conflict = self._conflict(sources)
        if conflict is not None:
            return self._hold(series, conflict, now)
        if series.revision > 0 and not any(i.is_primary and i.revision == 0 for i in sources):
            variants = [i.id for i in instances if i.revision == 0]
            return self._series.close_unchanged(series, variants, now)
        return self._close(series, sources, standing, now)

    def _close(self, series: SeriesRecord, sources: Sequence[InstanceRecord], standing: Quiet, now: datetime) -> bool:
        images = self._read(sources)
        if not images.headers:
            return self._hold(series, Reason.UNREADABLE, now)
        mixed = _mixed(images.headers)
        if mixed is not None:
            return self._hold(series, mixed, now)
        associations = self._series.associations(series.id)
        selection = select(images.headers, self._bundles, cut_off=ended_badly(associations))
        if selection.skipped is not None:
            return self._series.skip(series, selection.skipped, now)
        if series.revision >= self._settings.max_revisions:
            return self._hold(series, Reason.TOO_MANY_REVISIONS, now)
        geometry = measure(images.headers)
        if geometry.duplicate_positions or not geometry.consistent_orientation:
            return self._hold(series, Reason.AMBIGUOUS_GEOMETRY, now)
        evidence = Evidence(unreadable=images.unreadable, still_receiving=standing.quiet < self._settings.quiet_seconds)
        verdict = judge(images.headers, geometry, associations, evidence)
        wait = self._settings.incomplete_wait_seconds - standing.quiet
        if verdict.completeness is Completeness.INCOMPLETE and wait > 0:
            self._waiting[series.id] = (series.version, self._clock.monotonic() + wait)  # slices may still come
            return False
        return self._series.close(series, images.ids, verdict, selection.requests, now)

    def _hold(self, series: SeriesRecord, reason: Reason, now: datetime) -> bool:
        held = self._series.hold(series, reason, now)
        if held:
            log.warning("series held", series=self._hasher(series.series_uid), reason=str(reason))
        return held

    def _read(self, sources: Sequence[InstanceRecord]) -> _Images:
        primary = [instance for instance in sources if instance.is_primary]
        headers: list[SliceHeader] = []
        unreadable = 0
        for instance in primary:
            try:
                headers.append(read_header(self._spool.path(instance.digest)))
            except UnreadableInstance:
                unreadable += 1
        return _Images(tuple(i.id for i in primary), tuple(headers), unreadable)

    def _conflict(self, sources: Sequence[InstanceRecord]) -> Reason | None:
        """Compare new copies of known SOP instances with the first copy by analysis identity."""
        variants = [i for i in sources if not i.is_primary and i.revision == 0]
        if not variants:
            return None
        first = {i.sop_instance_uid: i for i in sources if i.is_primary}
        if any(v.sop_instance_uid not in first for v in variants):
            return Reason.CONFLICT  # the UID came first with something that is no image
        pairs = [(self._spool.path(v.digest), self._spool.path(first[v.sop_instance_uid].digest)) for v in variants]
        try:
            identity = self._identities.read(sorted({path for pair in pairs for path in pair}))
        except IdentityUnavailable as error:
            log.warning("copies could not be compared", error=str(error))
            return Reason.CONFLICT
        return Reason.CONFLICT if any(identity[a] != identity[b] for a, b in pairs) else None


def _mixed(headers: Sequence[SliceHeader]) -> Reason | None:
    """Two patients or two studies under one Series Instance UID: never a result."""
    if len({header.patient for header in headers}) > 1:
        return Reason.TWO_PATIENTS
    if len({header.study_uid for header in headers}) > 1:
        return Reason.TWO_STUDIES
    return None

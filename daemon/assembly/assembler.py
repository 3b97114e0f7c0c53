"""Closes series that have gone quiet: selection, safety holds, completeness, revisions.

One series is one decision and one transaction; a decision that lost a race with a new image is dropped and taken
again at the next tick. A series that makes the decision fail never keeps the others waiting: it is tried again a few
times and then held for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from hounsfield.daemon.assembly.completeness import ended_badly, judge
from hounsfield.daemon.assembly.identities import IdentityReader
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
FAILURE_PAUSE = timedelta(seconds=5)


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
        self._floor = clock.now()  # a restart gives every open series a fresh quiet period
        self._waiting: dict[int, tuple[int, datetime]] = {}  # (version seen, look again at)
        self._failures: dict[int, int] = {}

    def tick(self) -> int:
        """Decide on every series that is due; return how many changed state."""
        now = self._clock.now()
        due = self._series.quiet(
            now=now,
            quiet=timedelta(seconds=self._settings.quiet_seconds),
            max_age=timedelta(seconds=self._settings.max_age_seconds),
            floor=self._floor,
        )
        return sum(self._try(series, now) for series in due if not self._is_waiting(series, now))

    def _try(self, series: SeriesRecord, now: datetime) -> bool:
        try:
            changed = self._decide(series, now)
        except DatabaseUnavailable:
            raise  # nothing is wrong with the series
        except Exception as error:
            log.exception("no decision on a series", series=self._hasher(series.series_uid), error=type(error).__name__)
            return self._failed(series, now)
        self._failures.pop(series.id, None)
        return changed

    def _failed(self, series: SeriesRecord, now: datetime) -> bool:
        failures = self._failures.get(series.id, 0) + 1
        if failures < MOST_FAILURES:
            self._failures[series.id] = failures
            self._waiting[series.id] = (series.version, now + failures * FAILURE_PAUSE)
            return False
        self._failures.pop(series.id, None)
        return self._hold(series, Reason.INTERNAL, now)

    def _is_waiting(self, series: SeriesRecord, now: datetime) -> bool:
        version, until = self._waiting.get(series.id, (-1, now))
        if version == series.version and now < until:
            return True
        self._waiting.pop(series.id, None)
        return False

    def _decide(self, series: SeriesRecord, now: datetime) -> bool:
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
        return self._close(series, sources, now)

    def _close(self, series: SeriesRecord, sources: Sequence[InstanceRecord], now: datetime) -> bool:
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
        verdict = judge(images.headers, geometry, associations, images.unreadable)
        until = max(series.last_received_at, self._floor) + timedelta(seconds=self._settings.incomplete_wait_seconds)
        if verdict.completeness is Completeness.INCOMPLETE and now < until:
            self._waiting[series.id] = (series.version, until)  # missing slices may still come
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

"""How the service stands just now, as ``hounsfield top`` shows it. Cheap enough to be asked four times a second."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.daemon.beats import has_ended, is_alive
from hounsfield.daemon.cli.pause import pause_json
from hounsfield.daemon.cli.stats_views import queue_json
from hounsfield.storage.alarms import Alarm
from hounsfield.storage.components import Component
from hounsfield.storage.control import Pause
from hounsfield.storage.log_book import Intake, JobQuery, LastResult, Queue
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobState

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.storage.engine import Database

INTAKE_SPAN = timedelta(minutes=5)
RESULTS_SPAN = timedelta(hours=24)
RUNNING_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Space of a file system, in bytes."""

    holds: str
    """What of ours lies there: ``spool``, ``home``, or both."""
    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything that one screen shows."""

    at: datetime
    late_seconds: float
    """A process that was not heard of for longer counts as gone."""
    components: Sequence[Component]
    queues: Sequence[Queue]
    running: Sequence[JobRecord]
    intake: Sequence[Intake]
    results: Sequence[LastResult]
    alarms: Sequence[Alarm]
    pauses: Sequence[Pause]
    disks: Sequence[Disk]
    counts: dict[str, int]
    """Of what waits for a person, as ``LogBook.counts``."""

    def lives(self, component: Component) -> bool:
        """Whether it was heard of lately and has not said that it ends."""
        return is_alive(component, self.late_seconds, self.at)

    def as_json(self, hash_of: Callable[[str], str]) -> dict[str, object]:
        """Return the fields of ``top --json``; series as keyed hashes. Fixed, later versions only add."""
        return {
            "at": self.at,
            "components": [self._component_json(one) for one in self.components],
            "queues": [queue_json(queue, self.at) for queue in self.queues],
            "running": [_job_json(job, hash_of) for job in self.running],
            "intake": [
                {"scanner": one.scanner, "series": one.series, "instances": one.instances, "last_at": one.last_at}
                for one in self.intake
            ],
            "last_results": [_job_json(one.job, hash_of) for one in self.results],
            "alarms": [
                {"kind": one.kind.value, "subject": one.subject, "since": one.began_at, "detail": dict(one.detail)}
                for one in self.alarms
            ],
            "pauses": [pause_json(pause) for pause in self.pauses],
            "disks": [{"holds": one.holds, "total": one.total, "free": one.free} for one in self.disks],
            **self.counts,
        }

    def _component_json(self, one: Component) -> dict[str, object]:
        return {
            "name": one.name,
            "role": one.role,
            "version": one.version,
            "started_at": one.started_at,
            "seen_at": one.seen_at,
            "starts": one.starts,
            "lives": self.lives(one),
            "ended": has_ended(one),
        }


def look(database: "Database", settings: "Settings", now: datetime) -> Board:
    """Ask the database and the file systems."""
    log = database.log_book
    return Board(
        at=now,
        late_seconds=settings.alarms.component_seconds,
        components=database.components.all(),
        queues=log.queues(now),
        running=log.newest(JobQuery(state=JobState.RUNNING), limit=RUNNING_SHOWN),
        intake=log.intake(now - INTAKE_SPAN),
        results=log.last_results(now - RESULTS_SPAN),
        alarms=database.alarms.open(),
        pauses=database.control.pauses(),
        disks=disks({"spool": settings.storage.spool_folder, "home": settings.storage.home}),
        counts=log.counts(),
    )


def disks(folders: dict[str, Path]) -> list[Disk]:
    """Return the space of each file system once; one that cannot be asked is left out."""
    found: dict[int, Disk] = {}
    for name, folder in folders.items():
        try:
            number, usage = folder.stat().st_dev, shutil.disk_usage(folder)
        except OSError:
            continue  # not made yet; `doctor` tells what is wrong with it
        known = found.get(number)
        holds = name if known is None else f"{known.holds}, {name}"
        found[number] = Disk(holds=holds, total=usage.total, free=usage.free)
    return list(found.values())


def _job_json(job: JobRecord, hash_of: Callable[[str], str]) -> dict[str, object]:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "series": hash_of(job.series_uid),
        "scanner": job.scanner,
        "bundle": job.bundle,
        "destination": job.destination,
        "outcome": None if job.outcome is None else job.outcome.value,
        "reason": None if job.reason is None else job.reason.value,
        "score": job.score,
        "worker": job.worker,
        "updated_at": job.updated_at,
    }

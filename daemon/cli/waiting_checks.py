"""What the doctor says of jobs that nobody takes: silence in the PACS that would otherwise be seen by no one."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from hounsfield.daemon.alarms.words import BEGINS, remedy, title
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.pause_notes import pause_line
from hounsfield.daemon.config.settings import Settings
from hounsfield.storage.alarms import AlarmStore
from hounsfield.storage.control import ControlStore
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import JobFilter, JobRecord
from hounsfield.storage.states import JobKind, JobState

LONGEST_WAIT = timedelta(minutes=10)
"""An INFER job that waits longer has no worker, or far too few."""


def check_pauses(control: ControlStore) -> Iterator[Check]:
    """Tell what a person paused."""
    for pause in control.pauses():
        yield Check("paused", Level.WARNING, pause_line(pause), f"`hounsfield resume {pause.part}` lets it go on")


def check_alarms(alarms: AlarmStore) -> Iterator[Check]:
    """Tell what the service itself found wrong. It may be over if the service does not run."""
    for alarm in alarms.open():
        message = f"{title(alarm)}, since {alarm.began_at:%F %H:%M} UTC: {BEGINS[alarm.kind]}"
        yield Check("alarm", Level.WARNING, message, remedy(alarm))


def check_waiting(jobs: JobStore, settings: Settings, now: datetime) -> Iterator[Check]:
    """Tell of INFER jobs that no worker takes and of results and notifications for whom is not configured."""
    late = [job for job in _open(jobs, JobKind.INFER) if now - job.available_at > LONGEST_WAIT]
    if late:
        oldest = min(job.available_at for job in late)
        message = f"{len(late)} series wait for a worker, the oldest since {oldest:%F %H:%M} UTC"
        mend = "see that the service runs, and in its log whether the bundle is served; `hounsfield bundle selftest`"
        yield Check("waiting", Level.PROBLEM, message, mend)
    stranded = _stranded(jobs, JobKind.DELIVER, {destination.name for destination in settings.destination})
    stranded_news = _stranded(jobs, JobKind.NOTIFY, {notifier.name for notifier in settings.notify})
    mend = "configure it again under this name, or `hounsfield jobs cancel` them"
    for name, count in stranded:
        message = f"{count} results wait for destination '{name}', which is not configured"
        yield Check("waiting", Level.PROBLEM, message, mend)
    for name, count in stranded_news:
        message = f"{count} notifications wait for [[notify]] '{name}', which is not configured"
        yield Check("waiting", Level.PROBLEM, message, mend)
    if not (late or stranded or stranded_news):
        yield Check("waiting", Level.OK, "no job waits without somebody to take it")


def _stranded(jobs: JobStore, kind: JobKind, known: set[str]) -> list[tuple[str, int]]:
    return sorted(Counter(str(job.destination) for job in _open(jobs, kind) if job.destination not in known).items())


def _open(jobs: JobStore, kind: JobKind) -> Iterator[JobRecord]:
    for state in (JobState.AVAILABLE, JobState.RETRYABLE):
        after = 0
        while page := jobs.page(JobFilter(kind=kind, state=state), after_id=after):
            yield from page
            after = page[-1].id

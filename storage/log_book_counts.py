"""The counts of the log book on SQL: what is open, and what happened in a stretch of time.

Conditions that many rows meet are hidden from the engine, so that it goes by what bounds the rows: the time, or the
states that few jobs are in.
"""

from collections.abc import Iterable
from datetime import datetime
from math import ceil

from sqlalchemy import ColumnElement, Connection, case, func, select

from hounsfield.storage.errors import StorageError
from hounsfield.storage.log_book import Intake, LastResult, Latencies, Queue, Tally
from hounsfield.storage.narrowing import hidden, id_range
from hounsfield.storage.rows import AnyRow, job_record
from hounsfield.storage.states import JobKind, JobState, Outcome, SeriesState
from hounsfield.storage.tables import job, series

PERCENTILES = (50, 90, 95, 99)
_WAITING = (JobState.AVAILABLE, JobState.RETRYABLE)
_ENDED = tuple(state for state in JobState if state.is_final)
_TALLIED = {one.name: one for one in (job.c.scanner, job.c.bundle, job.c.destination, job.c.reason)}


def queues(connection: Connection, now: datetime) -> list[Queue]:
    """Return what waits, runs and is held, by kind."""
    is_due = job.c.available_at <= now
    oldest = func.min(case((is_due, job.c.available_at)))  # one that is tried again did not wait since it was made
    open_jobs = (
        select(job.c.kind, job.c.state, func.count(), func.sum(case((is_due, 1), else_=0)), oldest)
        .where(job.c.state.in_((*_WAITING, JobState.RUNNING, JobState.HELD)))
        .group_by(job.c.kind, job.c.state)
    )
    rows = [(JobKind(kind), JobState(state), *rest) for kind, state, *rest in connection.execute(open_jobs)]
    return [_queue(kind, [row[1:] for row in rows if row[0] is kind]) for kind in JobKind]


def _queue(kind: JobKind, rows: Iterable[tuple[JobState, int, int, datetime | None]]) -> Queue:
    waiting = [(count, due, oldest) for state, count, due, oldest in rows if state in _WAITING]
    counts = {state: count for state, count, *_ in rows}
    return Queue(
        kind=kind,
        waiting=sum(due for _, due, _ in waiting),
        later=sum(count - due for count, due, _ in waiting),
        running=counts.get(JobState.RUNNING, 0),
        held=counts.get(JobState.HELD, 0),
        oldest_waiting_since=min((oldest for *_, oldest in waiting if oldest is not None), default=None),
    )


def _ended_between(kind: JobKind, since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    return [job.c.updated_at >= since, job.c.updated_at < until, hidden(job.c.kind) == kind]


def tallies(connection: Connection, by: str, since: datetime, until: datetime, kind: JobKind) -> list[Tally]:
    """Count jobs that ended, by a column."""
    if by not in _TALLIED:
        raise StorageError(f"jobs are not counted by '{by}'; allowed: {', '.join(_TALLIED)}")
    group = hidden(_TALLIED[by])
    found = (
        select(
            group,
            func.count(),
            _count(job.c.outcome == Outcome.POSITIVE),
            _count(job.c.outcome == Outcome.NEGATIVE),
            _count(job.c.outcome == Outcome.NOT_ANALYSED),
            _count(job.c.state == JobState.DISCARDED),
            _count(job.c.state == JobState.CANCELLED),
        )
        .where(*_ended_between(kind, since, until), hidden(job.c.state).in_(_ENDED), group.is_not(None))
        .group_by(group)
    )
    names = ("group", "jobs", "positive", "negative", "not_analysed", "discarded", "cancelled")
    counted = [Tally(**dict(zip(names, row, strict=True))) for row in connection.execute(found)]
    return sorted(counted, key=lambda one: (-one.jobs, one.group))


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def latencies(connection: Connection, kind: JobKind, since: datetime, until: datetime) -> Latencies:
    """Return percentiles of the seconds that COMPLETED jobs took."""
    found = select(job.c.created_at, job.c.updated_at, job.c.timings).where(
        *_ended_between(kind, since, until), hidden(job.c.state) == JobState.COMPLETED
    )
    whole: list[float] = []
    stages: dict[str, list[float]] = {}
    for created_at, ended_at, timings in connection.execute(found):
        whole.append(max(0.0, (ended_at - created_at).total_seconds()))
        for stage, seconds in timings.items():
            stages.setdefault(stage, []).append(seconds)
    return Latencies(
        kind=kind,
        count=len(whole),
        percentiles=_percentiles(whole),
        stages={stage: _percentiles(seconds) for stage, seconds in sorted(stages.items())},
    )


def _percentiles(values: list[float]) -> dict[int, float]:
    """Nearest rank: each is a value that occurred."""
    ranked = sorted(values)
    return {share: ranked[ceil(share / 100 * len(ranked)) - 1] for share in PERCENTILES} if ranked else {}


def last_results(connection: Connection, since: datetime) -> list[LastResult]:
    """Return the newest analysis of each scanner that sent."""
    found = []
    for scanner in (one.scanner for one in intake(connection, since)):
        newest = [_newest_with(connection, scanner, outcome) for outcome in Outcome]
        if job_id := max((one for one in newest if one is not None), default=None):
            found.append(LastResult(scanner=scanner, job=job_record(_job_row(connection, job_id))))
    return found


def _newest_with(connection: Connection, scanner: str, outcome: Outcome) -> int | None:
    query = select(func.max(job.c.id)).where(job.c.scanner == scanner, job.c.outcome == outcome)
    found: int | None = connection.execute(query).scalar_one()
    return found


def _job_row(connection: Connection, job_id: int) -> AnyRow:
    query = select(job, series.c.series_uid).join(series, series.c.id == job.c.series_id).where(job.c.id == job_id)
    return connection.execute(query).one()


def intake(connection: Connection, since: datetime) -> list[Intake]:
    """Return what each scanner sent: series that began since, and those that go on receiving."""
    began = id_range(connection, series.c.first_received_at, since, None)
    goes_on = [
        series.c.state == SeriesState.RECEIVING,
        series.c.first_received_at < since,
        series.c.last_received_at >= since,
    ]
    rows = [*_sent(connection, began), *_sent(connection, goes_on)]
    return [_together([row for row in rows if row.scanner == name]) for name in sorted({row.scanner for row in rows})]


def _sent(connection: Connection, conditions: list[ColumnElement[bool]]) -> list[Intake]:
    scanner = hidden(series.c.scanner)
    amounts = func.count(), func.sum(series.c.instances), func.max(series.c.last_received_at)
    found = select(scanner, *amounts).where(*conditions).group_by(scanner)
    return [
        Intake(scanner=name, series=count, instances=int(instances), last_at=last_at)
        for name, count, instances, last_at in connection.execute(found)
    ]


def _together(rows: list[Intake]) -> Intake:
    return Intake(
        scanner=rows[0].scanner,
        series=sum(row.series for row in rows),
        instances=sum(row.instances for row in rows),
        last_at=max(row.last_at for row in rows),
    )


def counts(connection: Connection) -> dict[str, int]:
    """Return how many of the few that wait for a person, or for more images, there are."""
    return {
        "held_series": _number(connection, series.c.state == SeriesState.HELD),
        "receiving_series": _number(connection, series.c.state == SeriesState.RECEIVING),
        "discarded_jobs": _number(connection, job.c.state == JobState.DISCARDED),
        "held_deliveries": _number(connection, job.c.state == JobState.HELD),
    }


def _number(connection: Connection, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(condition)).scalar_one())

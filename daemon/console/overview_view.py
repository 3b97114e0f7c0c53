"""The overview as its template shows it. Pure: records in, lines of text with a level out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from hounsfield.daemon.alarms import words as alarm_words
from hounsfield.daemon.beats import has_ended
from hounsfield.daemon.config.operation import AlarmSettings
from hounsfield.daemon.console.overview_facts import INTAKE_STRETCH, CertificateDate, Disk, Facts
from hounsfield.daemon.console.rendering import size, span
from hounsfield.daemon.console.standing import Level, State
from hounsfield.daemon.term_of_office import ELECTED
from hounsfield.daemon.words import verdict
from hounsfield.storage.alarms import Alarm
from hounsfield.storage.components import Component
from hounsfield.storage.control import Pause
from hounsfield.storage.log_book import LastResult, Queue
from hounsfield.storage.states import JobKind

GONE_AFTER = timedelta(days=1)
"""A process not heard of for longer belongs to another time, or to a machine that was given up."""
_KINDS = {JobKind.INFER: "analysis", JobKind.DELIVER: "delivery", JobKind.NOTIFY: "notification"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """An open alarm."""

    words: str
    subject: str
    facts: str
    """How bad it is."""
    began_at: datetime
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentLine:
    """A process of the service."""

    name: str
    state: State
    started_at: datetime
    starts: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """Jobs of one kind that have not ended."""

    kind: str
    address: str
    waiting: int
    later: int
    running: int
    held: int
    oldest_since: datetime | None
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLine:
    """Series of a scanner that were received in the last minute, with all their images so far."""

    scanner: str
    series: int
    instances: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """The last result of what a scanner sent."""

    scanner: str
    code: str
    """``positive``, ``negative`` or ``not_analysed``: never shown alike."""
    words: str
    score: float | None
    bundle: str
    job: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainLine:
    """A name and how it stands."""

    name: str
    state: State
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The page."""

    summary: State
    alarms: tuple[AlarmLine, ...]
    pauses: tuple[Pause, ...]
    components: tuple[ComponentLine, ...]
    queues: tuple[QueueLine, ...]
    intake: tuple[IntakeLine, ...]
    receiving: int
    """Series that are being received."""
    held: int
    """Series that wait for a person."""
    results: tuple[ResultLine, ...]
    disks: tuple[PlainLine, ...]
    certificates: tuple[PlainLine, ...]
    intake_seconds: float


def overview(facts: Facts, limits: AlarmSettings) -> Overview:
    """Return the page for what the stores say."""
    components = tuple(_components(facts, limits))
    alarms = tuple(_alarm(one) for one in facts.alarms)
    return Overview(
        summary=_summary(len(alarms), len(facts.pauses), components),
        alarms=alarms,
        pauses=tuple(facts.pauses),
        components=components,
        queues=tuple(_queue(one, facts.now, limits) for one in facts.queues),
        intake=tuple(
            IntakeLine(scanner=one.scanner, series=one.series, instances=one.instances, last_at=one.last_at)
            for one in sorted(facts.intake, key=lambda one: -one.instances)
        ),
        receiving=facts.counts.get("receiving_series", 0),
        held=facts.counts.get("held_series", 0),
        results=tuple(_result(one) for one in facts.last_results),
        disks=tuple(_disk(one, limits) for one in facts.disks),
        certificates=tuple(_certificate(one, facts.now, limits) for one in facts.certificates),
        intake_seconds=INTAKE_STRETCH.total_seconds(),
    )


def _summary(alarms: int, pauses: int, components: Iterable[ComponentLine]) -> State:
    """Say what an admin has to know from across the room."""
    if alarms:
        return State(level=Level.PROBLEM, words=f"{alarms} alarm{'s' if alarms > 1 else ''}")
    silent = [one.name for one in components if one.state.level is Level.PROBLEM]
    if silent:
        return State(level=Level.PROBLEM, words=f"not heard of: {', '.join(silent)}")
    if pauses:
        return State(level=Level.WARNING, words="paused by a person")
    return State(level=Level.OK, words="no alarm")


def _alarm(alarm: Alarm) -> AlarmLine:
    return AlarmLine(
        words=alarm_words.BEGINS[alarm.kind],
        subject=alarm.subject,
        facts=", ".join(f"{key.replace('_', ' ')} {value}" for key, value in alarm_words.facts(alarm).items()),
        began_at=alarm.began_at,
        remedy=alarm_words.remedy(alarm),
    )


def _components(facts: Facts, limits: AlarmSettings) -> Iterator[ComponentLine]:
    for one in facts.components:
        silence = facts.now - one.seen_at
        if silence <= GONE_AFTER:
            yield ComponentLine(
                name=one.name,
                state=_life(one, silence.total_seconds(), limits),
                started_at=one.started_at,
                starts=one.starts,
                version=one.version,
            )


def _life(component: Component, silence: float, limits: AlarmSettings) -> State:
    if has_ended(component):
        return State(level=Level.QUIET, words="ended as it should")
    if silence > limits.component_seconds:
        return State(level=Level.PROBLEM, words=f"not heard of for {span(silence)}")
    if component.facts.get(ELECTED) is False:
        return State(level=Level.QUIET, words="stands by for another one")
    return State(level=Level.OK, words="alive")


def _queue(queue: Queue, now: datetime, limits: AlarmSettings) -> QueueLine:
    oldest = queue.oldest_waiting_since
    waits = 0.0 if oldest is None else (now - oldest).total_seconds()
    if waits > limits.queue_seconds:
        state = State(level=Level.PROBLEM, words=f"oldest: {span(waits)}")
    elif queue.held:
        state = State(level=Level.WARNING, words="held for a person")
    elif queue.waiting:
        state = State(level=Level.QUIET, words=f"oldest: {span(waits)}")
    else:
        state = State(level=Level.OK, words="nothing waits")
    return QueueLine(
        kind=_KINDS.get(queue.kind, queue.kind.value),
        address=f"/jobs?kind={queue.kind.value}",
        waiting=queue.waiting,
        later=queue.later,
        running=queue.running,
        held=queue.held,
        oldest_since=oldest,
        state=state,
    )


def _result(last: LastResult) -> ResultLine:
    job = last.job
    return ResultLine(
        scanner=last.scanner,
        code="" if job.outcome is None else job.outcome.value,
        words=verdict(job.outcome, job.reason),
        score=job.score,
        bundle=job.bundle or "",
        job=job.id,
        at=job.updated_at,
    )


def _disk(disk: Disk, limits: AlarmSettings) -> PlainLine:
    name = " and ".join(disk.names)
    if disk.size == 0:
        return PlainLine(name=name, state=State(level=Level.PROBLEM, words="cannot be looked at"))
    percent = 100.0 * disk.free / disk.size
    level = Level.PROBLEM if percent < limits.disk_percent else Level.OK
    return PlainLine(
        name=name,
        state=State(level=level, words=f"{percent:.0f} % free"),
        more=f"{size(disk.free)} of {size(disk.size)}",
    )


def _certificate(date: CertificateDate, now: datetime, limits: AlarmSettings) -> PlainLine:
    if date.ends_at is None:
        return PlainLine(name=date.setting, state=State(level=Level.PROBLEM, words="cannot be used"), more=date.problem)
    days = (date.ends_at - now) / timedelta(days=1)
    level = Level.PROBLEM if days < 0 else Level.WARNING if days < limits.certificate_days else Level.OK
    words = "has run out" if days < 0 else f"{days:.0f} days left"
    return PlainLine(name=date.setting, state=State(level=level, words=words), more=f"until {date.ends_at:%Y-%m-%d}")

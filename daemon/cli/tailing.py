"""``jobs tail``: events read from the log page by page, one line each, without patient data."""

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from hounsfield.daemon.cli.output import json_line
from hounsfield.daemon.cli.words import reason_words
from hounsfield.daemon.logs import UidHasher, escape_controls
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import EventRecord

PAGE = 500


class Tail:
    """Reads the event log forward from where it stopped last."""

    def __init__(self, jobs: JobStore, *, job_id: int | None = None, series_uid: str | None = None) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._series_uid = series_uid
        self._seen = 0

    def last(self, count: int) -> list[EventRecord]:
        """Return the newest ``count`` events and stand behind them."""
        if self._job_id is None and self._series_uid is None:
            # Ids grow by one per event, so the log need not be read from its beginning.
            self._seen = max(0, self._jobs.last_event_id() - count)
        newest = deque(self.fresh(), maxlen=count)
        return list(newest)

    def fresh(self) -> Iterator[EventRecord]:
        """Yield the events since the last call."""
        while page := self._jobs.events(
            after_id=self._seen, limit=PAGE, job_id=self._job_id, series_uid=self._series_uid
        ):
            for event in page:
                self._seen = event.id
                yield event


class EventLines:
    """Prints an event as one line for a person or as one JSON object."""

    def __init__(self, *, as_json: bool, home: Path) -> None:
        self._as_json = as_json
        self._hash = UidHasher.of_home(home)

    def show(self, event: EventRecord) -> None:
        """Print ``event``."""
        if self._as_json:
            json_line(event_json(event))
        else:
            typer.echo(event_line(event, "-" if event.series_uid is None else self._hash(event.series_uid)))


def event_line(event: EventRecord, series: str) -> str:
    """Return time, job, series (as keyed hash), stage, state from>to, seconds, reason and who decided in columns."""
    job = "-" if event.job_id is None else f"#{event.job_id}"
    stage, states = step(event)
    seconds = "" if event.seconds is None else f"{event.seconds:.2f} s"
    attempt = f"attempt {event.attempt}" if event.attempt and event.attempt > 1 else ""
    by = f"by {name}" if (name := person_of(event)) else ""
    tail = "  ".join(part for part in (attempt, reason_words(event.reason), by) if part)
    moment = event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{moment}  {job:>6}  {series:<14}  {stage:<10}  {states:<22}  {seconds:>9}  {tail}".rstrip()


def step(event: EventRecord) -> tuple[str, str]:
    """Return stage and states in words: a step inside a running job changes no state."""
    inside = event.detail.get("step")
    if isinstance(inside, str) and event.from_state == event.to_state:
        return inside, event.to_state
    return event.stage.value, f"{event.from_state or ''}>{event.to_state}"


def person_of(event: EventRecord) -> str:
    """Return who decided; empty where no person did."""
    name = event.detail.get("by")
    return escape_controls(name) if isinstance(name, str) else ""


def event_json(event: EventRecord) -> dict[str, object]:
    """Return the fields of ``jobs tail --json``."""
    return {
        "id": event.id,
        "at": event.at,
        "job": event.job_id,
        "kind": None if event.kind is None else event.kind.value,
        "series_uid": event.series_uid,
        "stage": event.stage.value,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "attempt": event.attempt,
        "worker": event.worker,
        "reason": None if event.reason is None else event.reason.value,
        "seconds": event.seconds,
        "detail": event.detail,
    }


@contextmanager
def until_interrupted() -> Iterator[Callable[[float], object]]:
    """Give a pause in seconds; SIGINT and SIGTERM end the block quietly, for that is how a tail ends.

    They end it in a pause. Elsewhere a first one is only noted: raised within a clean-up of some library, it would be
    lost.
    """
    asked, pausing = False, False

    def ask(_number: int, _frame: object) -> None:
        nonlocal asked
        if asked or pausing:
            raise KeyboardInterrupt
        asked = True

    def pause(seconds: float) -> None:
        nonlocal pausing
        pausing = True
        try:
            if asked:
                raise KeyboardInterrupt
            time.sleep(seconds)
        finally:
            pausing = False

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    try:
        yield pause
    except KeyboardInterrupt:
        return

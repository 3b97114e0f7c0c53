"""``jobs tail``: events read from the log page by page, one line each, without patient data."""

from collections.abc import Callable, Iterator

import typer

from hounsfield.daemon.cli.output import colour_wanted, json_line
from hounsfield.daemon.cli.patients import Patients
from hounsfield.daemon.event_words import event_fields, person_of, step
from hounsfield.daemon.words import reason_words
from hounsfield.storage.log_book import EventQuery, LogBook
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import EventRecord
from hounsfield.storage.states import JobState

PAGE = 500
_COLOURS = {
    JobState.COMPLETED: "green",
    JobState.RUNNING: "cyan",
    JobState.RETRYABLE: "yellow",
    JobState.HELD: "magenta",
    JobState.DISCARDED: "red",
    JobState.CANCELLED: "red",
}
"""Of lines on a terminal, by the state that an event leads to."""


class Tail:
    """Reads the event log forward from where it stopped last."""

    def __init__(self, log: LogBook, jobs: JobStore, query: EventQuery) -> None:
        self._log = log
        self._jobs = jobs
        self._query = query
        self._seen = 0

    def last(self, count: int) -> list[EventRecord]:
        """Return the newest ``count`` events and stand behind them."""
        self._seen = self._jobs.last_event_id()
        newest = self._log.last_events(self._query, count) if count else []
        if newest:
            self._seen = max(self._seen, newest[-1].id)
        return newest

    def fresh(self) -> Iterator[EventRecord]:
        """Yield the events since the last call; since the beginning, or ``query.since``, at the first."""
        # What does not fit is passed over for good: otherwise a rare choice would read the same events again and again.
        newest = self._jobs.last_event_id()
        while page := self._log.events(self._query, after_id=self._seen, limit=PAGE):
            for event in page:
                self._seen = event.id
                yield event
        self._seen = max(self._seen, newest)


class EventLines:
    """Prints an event as one line for a person or as one JSON object."""

    def __init__(self, *, as_json: bool, hash_of: Callable[[str], str], patients: Patients | None = None) -> None:
        self._as_json = as_json
        self._hash = hash_of
        self._patients = patients

    def show(self, event: EventRecord) -> None:
        """Print ``event``."""
        patient = None if self._patients is None or event.series_id is None else self._patients.of(event.series_id)
        if self._as_json:
            told = {} if self._patients is None else {"patient": None if patient is None else patient.as_json()}
            json_line(event_json(event) | told)
            return
        line = event_line(event, "-" if event.series_uid is None else self._hash(event.series_uid))
        painted = typer.style(line, fg=_colour(event)) if colour_wanted() else line
        typer.echo(painted if patient is None else f"{painted}  [{patient}]")


def _colour(event: EventRecord) -> str | None:
    if event.from_state == event.to_state or event.to_state not in _COLOURS:
        return None
    return _COLOURS[JobState(event.to_state)]


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


def event_json(event: EventRecord) -> dict[str, object]:
    """Return the fields of ``jobs tail --json``."""
    about: dict[str, object] = {
        "id": event.id,
        "at": event.at,
        "job": event.job_id,
        "kind": None if event.kind is None else event.kind.value,
        "series_uid": event.series_uid,
    }
    return about | event_fields(event)

"""``hounsfield jobs tail``: what happens, as it happens."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli import completion, patients
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.filters import (
    BundleOption,
    EventStateOption,
    KindOption,
    ScannerOption,
    SeriesOption,
    SinceOption,
    StageOption,
)
from hounsfield.daemon.cli.moments import moment
from hounsfield.daemon.cli.patients import RevealOption
from hounsfield.daemon.cli.pause_notes import PauseNotes
from hounsfield.storage.log_book import EventQuery

if TYPE_CHECKING:
    from hounsfield.daemon.cli.tailing import EventLines, Tail
    from hounsfield.storage.engine import Database

PAST_EVENTS = 20


def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events happen; Ctrl-C ends it.")] = False,
    lines: Annotated[
        int | None,
        typer.Option("--lines", "-n", help="Start with so many past events; without it 20, or all --since.", min=0),
    ] = None,
    job: Annotated[
        int | None,
        typer.Option("--job", metavar="ID", help="Only this job.", autocompletion=completion.jobs),
    ] = None,
    series: SeriesOption = None,
    state: EventStateOption = None,
    stage: StageOption = None,
    kind: KindOption = None,
    scanner: ScannerOption = None,
    bundle: BundleOption = None,
    since: SinceOption = None,
    reveal: RevealOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the events of the job log as they happen: time, job, series, stage, states, seconds, reason.

    A line appears within 0.2 s of what it tells. Series stand there as keyed hashes, and no line names a patient: it
    can run on a screen that everybody sees. --reveal adds who the patients are, and is written down itself.
    """
    from hounsfield.daemon.cli.tailing import EventLines, Tail
    from hounsfield.daemon.cli.which_series import uid_of
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        home = settings.storage.shared_folder
        query = EventQuery(
            state=_state(state),
            stage=stage,
            kind=kind,
            scanner=scanner,
            bundle=bundle,
            since=moment("--since", since, database.now()),
            job_id=job,
            series_uid=None if series is None else uid_of(database, home, series),
        )
        known = patients.reveal(database, settings, reveal, "jobs tail")
        events = Tail(database.log_book, database.jobs, query)
        printer = EventLines(as_json=as_json, hash_of=UidHasher.of_home(home), patients=known)
        pauses = PauseNotes(database.control)
        pauses.look()
        all_since = lines is None and query.since is not None
        for event in events.fresh() if all_since else events.last(PAST_EVENTS if lines is None else lines):
            printer.show(event)
        if follow:
            _follow(database, events, printer, pauses)


def _follow(database: "Database", events: "Tail", printer: "EventLines", pauses: PauseNotes) -> None:
    from hounsfield.daemon.cli.following import Bell, until_interrupted

    bell = Bell(database.doorbell())
    with until_interrupted() as wait:
        while True:
            bell.heard()
            pauses.look()
            for event in events.fresh():
                printer.show(event)
            wait(bell.wait)


def _state(given: str | None) -> str | None:
    if given is None or given.upper() in completion.EVENT_STATES:
        return None if given is None else given.upper()
    raise UsageFault(f"--state: nothing leads to {given!r}", f"one of {', '.join(completion.EVENT_STATES)}")

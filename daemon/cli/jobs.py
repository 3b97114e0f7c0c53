"""``hounsfield jobs``: the job log."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.archive import archive
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import CommandFailed, NotFound
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.paging import pages
from hounsfield.daemon.cli.pause_notes import PauseNotes, tell_pauses
from hounsfield.storage.states import JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hounsfield.storage.ports import JobStore
    from hounsfield.storage.records import JobRecord

FOLLOW_SECONDS = 0.3

app = typer.Typer(name="jobs", help="The job log: what was analysed, delivered, retried and why.", no_args_is_help=True)

app.command("archive")(archive)

JobIds = Annotated[list[int], typer.Argument(metavar="ID...", help="Job numbers, as `jobs list` shows them.")]


@app.command("list")
def list_jobs(
    kind: Annotated[JobKind | None, typer.Option(help="Only this kind.", case_sensitive=False)] = None,
    state: Annotated[JobState | None, typer.Option(help="Only this state.", case_sensitive=False)] = None,
    series: Annotated[str | None, typer.Option(metavar="UID", help="Only this Series Instance UID.")] = None,
    after: Annotated[int, typer.Option(metavar="ID", help="Start behind this job number.", min=0)] = 0,
    limit: Annotated[int | None, typer.Option(help="At most so many; all without it.", min=1)] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List jobs, oldest first."""
    from hounsfield.daemon.cli.job_views import JOB_COLUMNS, job_json, job_row
    from hounsfield.storage.records import JobFilter

    selection = JobFilter(kind=kind, state=state, series_uid=series)
    empty = True
    with open_stores(config) as (_, database):
        tell_pauses(database.control)

        def fetch(after_id: int, count: int) -> "list[JobRecord]":
            return database.jobs.page(selection, after_id=after_id, limit=count)

        for page in pages(fetch, after, limit):
            empty = False
            if as_json:
                for job in page:
                    json_line(job_json(job))
            else:
                show_table(JOB_COLUMNS, [job_row(job) for job in page])
    if empty:
        note("no such jobs" if any((kind, state, series, after)) else "no jobs yet")


@app.command()
def show(
    job_id: Annotated[int, typer.Argument(metavar="ID", help="Job number.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one job: its timeline, attempts, errors, result objects, where each was sent, what readers said."""
    from hounsfield.daemon.cli.feedback_views import feedback_json, print_feedback
    from hounsfield.daemon.cli.job_detail import describe, print_detail

    with open_stores(config) as (settings, database):
        job = database.jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}", "`hounsfield jobs list` shows those there are")
        tell_pauses(database.control)
        detail = describe(job, database.jobs, settings.storage.home)
        feedback = database.feedback.of_job(job.id if detail.result is None else detail.result.job_id)
    if as_json:
        json_line({**detail.as_json(), "feedback": [feedback_json(one) for one in feedback]})
    else:
        print_detail(detail)
        print_feedback(feedback)


@app.command()
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events happen; Ctrl-C ends it.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Start with so many past events.", min=0)] = 20,
    job: Annotated[int | None, typer.Option("--job", metavar="ID", help="Only this job.")] = None,
    series: Annotated[str | None, typer.Option(metavar="UID", help="Only this Series Instance UID.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the events of the job log as they happen: time, job, series, stage, states, seconds, reason."""
    from hounsfield.daemon.cli.tailing import EventLines, Tail, until_interrupted

    with open_stores(config) as (settings, database):
        events = Tail(database.jobs, job_id=job, series_uid=series)
        printer = EventLines(as_json=as_json, home=settings.storage.home)
        pauses = PauseNotes(database.control)
        pauses.look()
        for event in events.last(lines):
            printer.show(event)
        if follow:
            with until_interrupted() as pause:
                while True:
                    pauses.look()
                    for event in events.fresh():
                        printer.show(event)
                    pause(FOLLOW_SECONDS)


@app.command()
def retry(job_ids: JobIds, config: ConfigOption = None) -> None:
    """Put discarded or cancelled jobs back: they start again with no attempts counted."""
    with open_stores(config) as (_, database):
        rule = (
            "only DISCARDED and CANCELLED jobs can, not of a HELD series, nor to analyse an overtaken revision, nor "
            "those whose images or results were removed after their time"
        )
        _each(database.jobs, job_ids, database.jobs.requeue, "queued again", rule)


@app.command()
def cancel(job_ids: JobIds, config: ConfigOption = None) -> None:
    """Take jobs out that have not ended."""
    with open_stores(config) as (_, database):
        _each(database.jobs, job_ids, database.jobs.cancel, "cancelled", "only jobs that have not ended can")


def _each(
    jobs: "JobStore", job_ids: list[int], action: "Callable[[int, datetime], bool]", done: str, rule: str
) -> None:
    """Do ``action`` to every job and report each; raise after the last when one was missing or refused."""
    from hounsfield.daemon.clock import SystemClock

    missing, refused = [], []
    for job_id in job_ids:
        job = jobs.get(job_id)
        if job is None:
            missing.append(str(job_id))
        elif action(job_id, SystemClock().now()):
            typer.echo(f"job {job_id}: {done}")
        else:
            refused.append(f"{job_id} is {job.state}")
    if refused:
        raise CommandFailed(f"job {', '.join(refused)}: not {done}, {rule}")
    if missing:
        raise NotFound(f"there is no job {', '.join(missing)}", "`hounsfield jobs list` shows those there are")

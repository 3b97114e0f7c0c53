"""``hounsfield jobs``: the job log."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli import completion, jobs_list, jobs_stats, jobs_tail
from hounsfield.daemon.cli.archive import archive
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import CommandFailed, NotFound
from hounsfield.daemon.cli.output import json_line
from hounsfield.daemon.cli.patients import RevealOption, patient_json, revealed
from hounsfield.daemon.cli.pause_notes import tell_pauses
from hounsfield.daemon.cli.person import ByOption, person

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hounsfield.storage.engine import Database

app = typer.Typer(name="jobs", help="The job log: what was analysed, delivered, retried and why.", no_args_is_help=True)
app.command("list")(jobs_list.list_jobs)

JobIds = Annotated[
    list[int],
    typer.Argument(metavar="ID...", help="Job numbers, as `jobs list` shows them.", autocompletion=completion.jobs),
]


@app.command()
def show(
    job_id: Annotated[int, typer.Argument(metavar="ID", help="Job number.", autocompletion=completion.jobs)],
    reveal: RevealOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one job: timeline, attempts, errors and what to do, results and where each was sent, what readers said.

    The timeline has the seconds of every stage. Each object stands there with its file, and with the DICOM status that
    each destination answered for it and the proof that it keeps it.
    """
    from hounsfield.daemon.cli.feedback_views import feedback_json, print_feedback
    from hounsfield.daemon.cli.job_detail import detail_json
    from hounsfield.daemon.cli.job_pages import print_detail
    from hounsfield.daemon.job_story import describe
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        job = database.jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}", "`hounsfield jobs list` shows those there are")
        tell_pauses(database.control)
        shown = revealed(database, settings, reveal, "jobs show", job.series_id, job=job.id)
        detail = describe(job, database.jobs, settings.storage.shared_folder)
        feedback = database.feedback.of_job(job.id if detail.result is None else detail.result.job_id)
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
    if as_json:
        told = {"feedback": [feedback_json(one) for one in feedback]}
        json_line(detail_json(detail) | told | patient_json(shown))
    else:
        print_detail(detail, hash_of(job.series_uid), shown)
        print_feedback(feedback)


app.command("tail")(jobs_tail.tail)
app.command("stats")(jobs_stats.stats)


@app.command()
def retry(job_ids: JobIds, by: ByOption = None, config: ConfigOption = None) -> None:
    """Put discarded, cancelled or held jobs back: they start again with no attempts counted."""
    who = person(by)
    with open_stores(config) as (_, database):
        rule = (
            "only DISCARDED, CANCELLED and HELD jobs can, not of a HELD series, nor to analyse an overtaken revision, "
            "nor those that were taken back, or whose images or results were removed after their time"
        )
        _each(database, job_ids, partial(database.jobs.requeue, by=who), "queued again", rule)


@app.command()
def cancel(job_ids: JobIds, by: ByOption = None, config: ConfigOption = None) -> None:
    """Take jobs out that have not ended."""
    who = person(by)
    with open_stores(config) as (_, database):
        _each(
            database, job_ids, partial(database.jobs.cancel, by=who), "cancelled", "only jobs that have not ended can"
        )


app.command("archive")(archive)


def _each(
    database: "Database", job_ids: list[int], action: "Callable[[int, datetime], bool]", done: str, rule: str
) -> None:
    """Do ``action`` to every job and report each; raise after the last when one was missing or refused."""
    missing, refused = [], []
    for job_id in job_ids:
        job = database.jobs.get(job_id)
        if job is None:
            missing.append(str(job_id))
        elif action(job_id, database.now()):
            typer.echo(f"job {job_id}: {done}")
        else:
            refused.append(f"{job_id} is {job.state}")
    if refused:
        raise CommandFailed(f"job {', '.join(refused)}: not {done}, {rule}")
    if missing:
        raise NotFound(f"there is no job {', '.join(missing)}", "`hounsfield jobs list` shows those there are")

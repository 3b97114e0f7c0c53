"""``hounsfield results``: what left the pipeline, and taking it back."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.asking import YesOption
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_application, open_stores
from hounsfield.daemon.cli.exits import CommandFailed, NotFound, UsageFault
from hounsfield.daemon.cli.filters import BundleOption, OnwardsLimitOption
from hounsfield.daemon.cli.moments import moment, when
from hounsfield.daemon.cli.output import json_line, note
from hounsfield.daemon.cli.paging import Listing, pages
from hounsfield.daemon.cli.patients import RevealOption, patient_json, revealed
from hounsfield.daemon.cli.pause_notes import tell_pauses
from hounsfield.daemon.cli.person import ByOption, person

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database
    from hounsfield.storage.recall import RecallStore, ResultFilter, ResultLine

app = typer.Typer(name="results", help="Results: what was sent, and taking it back.", no_args_is_help=True)

VersionOption = Annotated[str | None, typer.Option(metavar="V", help="With --bundle: only of this version of it.")]
SinceOption = Annotated[str | None, when("--since", "Only results made since then")]
UntilOption = Annotated[str | None, when("--until", "Only results made before then")]


@app.command("list")
def list_results(
    bundle: BundleOption = None,
    version: VersionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: OnwardsLimitOption = None,
    after: Annotated[int, typer.Option(metavar="ID", help="Start behind this result number.", min=0)] = 0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List results, oldest first: of which job, what they say, and whether they were retracted."""
    from hounsfield.daemon.cli.result_views import COLUMNS, line_json, line_row
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
        tell_pauses(database.control)
        selection = _selection(database, (), bundle, version, since, until)
        shown = Listing(COLUMNS, line_json, lambda line: line_row(line, hash_of(line.series_uid)), as_json=as_json)
        last, _ = shown.show(_pages(database.recalls, selection, after, limit))
    if last is None:
        note("no such results" if any((after, bundle, since, until)) else "no results yet")


@app.command()
def show(
    result_id: Annotated[int, typer.Argument(metavar="ID", help="Result number, as `results list` shows it.")],
    reveal: RevealOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one result: its objects, where each was sent, and whether it was retracted, by whom and why."""
    from hounsfield.daemon.cli.result_views import describe, print_detail
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        tell_pauses(database.control)
        detail = describe(result_id, database)
        if detail is None:
            raise NotFound(f"there is no result {result_id}", "`hounsfield results list` shows those there are")
        series = database.series.find(detail.line.series_uid)
        series_id = None if series is None else series.id
        shown = revealed(database, settings, reveal, "results show", series_id, result=result_id)
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
    if as_json:
        json_line(detail.as_json() | patient_json(shown))
    else:
        print_detail(detail, hash_of(detail.line.series_uid), shown)


@app.command()
def retract(
    job_ids: Annotated[
        list[int] | None, typer.Argument(metavar="[JOB...]", help="Jobs whose results are taken back.")
    ] = None,
    bundle: BundleOption = None,
    version: VersionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    corrected: Annotated[
        bool, typer.Option("--corrected", help="Also send a report that gives no finding: NOT ANALYSED.")
    ] = False,
    words: Annotated[
        str, typer.Option("--reason-text", metavar="TEXT", help="Why; stands in what is sent. No patient data.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: YesOption = False,
    by: ByOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take results back: of jobs, of a bundle or version of it, of a period.

    What waits is not sent any more. Destinations that have the result, or may have it, get a key object selection
    "Rejected for Patient Safety Reasons" that names its objects; with --corrected a new report follows.
    """
    from hounsfield.daemon.cli.retracting import Retracting
    from hounsfield.daemon.pipeline.recall import RecallOrder

    if not job_ids and not any((bundle, since, until)):
        raise UsageFault("say which results", "give JOB numbers, or --bundle NAME [--version V], --since, --until")
    order = RecallOrder(by=person(by), words=words, corrected=corrected)
    with open_application(config) as application:
        database = application.database
        tell_pauses(database.control)
        selection = _selection(database, tuple(job_ids or ()), bundle, version, since, until, with_retractions=False)
        chosen = [line for page in _pages(database.recalls, selection, 0, None) for line in page]
        if not chosen:
            raise NotFound("there are no such results", "`hounsfield results list` shows those there are")
        work = Retracting(application.retractor(), order, as_json=as_json)
        work.look(chosen)
        if dry_run or not work.has_work:
            return
        if not yes and not typer.confirm("Take them back?", err=True):
            raise CommandFailed("nothing was done")
        work.act()


def _selection(
    database: "Database",
    job_ids: tuple[int, ...],
    bundle: str | None,
    version: str | None,
    since: str | None,
    until: str | None,
    *,
    with_retractions: bool = True,
) -> "ResultFilter":
    from hounsfield.storage.recall import ResultFilter

    if version is not None and bundle is None:
        raise UsageFault("--version is of a bundle", "give --bundle NAME too")
    now = database.now()
    return ResultFilter(
        job_ids=tuple(_infer_of(database, job_id) for job_id in job_ids) or None,
        bundle=bundle,
        bundle_version=version,
        since=moment("--since", since, now),
        until=moment("--until", until, now),
        with_retractions=with_retractions,
    )


def _infer_of(database: "Database", job_id: int) -> int:
    """Return the INFER job of a job: of one that delivers, the job whose result it delivers."""
    job = database.jobs.get(job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id}", "`hounsfield jobs list` shows those there are")
    result = None if job.result_set_id is None else database.jobs.result_set(job.result_set_id)
    return job_id if result is None else result.job_id


def _pages(
    recalls: "RecallStore", selection: "ResultFilter", after: int, limit: int | None
) -> "Iterator[list[ResultLine]]":
    def fetch(after_id: int, count: int) -> "list[ResultLine]":
        return recalls.page(selection, after_id=after_id, limit=count)

    return pages(fetch, after, limit)

"""``hounsfield jobs list``: the newest first for people, the oldest first for programs that read on."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.filters import (
    BeforeOption,
    BundleOption,
    DestinationOption,
    JobStateOption,
    KindOption,
    LimitOption,
    OutcomeOption,
    ReasonOption,
    ScannerOption,
    SeriesOption,
    SinceOption,
    rows_wanted,
    tell_more,
)
from hounsfield.daemon.cli.moments import moment
from hounsfield.daemon.cli.output import note
from hounsfield.daemon.cli.paging import Listing, pages, pages_back
from hounsfield.daemon.cli.pause_notes import tell_pauses
from hounsfield.storage.log_book import JobQuery
from hounsfield.storage.records import JobFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.storage.engine import Database
    from hounsfield.storage.records import JobRecord, SeriesRecord

AfterOption = Annotated[
    int | None,
    typer.Option(
        "--after",
        metavar="ID",
        help="Oldest first, behind this number, all of them: for programs that read on. Goes with --kind, --state "
        "and --series.",
        min=0,
    ),
]


def list_jobs(
    kind: KindOption = None,
    state: JobStateOption = None,
    outcome: OutcomeOption = None,
    reason: ReasonOption = None,
    scanner: ScannerOption = None,
    bundle: BundleOption = None,
    destination: DestinationOption = None,
    series: SeriesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    after: AfterOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List jobs, the newest first.

    A job is one analysis (INFER), one sending of a result (DELIVER) or one notification (NOTIFY). A page takes as long
    among a million jobs as among a thousand.
    """
    from hounsfield.daemon.cli.job_views import JOB_COLUMNS, job_json, job_row
    from hounsfield.daemon.cli.which_series import look_up
    from hounsfield.daemon.logs import UidHasher

    special = (outcome, reason, scanner, bundle, destination, since, before)
    if after is not None and any(special):
        raise UsageFault("--after goes with --kind, --state and --series only", "leave it out, or page with --before")
    with open_stores(config) as (settings, database):
        tell_pauses(database.control)
        record = None if series is None else look_up(database, settings.storage.shared_folder, series)
        query = JobQuery(
            kind=kind,
            state=state,
            outcome=outcome,
            reason=reason,
            scanner=scanner,
            bundle=bundle,
            destination=destination,
            since=moment("--since", since, database.now()),
            series_id=None if record is None else record.id,
        )
        wanted = rows_wanted(limit, as_json=as_json or after is not None)
        found = () if series is not None and record is None else _found(database, query, record, before, after, wanted)
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
        shown = Listing(JOB_COLUMNS, job_json, lambda one: job_row(one, hash_of(one.series_uid)), as_json=as_json)
        last, count = shown.show(found)
    if last is None:
        note("no such jobs" if any((kind, state, series, after, *special)) else "no jobs yet")
    elif after is None and not as_json:
        tell_more(count, wanted, last)


def _found(
    database: "Database",
    query: JobQuery,
    series: "SeriesRecord | None",
    before: int | None,
    after: int | None,
    limit: int | None,
) -> "Iterator[list[JobRecord]]":
    if after is None:
        return _back(database, query, before, limit)
    series_uid = None if series is None else series.series_uid
    return _onwards(database, JobFilter(kind=query.kind, state=query.state, series_uid=series_uid), after, limit)


def _back(database: "Database", query: JobQuery, before: int | None, limit: int | None) -> "Iterator[list[JobRecord]]":
    def fetch(before_id: int | None, count: int) -> "list[JobRecord]":
        return database.log_book.newest(query, before_id=before_id, limit=count)

    return pages_back(fetch, before, limit)


def _onwards(database: "Database", selection: JobFilter, after: int, limit: int | None) -> "Iterator[list[JobRecord]]":
    def fetch(after_id: int, count: int) -> "list[JobRecord]":
        return database.jobs.page(selection, after_id=after_id, limit=count)

    return pages(fetch, after, limit)

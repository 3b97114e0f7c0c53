"""``hounsfield series``: what was received and what became of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import CommandFailed, NotFound
from hounsfield.daemon.cli.output import console, json_line, local, note, show_table
from hounsfield.daemon.cli.paging import pages

if TYPE_CHECKING:
    from hounsfield.storage.ports import SeriesStore
    from hounsfield.storage.records import SeriesRecord

COLUMNS = ("series", "rev", "state", "completeness", "reason", "instances", "last received")

app = typer.Typer(name="series", help="Series received, and those that wait for a person.", no_args_is_help=True)

SeriesUid = Annotated[str, typer.Argument(metavar="UID", help="Series Instance UID, as `series list` shows it.")]


@app.command("list")
def list_series(
    limit: Annotated[int | None, typer.Option(help="At most so many; all without it.", min=1)] = None,
    after: Annotated[int, typer.Option(metavar="ROW", help="Leave out the first rows up to this id.", min=0)] = 0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List series in the order in which they first came."""
    empty = True
    with open_stores(config) as (_, database):

        def fetch(after_id: int, count: int) -> "list[SeriesRecord]":
            return database.series.page(after_id=after_id, limit=count)

        for page in pages(fetch, after, limit):
            empty = False
            if as_json:
                for series in page:
                    json_line(series_json(series))
            else:
                show_table(COLUMNS, [series_row(series) for series in page])
    if empty:
        note("no such series" if after else "no series yet")


def series_json(series: "SeriesRecord") -> dict[str, object]:
    """Return the fields of ``series list --json``; fixed, later versions only add."""
    return {
        "series_uid": series.series_uid,
        "study_uid": series.study_uid,
        "revision": series.revision,
        "state": series.state.value,
        "completeness": None if series.completeness is None else series.completeness.value,
        "reason": None if series.reason is None else series.reason.value,
        "instances": series.instances,
    }


def series_row(series: "SeriesRecord") -> tuple[str, ...]:
    """Return the cells under :data:`COLUMNS`."""
    return (
        series.series_uid,
        str(series.revision),
        series.state.value,
        "" if series.completeness is None else series.completeness.value,
        "" if series.reason is None else series.reason.value,
        str(series.instances),
        local(series.last_received_at),
    )


@app.command()
def show(uid: SeriesUid, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one series: evidence, counts, the associations that brought it, and its jobs."""
    from hounsfield.daemon.cli.job_views import JOB_COLUMNS, job_json, job_row

    with open_stores(config) as (_, database):
        series = _find(database.series, uid)
        jobs = database.jobs.of_series(series.id)
        associations = database.series.associations(series.id)
    if as_json:
        brought = [
            {"calling_ae": one.calling_ae, "address": one.peer_address, "at": one.opened_at, "ending": one.ending.value}
            for one in associations
        ]
        json_line(
            series_json(series) | _more(series) | {"associations": brought, "jobs": [job_json(job) for job in jobs]}
        )
        return
    for label, value in {**series_json(series), **_more(series)}.items():
        shown = local(value) if isinstance(value, datetime) else ", ".join(value) if isinstance(value, list) else value
        if shown not in (None, ""):
            console().print(f"[bold]{label:<18}[/bold]", end="")
            console().print(str(shown), markup=False)
    show_table(
        ("from", "address", "opened", "ending"),
        [(one.calling_ae, one.peer_address, local(one.opened_at), one.ending.value) for one in associations],
    )
    show_table(JOB_COLUMNS, [job_row(job) for job in jobs])


def _more(series: "SeriesRecord") -> dict[str, object]:
    return {
        "remarks": list(series.remarks),
        "duplicates": series.duplicates,
        "variants": series.variants,
        "first_received_at": series.first_received_at,
        "last_received_at": series.last_received_at,
        "closed_at": series.closed_at,
    }


@app.command()
def release(uid: SeriesUid, config: ConfigOption = None) -> None:
    """Let a HELD series go on: it is assembled and judged again."""
    from hounsfield.daemon.clock import SystemClock

    with open_stores(config) as (_, database):
        series = _find(database.series, uid)
        if not database.series.release(series.id, SystemClock().now()):
            raise CommandFailed(f"the series is {series.state}: only a HELD series can be released")
    typer.echo("released; the assembler looks at it again after the quiet period")


@app.command()
def discard(uid: SeriesUid, config: ConfigOption = None) -> None:
    """Decide that a HELD series is not analysed: it becomes SKIPPED, what was received stays."""
    from hounsfield.daemon.clock import SystemClock
    from hounsfield.storage.states import Reason

    with open_stores(config) as (_, database):
        series = _find(database.series, uid)
        if not database.series.discard(series.id, Reason.OPERATOR, SystemClock().now()):
            raise CommandFailed(f"the series is {series.state}: only a HELD series can be discarded")
    typer.echo("skipped by operator; send it again to have it looked at anew")


def _find(store: "SeriesStore", uid: str) -> "SeriesRecord":
    series = store.find(uid)
    if series is None:
        raise NotFound("there is no series with this UID", "`hounsfield series list` shows those there are")
    return series

"""``hounsfield series``: what was received and what became of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli import series_actions, series_reasons, series_reissue
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.paging import pages
from hounsfield.daemon.cli.pause_notes import tell_pauses
from hounsfield.daemon.cli.series_actions import SeriesUid, find
from hounsfield.storage.states import Reason, SeriesState

if TYPE_CHECKING:
    from hounsfield.storage.records import SeriesRecord

app = typer.Typer(name="series", help="Series received, and those that wait for a person.", no_args_is_help=True)


@app.command("list")
def list_series(
    state: Annotated[SeriesState | None, typer.Option(help="Only this state.", case_sensitive=False)] = None,
    reason: Annotated[
        Reason | None, typer.Option(metavar="CODE", help="Only with this reason.", case_sensitive=False)
    ] = None,
    study: Annotated[str | None, typer.Option(metavar="UID", help="Only of this Study Instance UID.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many; all without it.", min=1)] = None,
    after: Annotated[int, typer.Option(metavar="ROW", help="Leave out the first rows up to this id.", min=0)] = 0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List series in the order in which they first came."""
    from hounsfield.daemon.cli.series_views import COLUMNS, series_json, series_row

    empty = True
    with open_stores(config) as (_, database):
        tell_pauses(database.control)

        def fetch(after_id: int, count: int) -> "list[SeriesRecord]":
            return database.series.page(after_id=after_id, limit=count, state=state, reason=reason, study_uid=study)

        for page in pages(fetch, after, limit):
            empty = False
            if as_json:
                for series in page:
                    json_line(series_json(series))
            else:
                show_table(COLUMNS, [series_row(series) for series in page])
    if empty:
        note("no such series" if after or state or reason or study else "no series yet")


@app.command()
def show(uid: SeriesUid, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one series: verdict and evidence, counts, who sent it, who decided on it, and its jobs."""
    from hounsfield.daemon.cli.series_views import describe, print_detail

    with open_stores(config) as (_, database):
        tell_pauses(database.control)
        detail = describe(find(database.series, uid), database)
    if as_json:
        json_line(detail.as_json())
    else:
        print_detail(detail)


app.command("release")(series_actions.release)
app.command("discard")(series_actions.discard)
app.command("replay")(series_actions.replay)
app.command("reissue")(series_reissue.reissue)
app.command("reasons")(series_reasons.reasons)
